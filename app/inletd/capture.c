// SPDX-License-Identifier: BSD-3-Clause
#include "inletd/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "inlet.h"

#define LOOK_US	    (20 * USEC_PER_MSEC)
#define RING_TOTAL  (64u << 20) // octets of all workers' rings together
#define RING_MAX    (4u << 20)
#define RING_MIN    (256u << 10)
#define END_WAIT_US (2 * USEC_PER_SEC)

enum state {
	CAPTURE_RUNS,
	CAPTURE_DETACHING, // workers may still be at it
	CAPTURE_DRAINING,  // the writer writes what is left
	CAPTURE_ENDED,
};

struct capture_run {
	struct inlet *in;
	enum state state;
	struct timer timer;
	struct observe_capture view;	      // but for what changes
	uint64_t until_us;		      // NEVER_US: no limit
	uint64_t polls[CROSSING_MAX_WORKERS]; // of each worker when its tap was taken away
	struct capture_writer w;
};

// ---- The file

static bool is_capture(int fd)
{
	// pcap of micro- and nanoseconds in either byte order, pcapng.
	static const uint32_t magic[] = {
		0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1, 0x0a0d0d0a};
	uint32_t is;

	if (pread(fd, &is, sizeof(is), 0) != sizeof(is))
		return false;
	for (size_t i = 0; i < sizeof(magic) / sizeof(magic[0]); i++)
		if (is == magic[i])
			return true;
	return false;
}

// Only what was a capture is overwritten, and no special file or link is followed.
static int open_over(const char *path, char why[OBSERVE_WHY_LEN])
{
	int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY), ret;
	struct stat st;

	if (fd < 0) {
		ret = -errno;
		snprintf(why, OBSERVE_WHY_LEN, "%.150s: %s", path,
			errno == ELOOP ? "is a link" : strerror(errno));
		return ret;
	}
	ret = -EINVAL;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1)
		snprintf(why, OBSERVE_WHY_LEN, "%.150s is no plain file", path);
	else if (st.st_size > 0 && !is_capture(fd))
		snprintf(
			why, OBSERVE_WHY_LEN, "%.150s is no capture, and is not overwritten", path);
	else if (ftruncate(fd, 0) < 0)
		snprintf(why, OBSERVE_WHY_LEN, "%.150s: %s", path, strerror(errno));
	else
		return fd;
	close(fd);
	return ret;
}

static int open_file(const char *path, bool force, char why[OBSERVE_WHY_LEN])
{
	int fd, ret;

	if (path[0] != '/') {
		snprintf(why, OBSERVE_WHY_LEN, "%.150s is no path from / on", path);
		return -EINVAL;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd >= 0)
		return fd;
	ret = -errno;
	if (errno == EEXIST && force)
		return open_over(path, why);
	snprintf(why, OBSERVE_WHY_LEN, "%.150s: %s%s", path, strerror(errno),
		errno == EEXIST ? " (add force to overwrite it)" : "");
	return ret;
}

// ---- The filter

static void address_bytes(const struct addr *a, uint8_t out[16])
{
	struct sockaddr_storage ss;

	addr_to_sockaddr(a, 0, &ss);
	if (a->family == ADDR_V6)
		memcpy(out, &((const struct sockaddr_in6 *)(const void *)&ss)->sin6_addr, 16);
	else
		memcpy(out, &((const struct sockaddr_in *)(const void *)&ss)->sin_addr, 4);
}

static int filter_port(const struct inlet *in, const char *name, struct crossing_tap_filter *f,
	char why[OBSERVE_WHY_LEN])
{
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		if (strcmp(in->ifs[i].cfg->name, name) != 0)
			continue;
		f->one_port = true;
		f->port = (uint16_t)(in->ifs[i].port - in->ports);
		f->vlan = in->ifs[i].cfg->vlan;
		return 0;
	}
	snprintf(why, OBSERVE_WHY_LEN, "there is no interface %.100s (show ports)", name);
	return -ENOENT;
}

static int filter_of(const struct inlet *in, const struct observe_capture_want *want,
	struct crossing_tap_filter *f, char text[OBSERVE_CAPTURE_FILTER], char why[OBSERVE_WHY_LEN])
{
	char a[ADDR_STRLEN], b[ADDR_STRLEN];

	*f = (struct crossing_tap_filter){
		.snaplen = (uint16_t)(want->snaplen ? want->snaplen : UINT16_MAX)};
	if (want->port) {
		snprintf(text, OBSERVE_CAPTURE_FILTER, "port %s", want->port);
		return filter_port(in, want->port, f, why);
	}
	if (!addr_is_none(&want->relay)) {
		f->what = TAP_TUNNEL;
		f->v6 = want->relay.family == ADDR_V6;
		f->our_port = want->our_port;
		address_bytes(&want->relay, f->relay);
		snprintf(text, OBSERVE_CAPTURE_FILTER, "tunnel %s", addr_format(&want->relay, a));
		if (want->our_port)
			snprintf(text + strlen(text), OBSERVE_CAPTURE_FILTER - strlen(text),
				" port %u", want->our_port);
	} else if (!addr_is_none(&want->sg.s)) {
		f->what = TAP_CHANNEL;
		f->v6 = want->sg.g.family == ADDR_V6;
		address_bytes(&want->sg.s, f->s);
		address_bytes(&want->sg.g, f->g);
		snprintf(text, OBSERVE_CAPTURE_FILTER, "channel %s %s", addr_format(&want->sg.s, a),
			addr_format(&want->sg.g, b));
	} else {
		snprintf(text, OBSERVE_CAPTURE_FILTER, "all");
	}
	return 0;
}

// ---- Its course

static void taps_free(struct capture_run *c)
{
	for (unsigned int i = 0; i < c->w.n_taps; i++) {
		c->view.dropped += __atomic_load_n(&c->w.taps[i]->dropped, __ATOMIC_RELAXED);
		crossing_tap_free(c->w.taps[i]);
	}
	c->w.n_taps = 0;
}

static int taps_make(struct capture_run *c, const struct crossing_tap_filter *f)
{
	uint64_t room = RING_MAX;

	while (room > RING_MIN && room * c->in->n_workers > RING_TOTAL)
		room /= 2;
	for (; c->w.n_taps < c->in->n_workers; c->w.n_taps++) {
		c->w.taps[c->w.n_taps] = crossing_tap_create(f, room);
		if (!c->w.taps[c->w.n_taps])
			return -ENOMEM;
	}
	return 0;
}

static void detach(struct capture_run *c, const char *reason)
{
	const struct crossing *x = c->in->crossing;

	if (c->state != CAPTURE_RUNS)
		return;
	snprintf(c->view.reason, sizeof(c->view.reason), "%s", reason);
	c->state = CAPTURE_DETACHING;
	for (unsigned int i = 0; i < x->n_workers; i++) {
		atomic_store_explicit(&x->workers[i]->tap, NULL, memory_order_seq_cst);
		c->polls[i] = __atomic_load_n(&x->workers[i]->load.polls, __ATOMIC_SEQ_CST);
	}
}

static bool workers_passed(const struct capture_run *c)
{
	const struct crossing *x = c->in->crossing;

	for (unsigned int i = 0; c->in->workers_run && i < x->n_workers; i++)
		if (__atomic_load_n(&x->workers[i]->load.polls, __ATOMIC_ACQUIRE) - c->polls[i] < 2)
			return false;
	return true;
}

static void ended(struct capture_run *c)
{
	pthread_join(c->w.thread, NULL); // it has said that it is done
	taps_free(c);
	c->state = CAPTURE_ENDED;
	c->view.ended_us = clock_mono_us();
	log_info("inletd",
		"capture ended file=%s packets=%llu octets=%llu dropped=%llu reason=\"%s\"",
		c->view.file, (unsigned long long)atomic_load(&c->w.packets),
		(unsigned long long)atomic_load(&c->w.octets), (unsigned long long)c->view.dropped,
		c->view.reason);
}

// One step, when it can be made.
static void advance(struct capture_run *c, uint64_t now_us)
{
	char text[OBSERVE_CAPTURE_REASON];
	int err = atomic_load_explicit(&c->w.error, memory_order_relaxed);

	if (c->state == CAPTURE_RUNS && atomic_load_explicit(&c->w.done, memory_order_acquire)) {
		snprintf(text, sizeof(text), "cannot write: %s", strerror(err));
		if (err)
			log_warn("inletd", "capture stopped file=%s error=\"%s\"", c->view.file,
				strerror(err));
		detach(c, err ? text : "limit");
	}
	if (c->state == CAPTURE_RUNS && now_us >= c->until_us)
		detach(c, "limit");
	if (c->state == CAPTURE_DETACHING && workers_passed(c)) {
		c->state = CAPTURE_DRAINING;
		atomic_store_explicit(&c->w.drain, true, memory_order_release);
	}
	if (c->state == CAPTURE_DRAINING && atomic_load_explicit(&c->w.done, memory_order_acquire))
		ended(c);
}

static void look_cb(struct timer *timer, void *arg, uint64_t now_us)
{
	struct capture_run *c = arg;

	advance(c, now_us);
	if (c->state != CAPTURE_ENDED)
		timer_arm(&c->in->timers, timer, now_us + LOOK_US);
}

static void attach(struct capture_run *c)
{
	const struct crossing *x = c->in->crossing;

	for (unsigned int i = 0; i < x->n_workers; i++)
		atomic_store_explicit(&x->workers[i]->tap, c->w.taps[i], memory_order_release);
}

static int begin(struct capture_run *c, const struct crossing_tap_filter *f, int fd)
{
	FILE *file = fdopen(fd, "w");
	int ret = taps_make(c, f);

	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	if (ret < 0) {
		fclose(file);
		return ret;
	}
	return capture_writer_start(&c->w, file, f->snaplen);
}

int capture_start(
	struct inlet *in, const struct observe_capture_want *want, char why[OBSERVE_WHY_LEN])
{
	struct crossing_tap_filter filter;
	uint64_t now_us = clock_mono_us();
	struct capture_run *c;
	int ret, fd;

	if (in->capture && in->capture->state != CAPTURE_ENDED) {
		snprintf(why, OBSERVE_WHY_LEN,
			"a capture runs already (show capture, capture stop)");
		return -EBUSY;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		snprintf(why, OBSERVE_WHY_LEN, "out of memory");
		return -ENOMEM;
	}
	c->in = in;
	c->w.max_packets = want->packets;
	c->w.max_octets = want->octets;
	c->until_us = want->seconds ? now_us + want->seconds * USEC_PER_SEC : NEVER_US;
	c->view.begun_us = now_us;
	snprintf(c->view.file, sizeof(c->view.file), "%s", want->file);
	ret = filter_of(in, want, &filter, c->view.filter, why);
	if (ret < 0)
		goto fail;
	ret = fd = open_file(want->file, want->force, why);
	if (ret < 0)
		goto fail;
	timer_init(&c->timer, look_cb, c);
	ret = timer_arm(&in->timers, &c->timer, now_us + LOOK_US);
	if (ret == 0)
		ret = begin(c, &filter, fd);
	else
		close(fd);
	if (ret < 0) {
		timer_cancel(&in->timers, &c->timer);
		unlink(want->file); // it was empty
		snprintf(why, OBSERVE_WHY_LEN, "%.150s: %s", want->file, strerror(-ret));
		goto fail;
	}
	free(in->capture);
	in->capture = c;
	attach(c);
	log_info("inletd", "capture started file=%s filter=\"%s\"", c->view.file, c->view.filter);
	return 0;
fail:
	taps_free(c);
	free(c);
	return ret;
}

int capture_stop(struct inlet *in, char why[OBSERVE_WHY_LEN])
{
	if (!in->capture || in->capture->state == CAPTURE_ENDED) {
		snprintf(why, OBSERVE_WHY_LEN, "no capture runs");
		return -ENOENT;
	}
	detach(in->capture, "stopped");
	advance(in->capture, clock_mono_us());
	return 0;
}

bool capture_view(const struct inlet *in, struct observe_capture *out)
{
	static const char *const states[] = {
		[CAPTURE_RUNS] = "running",
		[CAPTURE_DETACHING] = "stopping",
		[CAPTURE_DRAINING] = "stopping",
		[CAPTURE_ENDED] = "ended",
	};
	const struct capture_run *c = in->capture;

	if (!c)
		return false;
	*out = c->view;
	out->state = states[c->state];
	out->packets = atomic_load_explicit(&c->w.packets, memory_order_relaxed);
	out->octets = atomic_load_explicit(&c->w.octets, memory_order_relaxed);
	for (unsigned int i = 0; i < c->w.n_taps; i++)
		out->dropped += __atomic_load_n(&c->w.taps[i]->dropped, __ATOMIC_RELAXED);
	return true;
}

void capture_end(struct inlet *in)
{
	struct capture_run *c = in->capture;
	const struct timespec pause = {.tv_nsec = 1000000};
	uint64_t until = clock_mono_us() + END_WAIT_US;

	if (!c)
		return;
	timer_cancel(&in->timers, &c->timer);
	detach(c, "inletd ends");
	while (c->state != CAPTURE_ENDED && clock_mono_us() < until) {
		advance(c, clock_mono_us());
		nanosleep(&pause, NULL);
	}
	in->capture = NULL;
	if (c->state == CAPTURE_ENDED)
		free(c); // else the writer hangs in its disk, and still has it
}
