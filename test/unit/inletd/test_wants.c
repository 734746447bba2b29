// SPDX-License-Identifier: BSD-3-Clause
// Static channels and the joinfile between the configuration, the console and the brain, which here
// is a table of who wants what where.
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "inletd/inlet.h"

#define MAX 8

static struct want {
	struct sg sg;
	uint64_t by[CHANNEL_ORIGINS];
} table[MAX];
static unsigned int n_table, room;
static struct inlet *in;
static char why[OBSERVE_WHY_LEN], dir[64];
static struct observe_static did;

static struct want *find(const struct sg *sg)
{
	for (unsigned int i = 0; i < n_table; i++)
		if (sg_eq(&table[i].sg, sg))
			return &table[i];
	return NULL;
}

void channels_want(struct channels *cs, const struct sg *sg, unsigned int ifindex,
	enum channel_origin origin, bool wanted, uint64_t now_us)
{
	struct want *w = find(sg);

	(void)cs;
	(void)now_us;
	if (!w && wanted && n_table < room) {
		w = &table[n_table++];
		*w = (struct want){.sg = *sg};
	}
	if (w && wanted)
		w->by[origin] |= 1ull << ifindex;
	else if (w)
		w->by[origin] &= ~(1ull << ifindex);
}

const char *channels_sg_refused(const struct channels *cs, const struct sg *sg)
{
	(void)cs;
	(void)sg;
	return NULL;
}

uint64_t channels_wanted_by(
	const struct channels *cs, const struct sg *sg, enum channel_origin origin)
{
	const struct want *w = find(sg);

	(void)cs;
	return w ? w->by[origin] : 0;
}

const char *channel_origin_name(enum channel_origin o)
{
	static const char *const names[] = {"pim", "igmp", "static", "joinfile"};

	return names[o];
}

void channels_batch_begin(struct channels *cs)
{
	(void)cs;
}

void channels_batch_end(struct channels *cs, uint64_t now_us)
{
	(void)cs;
	(void)now_us;
}

void channels_totals(const struct channels *cs, struct channel_totals *out)
{
	(void)cs;
	*out = (struct channel_totals){.channels = n_table, .changes = n_table};
}

void channels_each_sg(
	const struct channels *cs, void (*cb)(void *arg, const struct sg *sg), void *arg)
{
	(void)cs;
	for (unsigned int i = 0; i < n_table; i++)
		cb(arg, &table[i].sg);
}

static struct sg sg_of(const char *s, const char *g)
{
	struct sg sg;

	assert_int_equal(addr_parse(s, &sg.s), 0);
	assert_int_equal(addr_parse(g, &sg.g), 0);
	return sg;
}

// Interfaces of these roles, ours in the order given by `order`.
static void interfaces(const enum if_role *roles, const unsigned int *order, unsigned int n)
{
	in->cfg.n_ifs = in->n_ifs = n;
	for (unsigned int i = 0; i < n; i++) {
		in->cfg.ifs[i].role = roles[i];
		snprintf(in->cfg.ifs[i].name, sizeof(in->cfg.ifs[i].name), "if%u", i);
		in->ifs[i] = (struct iface){
			.in = in, .cfg = &in->cfg.ifs[order ? order[i] : i], .index = i};
	}
}

static int setup(void **state)
{
	static const enum if_role roles[] = {IF_UPSTREAM, IF_DOWNSTREAM, IF_BOTH};

	(void)state;
	log_threshold = LOG_LEVEL_ERROR;
	n_table = 0;
	room = MAX;
	in = calloc(1, sizeof(*in));
	assert_non_null(in);
	interfaces(roles, NULL, 3);
	prefix_parse("232.0.0.0/8", &in->cfg.ssm_ranges[0]);
	prefix_parse("ff30::/32", &in->cfg.ssm_ranges[1]);
	in->cfg.n_ssm_ranges = 2;
	in->cfg.max_channels = MAX;
	timers_init(&in->timers);
	in->base = event_base_new();
	strcpy(dir, "/tmp/wants-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	wants_stop(in);
	assert_int_equal(in->timers.count, 0);
	timers_fini(&in->timers);
	event_base_free(in->base);
	unlink(in->cfg.joinfile.path);
	unlink(in->cfg.joinfile.export);
	free(in);
	return rmdir(dir);
}

static int edit(bool add, const char *s, const char *g, const char *ifname)
{
	struct sg sg = sg_of(s, g);

	why[0] = '\0';
	return wants_static(in, add, &sg, ifname, &did, why);
}

#define S1 "198.51.100.10"
#define G1 "232.1.1.1"

static void added_and_deleted(void **state)
{
	(void)state;
	assert_int_equal(edit(true, S1, G1, "if1"), 0);
	assert_int_equal(did.oifs, 2);
	assert_true(did.changed);
	assert_int_equal(edit(true, S1, G1, "if1"), 0);
	assert_false(did.changed);
	assert_int_equal(edit(true, S1, G1, NULL), 0);
	assert_int_equal(did.oifs, 2 | 4);
	assert_true(did.changed);
	assert_int_equal(edit(false, S1, G1, "if1"), 0);
	assert_int_equal(did.oifs, 4);
	assert_int_equal(edit(false, S1, G1, "if1"), -ENOENT);
	assert_string_equal(why, "(" S1 "," G1 ") is no static channel there");
	assert_int_equal(edit(false, S1, G1, NULL), 0);
	assert_int_equal(did.oifs, 0);
}

static void refusals(void **state)
{
	static const struct {
		const char *s, *g, *ifname, *why;
	} cases[] = {
		{S1, "239.1.1.1", NULL, "group 239.1.1.1 is outside ssm_ranges"},
		{S1, "10.1.1.1", NULL, "group 10.1.1.1 is not a multicast address"},
		{G1, G1, NULL, "source " G1 " is not the address of a host"},
		{"127.0.0.1", G1, NULL, "source 127.0.0.1 is not the address of a host"},
		{S1, "ff3e::1", NULL, "(" S1 ",ff3e::1): source and group are of two families"},
		{"2001:db8::1", "ff3e::1", NULL, "group ff3e::1 is never that of a channel"},
		{"2001:db8::1", "ff3e:30::8000:1", NULL,
			"group ff3e:30::8000:1 is outside ssm_ranges"},
		{"fe80::1", "ff3e::8000:1", NULL, "source fe80::1 is not the address of a host"},
		{S1, "232.0.0.0", NULL, "group 232.0.0.0 is never that of a channel"},
		{S1, G1, "if0", "the role of interface if0 is not downstream"},
		{S1, G1, "if9", "there is no interface if9"},
	};
	struct sg sg = sg_of(S1, G1);

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int add = 0; add < 2; add++) {
			assert_true(edit(add, cases[i].s, cases[i].g, cases[i].ifname) < 0);
			assert_string_equal(why, cases[i].why);
		}
	}
	assert_int_equal(n_table, 0);
	assert_true(edit(false, S1, G1, NULL) < 0);
	assert_string_equal(why, "(" S1 "," G1 ") is no static channel");
	// Only others want it.
	channels_want(NULL, &sg, 1, CHANNEL_BY_PIM, true, 0);
	channels_want(NULL, &sg, 2, CHANNEL_BY_JOINFILE, true, 0);
	assert_true(edit(false, S1, G1, NULL) < 0);
	assert_string_equal(
		why, "(" S1 "," G1 ") is no static channel; it is wanted by pim, joinfile");
	assert_true(edit(false, S1, G1, "if2") < 0);
	assert_string_equal(why, "(" S1 "," G1 ") is no static channel; it is wanted by joinfile");
	room = 1;
	assert_true(edit(true, S1, "232.1.1.2", NULL) < 0);
	assert_string_equal(why, "refused: the limit of 8 channels is reached");
}

// Bits of the configuration count downstream interfaces in the order of the file; ours do not where
// they had to be put first.
static void interface_bits(void **state)
{
	static const enum if_role roles[] = {IF_DOWNSTREAM, IF_UPSTREAM, IF_BOTH, IF_DOWNSTREAM};
	static const unsigned int order[] = {3, 0, 2, 1};
	struct sg sg = sg_of(S1, G1);
	char err[BOOT_ERR_LEN];

	(void)state;
	interfaces(roles, order, 4);
	in->cfg.channels[0] = (struct config_channel){.sg = sg, .down = 1 | 4};
	in->cfg.n_channels = 1;
	assert_int_equal(wants_start(in, err), 0);
	assert_int_equal(channels_wanted_by(NULL, &sg, CHANNEL_BY_STATIC), 1 << 1 | 1 << 0);
	assert_int_equal(edit(true, S1, G1, NULL), 0);
	assert_int_equal(did.oifs, 7);
}

static void write_file(const char *path, const char *text)
{
	char tmp[CONFIG_PATH_LEN + 8];
	FILE *f;

	snprintf(tmp, sizeof(tmp), "%s.new", path);
	f = fopen(tmp, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(rename(tmp, path), 0);
}

// The file is read at the start, followed by the loop, and what is joined is written.
static void joinfile_in_and_out(void **state)
{
	struct sg a = sg_of(S1, G1), b = sg_of(S1, "232.1.1.2");
	char err[BOOT_ERR_LEN], text[256] = "";
	FILE *f;

	(void)state;
	snprintf(in->cfg.joinfile.path, CONFIG_PATH_LEN, "%s/joins", dir);
	snprintf(in->cfg.joinfile.export, CONFIG_PATH_LEN, "%s/exported", dir);
	in->cfg.joinfile.down = 2; // the second of those downstream, if2
	write_file(in->cfg.joinfile.path, S1 "," G1 ",5\n");
	assert_int_equal(wants_start(in, err), 0);
	assert_int_equal(channels_wanted_by(NULL, &a, CHANNEL_BY_JOINFILE), 4);
	usleep(110000); // two reads are 100 ms apart at least
	write_file(in->cfg.joinfile.path, S1 ",232.1.1.2\n");
	event_base_loop(in->base, EVLOOP_ONCE);
	assert_int_equal(channels_wanted_by(NULL, &a, CHANNEL_BY_JOINFILE), 0);
	assert_int_equal(channels_wanted_by(NULL, &b, CHANNEL_BY_JOINFILE), 4);
	timers_run(&in->timers, clock_mono_us() + 2 * USEC_PER_SEC);
	f = fopen(in->cfg.joinfile.export, "r");
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(text, S1 "," G1 "\n" S1 ",232.1.1.2\n");
	assert_int_equal(in->joinfile_stats.read, 2);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(added_and_deleted),
		T(refusals),
		T(interface_bits),
		T(joinfile_in_and_out),
	};

	return RUN_TESTS(tests);
}
