// SPDX-License-Identifier: BSD-3-Clause
// The oracle against outcomes written down by hand, and whether the check's frames are as odd as
// they are meant to be.
#include "unit/unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/popularity.h"
#include "property/check_frame.h"
#include "property/oracle.h"
#include "tests.h"

static uint64_t oifs_cb(const void *arg, uint32_t channel)
{
	(void)arg;
	return channel == 77 ? 0 : channel == 78 ? ORACLE_NOT_JOINED : 6;
}

static void frame(uint8_t *p, size_t *len, const struct feed_shape *s, uint32_t channel)
{
	memset(p, 0, FEED_MAX_FRAME);
	*len = feed_headers(p, s, channel, 12345) + FEED_INNER_UDP + s->payload;
	memset(p + (s->tagged ? 18 : 14) + feed_outer_len(feed_outer6(s, feed_tunnel(s, channel))) +
			6,
		0, 2); // no UDP checksum
}

static void hits_of_all_families(void **state)
{
	static const uint8_t macs[][6] = {
		{0x01, 0x00, 0x5e, 0x01, 0x00, 0x05}, {0x33, 0x33, 0xe8, 0x01, 0x00, 0x05}};
	uint8_t p[FEED_MAX_FRAME];
	struct oracle o;
	size_t len;

	(void)state;
	for (int i = 0; i < 2 * (FEED_6IN6 + 1); i++) {
		struct feed_shape s = {.channels = 100,
			.tunnels = 10,
			.payload = 64,
			.family = (enum feed_family)(i / 2),
			.tagged = i % 2};
		struct oracle_world w = {.joined = &s, .oifs_cb = oifs_cb};
		bool inner6 = feed_inner6(&s, 21);

		frame(p, &len, &s, 21);
		oracle_read(p, len, false, &w, &o);
		assert_int_equal(o.verdict, ORACLE_FORWARD);
		assert_int_equal(o.channel, 21);
		assert_int_equal(o.oifs, 6);
		assert_int_equal(o.in, i % 2 ? ORACLE_IF_UPSTREAM : ORACLE_IF_UNTAGGED);
		assert_int_equal(o.len, feed_outer_len(inner6) + 72);
		assert_memory_equal(o.mac, macs[inner6], 6);
		assert_int_equal(o.datagram[inner6 ? 7 : 8], 29);
		if (!inner6)
			assert_int_equal(oracle_cksum(o.datagram, 20, 0), 0);
	}
}

static void other_traffic(void **state)
{
	struct feed_shape s = {.channels = 100, .tunnels = 10, .payload = 8}, joined = s;
	struct oracle_world w = {.joined = &joined, .oifs_cb = oifs_cb};
	uint8_t p[FEED_MAX_FRAME];
	struct oracle o;
	size_t len;

	(void)state;
	for (int family = 0; family <= FEED_6IN6; family++) {
		s.family = joined.family = (enum feed_family)family;
		s.traffic = FEED_MISSES;
		frame(p, &len, &s, 3);
		oracle_read(p, len, false, &w, &o);
		assert_int_equal(o.verdict, ORACLE_DROP);
		assert_int_equal(o.reason, DROP_NOT_JOINED);
		s.traffic = FEED_SPOOFED_RELAYS;
		frame(p, &len, &s, 3);
		oracle_read(p, len, false, &w, &o);
		assert_int_equal(o.verdict, ORACLE_DROP);
		assert_int_equal(o.reason, DROP_NOT_RELAY);
		s.traffic = FEED_UNKNOWN;
		frame(p, &len, &s, 3);
		oracle_read(p, len, false, &w, &o);
		assert_int_equal(o.verdict, ORACLE_PUNT_OTHER);
		s.traffic = FEED_HITS;
		frame(p, &len, &s, 77); // joined to no interface
		oracle_read(p, len, false, &w, &o);
		assert_int_equal(o.verdict, ORACLE_DROP);
		assert_int_equal(o.reason, DROP_MUTED);
		assert_int_equal(o.channel, 77);
		frame(p, &len, &s, 78);
		oracle_read(p, len, false, &w, &o);
		assert_int_equal(o.verdict, ORACLE_DROP);
		assert_int_equal(o.reason, DROP_NOT_JOINED);
	}
}

// RFC 768's example would do; this one was summed by hand: 4500 + 001c + ... of a header of zeros.
static void checksums(void **state)
{
	static const uint8_t ip[20] = {
		0x45, 0, 0, 0x1d, 0, 0, 0, 0, 1, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
	static const uint8_t udp[9] = {0, 1, 0, 2, 0, 9, 0, 0, 0x80};

	(void)state;
	// 0a00 + 0001 + 0a00 + 0002 + 0011 + 0009 and 0001 + 0002 + 0009 + 8000: 9429.
	assert_int_equal(oracle_udp_cksum(ip, udp, 9), 0xffff - 0x9429);
	// 4500 + 001d + 0111 + 0a00 + 0001 + 0a00 + 0002: 5a31.
	assert_int_equal(oracle_cksum(ip, 20, 0), 0xffff - 0x5a31);
	assert_int_equal(oracle_udp_cksum(ip, udp, 7), 0);
}

// Each reason for which a worker can drop a frame before it is sent, and each class of punts.
static void all_kinds_of_frames(void **state)
{
	struct feed_shape s = {
		.channels = 256, .tunnels = 16, .payload = 200, .family = FEED_MIXED};
	struct oracle_world w = {.joined = &s, .oifs_cb = oifs_cb};
	static struct check_frame c;
	struct rng rng = rng_seeded(7);
	unsigned int verdicts[4] = {0}, reasons[DROP_COUNT] = {0}, split = 0, ifs[3] = {0};

	(void)state;
	for (int i = 0; i < 60000; i++) {
		check_frame_make(&c, &w, s.payload, 24, &rng);
		assert_in_range(c.len, 14, FEED_MAX_FRAME);
		verdicts[c.want.verdict]++;
		split += c.split > 0;
		ifs[c.want.in]++;
		if (c.want.verdict == ORACLE_DROP)
			reasons[c.want.reason]++;
	}
	assert_in_range(verdicts[ORACLE_FORWARD], 30000, 50000);
	assert_true(verdicts[ORACLE_PUNT_CONTROL] > 100 && verdicts[ORACLE_PUNT_OTHER] > 100);
	assert_true(split > 100 && ifs[ORACLE_IF_UPSTREAM] > 100 && ifs[ORACLE_IF_OTHER] > 100);
	for (int reason = DROP_VLAN; reason <= DROP_ECN; reason++) {
		// Not those of reassembly and of moves; and every channel of the oracle's is sent
		// somewhere.
		if ((reason < DROP_FRAG_INVALID || reason > DROP_FRAG_TABLE) &&
			reason != DROP_MUTED && reason != DROP_MOVE_DUPLICATE)
			assert_true(reasons[reason] > 0);
	}
}

static void uniform(void **state)
{
	unsigned int seen[10] = {0};
	struct rng rng = rng_seeded(1);
	struct popularity p;

	(void)state;
	popularity_init(&p, 10, 0);
	for (int i = 0; i < 100000; i++)
		seen[popularity_draw(&p, &rng)]++;
	for (int i = 0; i < 10; i++)
		assert_in_range(seen[i], 9500, 10500);
}

// Each channel has one rank, and ranks are as popular as the law says.
static void zipf(void **state)
{
	static const double exponents[] = {0.5, 1, 1.5};
	enum { N = 1000, DRAWS = 1000000 };
	static unsigned int seen[N];
	struct rng rng = rng_seeded(2);
	struct popularity p;

	(void)state;
	for (int e = 0; e < 3; e++) {
		double sum = 0;

		memset(seen, 0, sizeof(seen));
		popularity_init(&p, N, exponents[e]);
		for (int i = 0; i < DRAWS; i++)
			seen[popularity_draw(&p, &rng)]++;
		for (int k = 1; k <= N; k++)
			sum += pow(k, -exponents[e]);
		for (unsigned int k = 1; k <= 10; k++) {
			double want = DRAWS * pow(k, -exponents[e]) / sum;
			unsigned int is = seen[(uint64_t)k * p.step % N];

			assert_true(fabs(is - want) < 5 * sqrt(want));
		}
		for (int i = 0; i < N && exponents[e] < 1; i++)
			assert_true(seen[i] > 0);
	}
	popularity_init(&p, 1, 1);
	assert_int_equal(popularity_draw(&p, &rng), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hits_of_all_families),
		cmocka_unit_test(other_traffic),
		cmocka_unit_test(checksums),
		cmocka_unit_test(all_kinds_of_frames),
		cmocka_unit_test(uniform),
		cmocka_unit_test(zipf),
		cmocka_unit_test(members_of_an_object),
		cmocka_unit_test(no_json),
		cmocka_unit_test(cases_in_any_order),
		cmocka_unit_test(worse_and_wrong),
		cmocka_unit_test(frames_of_a_relay),
		cmocka_unit_test(frames_that_came_out),
		cmocka_unit_test(captures_in_memory),
		cmocka_unit_test(quantiles_of_a_histogram),
		cmocka_unit_test(channels_of_the_socket_gateway),
	};

	return RUN_TESTS(tests);
}
