// SPDX-License-Identifier: BSD-3-Clause
// The file that is read and the one that is written, in a folder of their own, on virtual time: the
// kernel's inotify events are there as soon as the call returns that made them.
#include "unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "joinfile/export.h"
#include "joinfile/import.h"
#include "joinfile/joinfile_io.h"

#define MS USEC_PER_MSEC
#define S  USEC_PER_SEC
#define A  "10.0.0.1,232.1.1.1\n"
#define B  "10.0.0.1,232.1.1.2\n"
#define C  "10.0.0.1,232.1.1.3\n"

static char dir[64], path[128], out[128];
static struct timers timers;
static uint64_t now;
static struct joinfile_stats stats;
static struct joinfile_import *im;
static struct prefix range;
static struct joinfile_import_cfg cfg;
static char told[4096]; // "+1 -2 " by the last octet of the group
static unsigned int batches, n_told;
static bool in_batch;
static unsigned int room; // that the brain has

static bool want_cb(void *ctx, const struct sg *sg, bool wanted, uint64_t now_us)
{
	size_t len = strlen(told);

	(void)ctx;
	assert_true(in_batch);
	assert_int_equal(now_us, now);
	n_told++;
	if (wanted && room == 0)
		return false;
	room = wanted ? room - 1 : room + 1;
	if (len + 8 < sizeof(told))
		snprintf(told + len, 8, "%c%u ", wanted ? '+' : '-', sg->g.bytes[3]);
	return true;
}

static void begin_cb(void *ctx)
{
	(void)ctx;
	assert_false(in_batch);
	in_batch = true;
}

static void end_cb(void *ctx, uint64_t now_us)
{
	(void)ctx;
	(void)now_us;
	assert_true(in_batch);
	in_batch = false;
	batches++;
}

static const struct joinfile_import_ops ops = {want_cb, begin_cb, end_cb};

static void expect_told(const char *want)
{
	assert_string_equal(told, want);
	told[0] = '\0';
}

static void run(uint64_t for_us)
{
	uint64_t end = now + for_us;

	while (now < end) {
		joinfile_import_input(im, now);
		now += MS;
		timers_run(&timers, now);
	}
}

// A large file is read by a thread, which goes by the real clock: until *what is n.
static void run_until(const unsigned int *what, unsigned int n)
{
	for (int i = 0; i < 20000 && *what != n; i++) {
		usleep(1000);
		run(1 * MS);
	}
	assert_int_equal(*what, n);
}

static void write_to(const char *file, const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void replace(const char *text)
{
	char tmp[160];

	snprintf(tmp, sizeof(tmp), "%s.new", path);
	write_to(tmp, text);
	assert_int_equal(rename(tmp, path), 0);
}

static void import_begin(void)
{
	im = joinfile_import_create(&cfg, &ops, NULL, &timers, now);
	assert_non_null(im);
}

static int setup(void **state)
{
	(void)state;
	log_threshold = LOG_LEVEL_ERROR;
	strcpy(dir, "/tmp/joinfile-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/joins", dir);
	snprintf(out, sizeof(out), "%s/exported", dir);
	timers_init(&timers);
	now = 1000 * S;
	memset(&stats, 0, sizeof(stats));
	prefix_parse("232.0.0.0/8", &range);
	cfg = (struct joinfile_import_cfg){.path = path,
		.ssm_ranges = &range,
		.n_ssm_ranges = 1,
		.max_channels = 2000,
		.stats = &stats};
	told[0] = '\0';
	batches = n_told = 0;
	room = 2000;
	im = NULL;
	return 0;
}

static void remove_dir(const char *name)
{
	char file[512];
	struct dirent *e;
	DIR *d = opendir(name);

	while (d && (e = readdir(d))) {
		snprintf(file, sizeof(file), "%s/%s", name, e->d_name);
		unlink(file);
	}
	if (d)
		closedir(d);
	rmdir(name);
}

static int teardown(void **state)
{
	(void)state;
	joinfile_import_destroy(im);
	assert_int_equal(timers.count, 0);
	timers_fini(&timers);
	remove_dir(dir);
	return 0;
}

// Read at the start; a rename is acted on at once, and only the difference told.
static void replaced_by_rename(void **state)
{
	struct joinfile_import_view v;

	(void)state;
	write_to(path, A B);
	import_begin();
	expect_told("+1 +2 ");
	run(1 * S);
	replace(B C);
	joinfile_import_input(im, now);
	expect_told("-1 +3 ");
	joinfile_import_view(im, &v);
	assert_true(v.present);
	assert_int_equal(v.channels, 2);
	assert_int_equal(v.read_us, now);
	assert_string_equal(v.error, "");
	assert_int_equal(stats.read, 2);
	run(1 * S);
	expect_told("");
	assert_int_equal(stats.read, 2);
}

// A second rename right after the first waits until 100 ms have passed; what comes in between is
// read once.
static void burst_is_read_once(void **state)
{
	(void)state;
	write_to(path, A);
	import_begin();
	run(1 * S);
	for (int i = 0; i < 20; i++) {
		replace(i % 2 ? A B : A C);
		run(2 * MS);
	}
	assert_int_equal(stats.read, 2); // the first of them at once
	run(100 * MS);
	assert_int_equal(stats.read, 3);
	expect_told("+1 +3 -3 +2 ");
}

// Cut to nothing, then written: what is in between is never acted on, however long it takes.
static void written_in_place(void **state)
{
	char other[160];
	int fd;

	(void)state;
	write_to(path, A B);
	import_begin();
	expect_told("+1 +2 ");
	fd = open(path, O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	run(1 * S);
	// Other files of the folder that are replaced meanwhile, as the exported one is, are no
	// reason.
	write_to(out, "");
	snprintf(other, sizeof(other), "%s.new", out);
	write_to(other, "");
	assert_int_equal(rename(other, out), 0);
	run(2 * S);
	assert_int_equal(write(fd, A, strlen(A)), strlen(A));
	run(3 * S);
	expect_told("");
	assert_int_equal(write(fd, C, strlen(C)), strlen(C));
	close(fd);
	run(90 * MS);
	expect_told("");
	run(20 * MS);
	expect_told("-2 +3 ");
	assert_int_equal(stats.read, 2);
	// Written again and again, it is read a second after the first time at the latest.
	for (int i = 0; i < 15; i++) {
		write_to(path, A);
		run(80 * MS);
	}
	assert_int_equal(stats.read, 3);
	expect_told("-3 ");
}

static void malformed_changes_nothing(void **state)
{
	struct joinfile_import_view v;
	char want[256];

	(void)state;
	write_to(path, A B);
	import_begin();
	run(1 * S);
	expect_told("+1 +2 ");
	replace(C "10.0.0.1\n");
	run(1 * S);
	expect_told("");
	assert_int_equal(stats.drops[JOINFILE_DROP_MALFORMED], 1);
	joinfile_import_view(im, &v);
	snprintf(want, sizeof(want), "%s:2: not source,group[,population]", path);
	assert_string_equal(v.error, want);
	assert_int_equal(v.channels, 2);
	replace(A C);
	run(1 * S);
	expect_told("-2 +3 ");
	joinfile_import_view(im, &v);
	assert_string_equal(v.error, "");
}

static void passed_and_too_many(void **state)
{
	struct joinfile_import_view v;

	(void)state;
	cfg.max_channels = 3;
	write_to(path, "2001:db8::1,ff3e::1\n10.0.0.1,239.1.1.1\n" A);
	import_begin();
	expect_told("+1 ");
	assert_int_equal(stats.drops[JOINFILE_DROP_NOT_SSM], 2);
	joinfile_import_view(im, &v);
	assert_int_equal(v.passed, 2);
	assert_int_equal(v.channels, 1);
	run(1 * S);
	replace(A B C "10.0.0.1,232.1.1.4\n");
	run(1 * S);
	expect_told("");
	assert_int_equal(stats.drops[JOINFILE_DROP_TOO_LARGE], 1);
	joinfile_import_view(im, &v);
	assert_non_null(strstr(v.error, ":4: one channel more than the limit"));
}

static void too_large_or_no_file(void **state)
{
	char fifo[160], other[160];
	int fd;

	(void)state;
	write_to(path, A);
	import_begin();
	run(1 * S);
	told[0] = '\0';
	fd = open(path, O_WRONLY);
	assert_int_equal(ftruncate(fd, JOINFILE_MAX_OCTETS + 1), 0);
	close(fd);
	for (int i = 0; i < 20000 && stats.drops[JOINFILE_DROP_TOO_LARGE] == 0; i++) {
		usleep(1000);
		run(1 * MS);
	}
	assert_int_equal(stats.drops[JOINFILE_DROP_TOO_LARGE], 1);
	snprintf(fifo, sizeof(fifo), "%s/fifo", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(rename(fifo, path), 0);
	run(1 * S);
	assert_int_equal(stats.drops[JOINFILE_DROP_UNREADABLE], 1);
	// It is looked at again when it changes, not when a neighbor does.
	write_to(other, "");
	assert_int_equal(rename(other, out), 0);
	run(1 * S);
	assert_int_equal(stats.drops[JOINFILE_DROP_UNREADABLE], 1);
	expect_told("");
}

static void gone_and_back(void **state)
{
	struct joinfile_import_view v;

	(void)state;
	import_begin();
	joinfile_import_view(im, &v);
	assert_false(v.present);
	write_to(path, A B);
	run(1 * S);
	expect_told("+1 +2 ");
	// Taken away and put back within a moment: nobody loses anything.
	assert_int_equal(unlink(path), 0);
	write_to(path, B A);
	run(1 * S);
	expect_told("");
	assert_int_equal(unlink(path), 0);
	run(90 * MS);
	expect_told("");
	run(20 * MS);
	expect_told("-1 -2 ");
	joinfile_import_view(im, &v);
	assert_false(v.present);
	assert_int_equal(v.channels, 0);
	replace(C);
	joinfile_import_input(im, now);
	run(1 * S);
	expect_told("+3 ");
}

// The folder comes later, goes with the file in it, and comes back.
static void folder_gone_and_back(void **state)
{
	char sub[96], other[96];

	(void)state;
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	snprintf(path, sizeof(path), "%s/joins", sub);
	import_begin();
	run(2 * S);
	assert_int_equal(mkdir(sub, 0700), 0);
	write_to(path, A);
	run(1200 * MS);
	expect_told("+1 ");
	assert_int_equal(rename(sub, other), 0);
	run(200 * MS);
	expect_told("-1 ");
	assert_int_equal(mkdir(sub, 0700), 0);
	write_to(path, B);
	run(1200 * MS);
	expect_told("+2 ");
	replace(B C);
	run(1 * MS);
	expect_told("+3 ");
	remove_dir(sub);
	run(200 * MS);
	expect_told("-2 -3 ");
	remove_dir(other);
}

// As a volume of Kubernetes has it: the file is a link through a link, and that one is replaced.
static void link_is_replaced(void **state)
{
	char a[96], b[96], data[96], tmp[96], file[128];

	(void)state;
	snprintf(a, sizeof(a), "%s/v1", dir);
	snprintf(b, sizeof(b), "%s/v2", dir);
	snprintf(data, sizeof(data), "%s/..data", dir);
	snprintf(tmp, sizeof(tmp), "%s/..tmp", dir);
	mkdir(a, 0700);
	mkdir(b, 0700);
	snprintf(file, sizeof(file), "%s/joins", a);
	write_to(file, A);
	snprintf(file, sizeof(file), "%s/joins", b);
	write_to(file, A B);
	assert_int_equal(symlink("v1", data), 0);
	assert_int_equal(symlink("..data/joins", path), 0);
	import_begin();
	expect_told("+1 ");
	run(1 * S);
	assert_int_equal(symlink("v2", tmp), 0);
	assert_int_equal(rename(tmp, data), 0);
	run(1 * MS);
	expect_told("+2 ");
	assert_int_equal(unlink(data), 0);
	remove_dir(a);
	remove_dir(b);
}

// More than a slice: told in several goes, none of which is long; a change that comes meanwhile
// counts from what the file said before.
static void slices(void **state)
{
	char text[20 * 1024] = "";
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 700; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "10.0.%d.1,232.1.1.%d\n",
			i / 250, i % 250 + 1);
	write_to(path, text);
	import_begin();
	assert_int_equal(n_told, 256);
	assert_int_equal(batches, 1);
	run(10 * MS);
	assert_int_equal(n_told, 700);
	assert_int_equal(batches, 3);
	replace("");
	run(200 * MS);
	assert_int_equal(n_told, 1400);
	replace(text);
	joinfile_import_input(im, now);
	run(1 * S);
	assert_int_equal(n_told, 2100);
	replace(A);
	joinfile_import_input(im, now);
	assert_int_equal(n_told, 2100 + 256);
	run(1 * S);
	assert_int_equal(room, 1999);
}

// Nothing of a large file holds its reader: it is read and put in order by a thread. What the file
// says meanwhile is read after that.
static void large_is_read_aside(void **state)
{
	enum { LINES = 20000 };
	char *text = malloc(LINES * 32);
	size_t len = 0;

	(void)state;
	assert_non_null(text);
	for (int i = LINES - 1; i >= 0; i--) // in the wrong order
		len += (size_t)snprintf(text + len, 32, "10.0.0.1,232.%d.%d.%d\n", 1 + i / 65536,
			i / 256 % 256, i % 256);
	room = cfg.max_channels = LINES;
	write_to(path, text);
	import_begin();
	assert_int_equal(n_told, 0); // nothing yet
	run_until(&n_told, LINES);
	assert_int_equal(room, 0);
	assert_int_equal(stats.read, 1);
	run(1 * S);
	text[0] = 'x'; // as a whole or not at all
	replace(text);
	joinfile_import_input(im, now);
	replace(A);			   // while the other is being read
	run_until(&n_told, 2 * LINES - 1); // all but one go
	assert_int_equal(room, LINES - 1);
	run(1 * S);
	replace(text);
	joinfile_import_input(im, now); // and ends while that is read
	free(text);
}

// What the brain refused is asked for again, and taken when there is room.
static void refused_for_now(void **state)
{
	struct joinfile_import_view v;

	(void)state;
	room = 1;
	write_to(path, A B C);
	import_begin();
	expect_told("+1 ");
	joinfile_import_view(im, &v);
	assert_int_equal(v.refused, 2);
	assert_int_equal(stats.drops[JOINFILE_DROP_LIMIT], 2);
	run(6 * S);
	room = 1;
	run(5 * S);
	expect_told("+2 ");
	replace(B C);
	run(1 * MS);
	expect_told("-1 +3 ");
	joinfile_import_view(im, &v);
	assert_int_equal(v.refused, 0);
}

// ---- the file that is written
static struct sg joined[8];
static uint32_t n_joined;
static uint64_t joined_changes;

static uint64_t changes_cb(void *ctx)
{
	(void)ctx;
	return joined_changes;
}

static uint32_t count_cb(void *ctx)
{
	(void)ctx;
	return n_joined;
}

static void each_cb(void *ctx, void (*cb)(void *arg, const struct sg *sg), void *arg)
{
	(void)ctx;
	for (uint32_t i = 0; i < n_joined; i++)
		cb(arg, &joined[i]);
}

static void join(const char *s, const char *g)
{
	addr_parse(s, &joined[n_joined].s);
	addr_parse(g, &joined[n_joined].g);
	n_joined++;
	joined_changes++;
}

static void expect_exported(const char *want)
{
	char text[1024] = "";
	FILE *f = fopen(out, "r");

	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(text, want);
}

static void exported(void **state)
{
	static const struct joinfile_export_ops export_ops = {changes_cb, count_cb, each_cb};
	struct joinfile_export_cfg ec = {.path = out, .stats = &stats};
	struct joinfile_export_view v;
	struct joinfile_export *ex;

	(void)state;
	n_joined = 0;
	write_to(path, B "10.0.0.9,232.1.1.9,42\n");
	write_to(out, "what was before a restart\n");
	import_begin();
	ec.import = im;
	ex = joinfile_export_create(&ec, &export_ops, NULL, &timers, now);
	assert_non_null(ex);
	join("10.0.0.9", "232.1.1.9");
	join("10.0.0.1", "232.1.1.2");
	run(900 * MS);
	expect_exported("what was before a restart\n");
	run(200 * MS);
	expect_exported(B "10.0.0.9,232.1.1.9,42\n");
	join("10.0.0.1", "232.1.1.1");
	run(200 * MS);
	expect_exported(B "10.0.0.9,232.1.1.9,42\n"); // not within the second
	run(1 * S);
	expect_exported(A B "10.0.0.9,232.1.1.9,42\n");
	run(5 * S);
	assert_int_equal(stats.exported, 2);
	// One that comes and goes again changes nothing; another population does.
	joined_changes += 2;
	run(2 * S);
	assert_int_equal(stats.exported, 2);
	replace(B "10.0.0.9,232.1.1.9,43\n");
	run(2 * S);
	expect_exported(A B "10.0.0.9,232.1.1.9,43\n");
	joinfile_export_view(ex, &v);
	assert_int_equal(v.channels, 3);
	assert_int_equal(v.error, 0);
	n_joined = 0;
	joined_changes++;
	run(2 * S);
	expect_exported("");
	joinfile_export_destroy(ex);
	expect_exported("");
	assert_int_equal(stats.drops[JOINFILE_DROP_EXPORT], 0);
}

// A folder that is not there: counted, tried again, written when it is.
static void export_fails_for_now(void **state)
{
	static const struct joinfile_export_ops export_ops = {changes_cb, count_cb, each_cb};
	struct joinfile_export_cfg ec = {.path = out, .stats = &stats};
	struct joinfile_export_view v;
	struct joinfile_export *ex;
	char sub[96];

	(void)state;
	n_joined = 0;
	join("10.0.0.1", "232.1.1.1");
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	snprintf(out, sizeof(out), "%s/exported", sub);
	import_begin();
	ex = joinfile_export_create(&ec, &export_ops, NULL, &timers, now);
	run(2500 * MS);
	joinfile_export_view(ex, &v);
	assert_int_equal(v.error, -ENOENT);
	assert_in_range(stats.drops[JOINFILE_DROP_EXPORT], 1, 2);
	mkdir(sub, 0700);
	run(1200 * MS);
	expect_exported(A);
	joinfile_export_destroy(ex);
	remove_dir(sub);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(replaced_by_rename),
		T(burst_is_read_once),
		T(written_in_place),
		T(malformed_changes_nothing),
		T(passed_and_too_many),
		T(too_large_or_no_file),
		T(gone_and_back),
		T(folder_gone_and_back),
		T(link_is_replaced),
		T(slices),
		T(large_is_read_aside),
		T(refused_for_now),
		T(exported),
		T(export_fails_for_now),
	};

	return RUN_TESTS(tests);
}
