// SPDX-License-Identifier: BSD-3-Clause
#include "labutil.h"

#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/cursor.h"

static const uint8_t magic[8] = "inletlab";

const char *lab_name = "lab";
volatile int lab_stopped;

static void say(const char *fmt, va_list ap)
{
	fprintf(stderr, "%s: ", lab_name);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void lab_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	exit(2);
}

void lab_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	exit(1);
}

static uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t lab_realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

uint64_t lab_mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t lab_number(const char *option, const char *value, uint64_t min, uint64_t max)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(value, &end, 10);
	if (errno || end == value || *end || *value == '-' || n < min || n > max)
		lab_usage("%s takes a number from %llu to %llu, not \"%s\"", option,
			(unsigned long long)min, (unsigned long long)max, value);
	return n;
}

unsigned int lab_ifindex(const char *name)
{
	unsigned int i = if_nametoindex(name);

	if (i == 0)
		lab_fail("interface %s: %s", name, strerror(errno));
	return i;
}

static void signal_cb(int sig)
{
	(void)sig;
	lab_stopped = 1;
}

void lab_catch_signals(void)
{
	const struct sigaction sa = {.sa_handler = signal_cb};

	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
}

void lab_raise_files(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static void channel_add(struct lab_channels *c, const struct sg *sg)
{
	// Doubled at each power of two.
	if ((c->count & (c->count - 1)) == 0) {
		size_t room = c->count ? 2 * c->count : 1;
		struct sg *more = reallocarray(c->sg, room, sizeof(*more));

		if (!more)
			lab_fail("out of memory");
		c->sg = more;
	}
	c->sg[c->count++] = *sg;
}

static bool channel_parse(const char *source, const char *group, struct sg *sg)
{
	return addr_parse(source, &sg->s) == 0 && !addr_is_multicast(&sg->s) &&
	       addr_parse(group, &sg->g) == 0 && sg->g.family == sg->s.family &&
	       addr_is_multicast(&sg->g);
}

// The group after one, by its last four octets.
static void group_next(struct addr *g)
{
	uint8_t *last = g->bytes + addr_size(g) - 4;
	uint32_t n;

	memcpy(&n, last, sizeof(n));
	n = htonl(ntohl(n) + 1);
	memcpy(last, &n, sizeof(n));
}

void lab_channels_add(struct lab_channels *c, const char *source, const char *group)
{
	char first[ADDR_STRLEN] = "";
	const char *comma;
	uint64_t count;
	struct sg sg;

	if (!source || !group)
		lab_usage("--source and --group go together");
	comma = strchrnul(group, ',');
	count = *comma ? lab_number("--group G,COUNT", comma + 1, 1, 1000000) : 1;
	if ((size_t)(comma - group) < sizeof(first))
		memcpy(first, group, (size_t)(comma - group));
	if (!channel_parse(source, first, &sg))
		lab_usage("no channel: %s %s", source, group);
	for (uint64_t i = 0; i < count; i++, group_next(&sg.g)) {
		if (!addr_is_multicast(&sg.g))
			lab_usage("--group %s leaves the multicast range", group);
		channel_add(c, &sg);
	}
}

void lab_channels_read(struct lab_channels *c, const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned int line = 0;
	char text[256];

	if (!f)
		lab_fail("%s: %s", path, strerror(errno));
	while (fgets(text, sizeof(text), f)) {
		char *save = NULL, *s, *g;
		struct sg sg;

		line++;
		*strchrnul(text, '#') = '\0';
		s = strtok_r(text, " \t\r\n", &save);
		g = strtok_r(NULL, " \t\r\n", &save);
		if (!s)
			continue;
		if (!g || strtok_r(NULL, " \t\r\n", &save) || !channel_parse(s, g, &sg))
			lab_fail("%s:%u: not \"SOURCE GROUP\"", path, line);
		channel_add(c, &sg);
	}
	fclose(f);
	if (c->count == 0)
		lab_fail("%s: no channel", path);
}

static int channel_cmp(const void *a, const void *b)
{
	return sg_cmp(a, b);
}

void lab_channels_sort(struct lab_channels *c)
{
	size_t kept = 0;

	if (c->count == 0)
		return;
	qsort(c->sg, c->count, sizeof(*c->sg), channel_cmp);
	for (size_t i = 0; i < c->count; i++) {
		if (i == 0 || !sg_eq(&c->sg[i], &c->sg[i - 1]))
			c->sg[kept++] = c->sg[i];
	}
	c->count = kept;
}

long lab_channels_find(const struct lab_channels *c, const struct sg *sg)
{
	const struct sg *hit = bsearch(sg, c->sg, c->count, sizeof(*c->sg), channel_cmp);

	return hit ? hit - c->sg : -1;
}

static uint8_t filler(uint64_t seq, size_t i)
{
	return (uint8_t)((seq * 31 + i * 7) & 0xff);
}

void lab_payload_write(uint8_t *buf, size_t len, uint64_t seq, uint64_t sent_ns)
{
	struct wr w = wr_init(buf, len);

	wr_copy(&w, magic, sizeof(magic));
	wr_be32(&w, (uint32_t)(seq >> 32));
	wr_be32(&w, (uint32_t)seq);
	wr_be32(&w, (uint32_t)(sent_ns >> 32));
	wr_be32(&w, (uint32_t)sent_ns);
	for (size_t i = LAB_PAYLOAD_MIN; i < len; i++)
		buf[i] = filler(seq, i);
}

bool lab_payload_read(const uint8_t *buf, size_t len, uint64_t *seq, uint64_t *sent_ns)
{
	struct rd r = rd_init(buf, len);
	const uint8_t *head = rd_bytes(&r, sizeof(magic));

	*seq = (uint64_t)rd_be32(&r) << 32;
	*seq |= rd_be32(&r);
	*sent_ns = (uint64_t)rd_be32(&r) << 32;
	*sent_ns |= rd_be32(&r);
	if (r.bad || memcmp(head, magic, sizeof(magic)) != 0)
		return false;
	for (size_t i = LAB_PAYLOAD_MIN; i < len; i++) {
		if (buf[i] != filler(*seq, i))
			return false;
	}
	return true;
}
