// SPDX-License-Identifier: BSD-3-Clause
// All four mixes of outer and inner family on the golden vectors: what IPv6 has of its own, inside
// and outside. Every frame is run twice, as the first of its kind and as one that was expected.
#include "unit/unit.h"

#include <string.h>

#include <rte_mbuf.h>

#include "frames.h"
#include "rig.h"

#define ETH   14
#define V4    20
#define V6    40
#define UDP   8
#define AMT   2
#define GROUP 24 // of an IPv6 header

static struct rig rig;
static struct mfib_tunnel *tunnel6;
static struct mfib_channel *extra[3];

static size_t outer_len(const struct frame *f)
{
	return f->p[12] == 0x86 ? V6 : V4;
}

static size_t inner_at(const struct frame *f)
{
	return ETH + outer_len(f) + UDP + AMT;
}

// One's complement sum over the pseudo-header and the datagram, from nothing.
static uint32_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static void fix_udp6(struct frame *f)
{
	uint8_t *udp = f->p + ETH + V6;
	size_t len = (size_t)udp[4] << 8 | udp[5];
	uint32_t sum;

	udp[6] = udp[7] = 0;
	sum = sum16(f->p + ETH + 8, 32, 17 + (uint32_t)len);
	sum = sum16(udp, len, sum);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	sum = sum == 0xffff ? 0xffff : ~sum & 0xffff;
	udp[6] = (uint8_t)(sum >> 8);
	udp[7] = (uint8_t)sum;
}

// With the driver's opinion in flags.
static void run_flags(const struct frame *f, uint64_t flags, bool hw, struct outcome *o)
{
	struct rte_mbuf *m = rig_mbuf(&rig, f->p, f->len);

	m->ol_flags |= flags;
	rig.worker.ports[0].ip_cksum_hw = hw;
	rig.worker.ports[0].l4_cksum_hw = hw;
	rig_run_mbuf(&rig, m, o);
	rig.worker.ports[0].ip_cksum_hw = false;
	rig.worker.ports[0].l4_cksum_hw = false;
}

static void expect_forwarded(const struct frame *f, uint64_t flags, bool hw)
{
	const uint8_t *in = f->p + inner_at(f);
	bool v6 = in[0] >> 4 == 6;
	size_t len = v6 ? V6 + (size_t)(in[4] << 8 | in[5]) : (size_t)(in[2] << 8 | in[3]);
	uint8_t mac[6] = {0x33, 0x33, in[36], in[37], in[38], in[39]};
	uint8_t want[FRAME_MAX];
	struct outcome o;

	if (!v6)
		memcpy(mac, (const uint8_t[]){1, 0, 0x5e, in[17] & 0x7f, in[18], in[19]}, 6);
	for (int i = 0; i < 2; i++) {
		run_flags(f, flags, hw, &o);
		if (o.forwarded != 1)
			fail_msg("%s: %s", f->name, o.drops ? drop_names[o.reason] : "punted");
		assert_int_equal(o.len, ETH + len);
		// SS-03.
		assert_memory_equal(o.frame, mac, 6);
		assert_memory_equal(o.frame + 6, rig.worker.ifs[1].mac, 6);
		assert_memory_equal(o.frame + 12, v6 ? "\x86\xdd" : "\x08\x00", 2);
		memcpy(want, in, len);
		want[v6 ? 7 : 8]--;
		if (!v6) { // the checksum is right, and nothing else has changed
			assert_int_equal(sum16(o.frame + ETH, V4, 0) % 0xffff, 0);
			memcpy(want + 10, o.frame + ETH + 10, 2);
		}
		assert_memory_equal(o.frame + ETH, want, len);
	}
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

static void expect_drop(const struct frame *f, enum drop_reason reason)
{
	struct outcome o;

	for (int i = 0; i < 2; i++) {
		rig_run(&rig, f->p, f->len, &o);
		if (o.drops != 1 || o.reason != reason || o.forwarded)
			fail_msg("%s: %u forwarded, %u/%u punted, %s instead of %s", f->name,
				o.forwarded, o.punted[RIG_CONTROL], o.punted[RIG_OTHER],
				o.drops ? drop_names[o.reason] : "no drop", drop_names[reason]);
	}
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

static void expect_punt(const struct frame *f, enum rig_punt k)
{
	struct outcome o;

	rig_run(&rig, f->p, f->len, &o);
	if (o.drops || o.forwarded || o.punted[k] != 1)
		fail_msg("%s: %u forwarded, %u/%u punted, %s", f->name, o.forwarded,
			o.punted[RIG_CONTROL], o.punted[RIG_OTHER],
			o.drops ? drop_names[o.reason] : "no drop");
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

static const char *const mixes[] = {"A12", "A17", "A40", "A41"};

// M-06.
static void four_mixes(void **state)
{
	struct frame f;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		frame_golden(mixes[i], &f);
		expect_forwarded(&f, 0, false);
	}
}

// G-06: data without a checksum, of either family outside, whatever the driver thinks of it.
static void no_checksum_is_good(void **state)
{
	static const char *const ids[] = {"A11", "A17", "A39", "A41"};
	struct frame f;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		frame_golden(ids[i], &f);
		assert_int_equal(f.p[ETH + outer_len(&f) + 6] | f.p[ETH + outer_len(&f) + 7], 0);
		expect_forwarded(&f, 0, false);
		expect_forwarded(&f, 0, true);
		expect_forwarded(&f, RTE_MBUF_F_RX_L4_CKSUM_BAD, true);
	}
}

// G-07: one that is there is verified, also where none is needed.
static void checksum_is_verified(void **state)
{
	static const char *const ids[] = {"A12", "A40"};
	struct frame f;
	size_t udp;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		frame_golden(ids[i], &f);
		udp = ETH + outer_len(&f);
		f.p[udp + 7] ^= 1;
		expect_drop(&f, DROP_UDP_CKSUM);
		frame_golden(ids[i], &f);
		f.p[f.len - 1] ^= 0x80; // of the inner payload
		expect_drop(&f, DROP_UDP_CKSUM);
	}
	frame_golden("A40", &f);
	f.p[ETH + 8 + 15] ^= 1; // the pseudo-header is in the sum: another relay's
	expect_drop(&f, DROP_UDP_CKSUM);
	fix_udp6(&f);
	expect_drop(&f, DROP_NOT_RELAY);
}

// G-09, G-08: without a checksum to another port than a tunnel's, or another message: the kernel's,
// which does not take it (kif: udp6_without_a_checksum).
static void no_checksum_elsewhere(void **state)
{
	struct frame f;

	(void)state;
	frame_golden("A39", &f);
	f.p[ETH + V6 + 3]++;
	expect_punt(&f, RIG_OTHER);
	frame_golden("A39", &f);
	f.p[ETH + 24 + 15]++; // another address of ours
	expect_punt(&f, RIG_OTHER);
	frame_golden("N29", &f);
	expect_punt(&f, RIG_CONTROL);
	frame_golden("A36", &f);
	expect_punt(&f, RIG_CONTROL);
}

// M-01, M-07: the relay's address and port 2268, and the (S,G) of that tunnel.
static void only_from_the_relay(void **state)
{
	struct frame f;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		frame_golden(mixes[i], &f);
		f.p[ETH + outer_len(&f) + 6] = f.p[ETH + outer_len(&f) + 7] = 0;
		f.p[ETH + outer_len(&f) + 1] ^= 1;
		expect_drop(&f, DROP_NOT_RELAY);
		frame_golden(mixes[i], &f);
		f.p[ETH + outer_len(&f) + 6] = f.p[ETH + outer_len(&f) + 7] = 0;
		f.p[inner_at(&f) + (f.p[inner_at(&f)] >> 4 == 6 ? 23 : 15)] ^= 1;
		if (f.p[inner_at(&f)] >> 4 == 4)
			frame_fix_ip(&f, inner_at(&f));
		expect_drop(&f, DROP_NOT_JOINED);
	}
}

// M-02, M-08, M-09, SS-02: IPv6 inside. Groups that are none, or that stay on their link; sources
// that cannot be; a hop limit that has run out.
static void inner_ipv6_that_cannot_be(void **state)
{
	static const struct {
		size_t at;
		uint8_t octets[16];
		size_t n;
		enum drop_reason reason;
	} rows[] = {
		{GROUP, {0x20}, 1, DROP_INNER_NOT_MULTICAST},
		{GROUP, {0xfe}, 1, DROP_INNER_NOT_MULTICAST},
		{GROUP, {0xff, 0x30}, 2, DROP_INNER_LINK_LOCAL},
		{GROUP, {0xff, 0x31}, 2, DROP_INNER_LINK_LOCAL},
		{GROUP, {0xff, 0x32}, 2, DROP_INNER_LINK_LOCAL},
		{GROUP, {0xff, 0x02}, 2, DROP_INNER_LINK_LOCAL},
		{GROUP, {0xff, 0x3e, 0, 0x30}, 4, DROP_NOT_JOINED},
		{GROUP, {0xff, 0x3e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0}, 16,
			DROP_NOT_JOINED},
		{8, {0xff, 2}, 2, DROP_INNER_SOURCE},
		{8, {0xfe, 0x80}, 2, DROP_INNER_SOURCE},
		{8, {0xfe, 0xbf}, 2, DROP_INNER_SOURCE},
		{8, {0}, 16, DROP_INNER_SOURCE},
		{8, {[15] = 1}, 16, DROP_INNER_SOURCE},
		{8, {[10] = 0xff, 0xff, 192, 0, 2, 12}, 16, DROP_INNER_SOURCE},
		{7, {1}, 1, DROP_TTL},
		{7, {0}, 1, DROP_TTL},
		{0, {0x50}, 1, DROP_INNER_VERSION},
	};
	static const char *const ids[] = {"A17", "A39"};
	struct frame f;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t k = 0; k < 2; k++) {
			frame_golden(ids[k], &f);
			memcpy(f.p + inner_at(&f) + rows[i].at, rows[i].octets, rows[i].n);
			expect_drop(&f, rows[i].reason);
		}
	}
	// Longer than what carries it; shorter is padding.
	for (size_t k = 0; k < 2; k++) {
		frame_golden(ids[k], &f);
		f.p[inner_at(&f) + 5]++;
		expect_drop(&f, DROP_INNER_LENGTH);
		f.p[inner_at(&f) + 5] = (uint8_t)(f.p[inner_at(&f) + 5] - 2);
		expect_forwarded(&f, 0, false);
	}
}

// M-11: a relay sends no IPv6 fragments.
static void outer_ipv6_fragments(void **state)
{
	static const uint8_t header[8] = {17, 0, 0, 1, 0, 0, 0, 1};
	struct frame f;

	(void)state;
	frame_golden("A40", &f);
	memmove(f.p + ETH + V6 + 8, f.p + ETH + V6, f.len - ETH - V6);
	memcpy(f.p + ETH + V6, header, 8);
	f.len += 8;
	f.p[ETH + 5] += 8;
	f.p[ETH + 6] = 44;
	expect_drop(&f, DROP_OUTER_FRAGMENT);
	f.p[ETH + 8 + 15] ^= 1; // not from the relay: the kernel's
	expect_punt(&f, RIG_OTHER);
}

// E-04 with IPv6: every pair of ECN fields with each mix, by the words of RFC 6040 section 4.2.
static void ecn_of_each_mix(void **state)
{
	for (unsigned int i = 0; i < 4 * 16; i++) {
		uint8_t outer = i >> 2 & 3, inner = i & 3, want, got;
		struct outcome o;
		struct frame f;
		uint64_t odd;
		uint8_t *in;

		(void)state;
		frame_golden(mixes[i / 16], &f);
		in = f.p + inner_at(&f);
		f.p[ETH + outer_len(&f) + 6] = f.p[ETH + outer_len(&f) + 7] = 0;
		if (outer_len(&f) == V6) {
			f.p[ETH + 1] = (uint8_t)((f.p[ETH + 1] & 0xcf) | outer << 4);
		} else {
			f.p[ETH + 1] = (uint8_t)((f.p[ETH + 1] & 0xfc) | outer);
			frame_fix_ip(&f, ETH);
		}
		if (in[0] >> 4 == 6) {
			in[1] = (uint8_t)((in[1] & 0xcf) | inner << 4);
		} else {
			in[1] = (uint8_t)((in[1] & 0xfc) | inner);
			frame_fix_ip(&f, inner_at(&f));
		}
		if (outer == 3 && inner == 0) {
			expect_drop(&f, DROP_ECN);
			continue;
		}
		want = inner;
		if (inner != 0 && outer == 3)
			want = 3;
		else if (inner == 2 && outer == 1)
			want = 1;
		odd = crossing_ecn_odd(rig.crossing);
		rig_run(&rig, f.p, f.len, &o);
		assert_int_equal(o.forwarded, 1);
		// E-05: what should not be is counted.
		odd = crossing_ecn_odd(rig.crossing) - odd;
		assert_int_equal(odd, (outer % 3 != 0 && inner == 0) ||
					      (outer == 1 && inner == 3) ||
					      (outer == 2 && inner == 1));
		got = in[0] >> 4 == 6 ? o.frame[ETH + 1] >> 4 & 3 : o.frame[ETH + 1] & 3;
		assert_int_equal(got, want);
	}
}

// SS-04: source routes inside, loose and strict, wherever among the options they stand; other
// options are forwarded.
static void source_routes(void **state)
{
	static const struct {
		uint8_t options[8];
		bool routed;
	} rows[] = {
		{{131, 7, 4, 192, 0, 2, 1, 0}, true},
		{{137, 7, 4, 192, 0, 2, 1, 0}, true},
		{{1, 1, 1, 131, 3, 4, 0, 0}, true},
		{{0x94, 4, 0, 0, 131, 3, 4, 0}, true},
		{{1, 0x94, 4, 0, 0, 131, 3, 4}, true},
		{{1, 1, 1, 1, 1, 1, 1, 131}, true},
		{{0, 131, 7, 4, 192, 0, 2, 1}, false},	   // after the end
		{{7, 7, 4, 131, 137, 131, 137, 0}, false}, // inside of another
		{{0x94, 4, 0, 0, 0x94, 4, 0, 0}, false},
		{{0x94, 0, 131, 0, 0, 0, 0, 0}, false}, // no option after that can be told
		{{0x94, 1, 131, 0, 0, 0, 0, 0}, false},
		{{0x94, 200, 0, 0, 0, 0, 0, 0}, false},
		{{1, 1, 1, 1, 1, 1, 1, 0x94}, false},
	};
	struct outcome o;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame f;
		size_t in;

		frame_golden("A11", &f);
		in = inner_at(&f);
		memmove(f.p + in + V4 + 8, f.p + in + V4, f.len - in - V4);
		memcpy(f.p + in + V4, rows[i].options, 8);
		f.len += 8;
		f.p[in] = 0x47;
		f.p[in + 3] += 8;
		f.p[ETH + 3] += 8;
		f.p[ETH + V4 + 5] += 8;
		frame_fix_ip(&f, in);
		frame_fix_ip(&f, ETH);
		if (rows[i].routed) {
			expect_drop(&f, DROP_INNER_SOURCE_ROUTE);
			continue;
		}
		rig_run(&rig, f.p, f.len, &o);
		assert_int_equal(o.forwarded, 1);
		assert_memory_equal(o.frame + ETH + V4, rows[i].options, 8);
	}
}

// The channel of a frame through a tunnel on another local address, and the frame for that one.
static struct mfib_channel *elsewhere(
	struct frame *f, const char *golden, const char *local, struct mfib_tunnel **tunnel)
{
	struct addr relay = rig_ip(golden[1] == '1' ? "203.0.113.15" : "2001:db8:2::15"),
		    addr = rig_ip(local);
	struct sg sg4 = {rig_ip("192.0.2.12"), rig_ip("232.252.0.2")},
		  sg6 = {rig_ip("2001:db8:a::a"), rig_ip("ff3e::8000:d")};
	bool v6 = addr.family == ADDR_V6;

	frame_golden(golden, f);
	memcpy(f->p + ETH + (v6 ? 24 : 16), addr.bytes, addr_size(&addr));
	if (v6) {
		fix_udp6(f);
	} else {
		frame_fix_ip(f, ETH);
		frame_fix_udp(f);
	}
	*tunnel = mfib_tunnel_add(rig.mfib, &relay, &addr, RIG_PORT);
	assert_non_null(*tunnel);
	return mfib_channel_add(
		rig.mfib, *tunnel, f->p[inner_at(f)] >> 4 == 6 ? &sg6 : &sg4, 1u << 1);
}

// To an address that has no tunnels: the kernel's, and no miss of a channel.
static void expect_not_ours(const struct frame *f)
{
	struct outcome o;

	rig_run(&rig, f->p, f->len, &o);
	assert_int_equal(o.forwarded, 0);
	assert_int_equal(o.drops, 0);
	assert_int_equal(o.punted[RIG_OTHER], 1);
}

// A worker expects the local address that it saw last: not when that has gone, and not when its
// place is another's.
static void local_addresses_come_and_go(void **state)
{
	static const struct {
		const char *golden, *first, *second;
	} rows[] = {
		{"A12", "198.51.100.77", "198.51.100.78"},
		{"A40", "2001:db8:1::77", "2001:db8:1::78"},
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct mfib_tunnel *tunnel;
		struct frame first, second;
		struct mfib_channel *c = elsewhere(&first, rows[i].golden, rows[i].first, &tunnel);

		assert_non_null(c);
		expect_forwarded(&first, 0, false);
		mfib_channel_del(rig.mfib, c);
		mfib_tunnel_del(rig.mfib, tunnel);
		mfib_reclaim(rig.mfib);
		expect_not_ours(&first);
		c = elsewhere(&second, rows[i].golden, rows[i].second, &tunnel);
		assert_non_null(c);
		expect_not_ours(&first);
		expect_forwarded(&second, 0, false);
		expect_not_ours(&first);
		mfib_channel_del(rig.mfib, c);
		mfib_tunnel_del(rig.mfib, tunnel);
		mfib_reclaim(rig.mfib);
	}
}

// An outer destination that no tunnel can have, as the first frame of a worker and later.
static void no_destination(void **state)
{
	static const char *const golden[] = {"A12", "A40"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct frame f, good;
		struct outcome o;

		frame_golden(golden[i], &f);
		good = f;
		if (i == 0) {
			memset(f.p + ETH + 16, 0, 4);
			frame_fix_ip(&f, ETH);
			frame_fix_udp(&f);
		} else {
			memset(f.p + ETH + 24, 0, 16);
			fix_udp6(&f);
		}
		for (int k = 0; k < 3; k++) {
			rig_run(&rig, f.p, f.len, &o);
			assert_int_equal(o.forwarded, 0);
			assert_int_equal(o.drops + o.punted[RIG_CONTROL] + o.punted[RIG_OTHER], 1);
		}
		expect_forwarded(&good, 0, false);
		rig_run(&rig, f.p, f.len, &o);
		assert_int_equal(o.forwarded, 0);
	}
}

// Several at one time, two of them with the same last octet: each frame is known by its own, and
// one that goes takes none of the others with it.
static void several_local_addresses(void **state)
{
	static const struct {
		const char *golden, *locals[3];
	} rows[] = {
		{"A12", {"198.51.100.77", "198.51.100.78", "198.51.101.77"}},
		{"A40", {"2001:db8:1::77", "2001:db8:1::78", "2001:db8:2::77"}},
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct mfib_tunnel *tunnels[3];
		struct mfib_channel *c[3];
		struct frame frames[3];

		for (int k = 0; k < 3; k++) {
			c[k] = elsewhere(
				&frames[k], rows[i].golden, rows[i].locals[k], &tunnels[k]);
			assert_non_null(c[k]);
		}
		for (int round = 0; round < 4; round++)
			for (int k = 0; k < 3; k++)
				expect_forwarded(&frames[k], 0, false);
		for (int gone = 0; gone < 3; gone++) {
			mfib_channel_del(rig.mfib, c[gone]);
			mfib_tunnel_del(rig.mfib, tunnels[gone]);
			for (int k = 0; k < 3; k++) {
				if (k > gone) {
					expect_forwarded(&frames[k], 0, false);
					continue;
				}
				expect_not_ours(&frames[k]);
			}
		}
		mfib_reclaim(rig.mfib);
	}
}

static int setup(void **state)
{
	struct addr relay6 = rig_ip("2001:db8:2::15"), local6 = rig_ip("2001:db8:1::10");
	struct sg sg4 = {rig_ip("192.0.2.12"), rig_ip("232.252.0.2")},
		  sg6 = {rig_ip("2001:db8:a::a"), rig_ip("ff3e::8000:d")};

	(void)state;
	rig_setup(&rig, 1u << 1);
	tunnel6 = mfib_tunnel_add(rig.mfib, &relay6, &local6, RIG_PORT);
	assert_non_null(tunnel6);
	extra[0] = mfib_channel_add(rig.mfib, rig.tunnel, &sg6, 1u << 1);
	extra[1] = mfib_channel_add(rig.mfib, tunnel6, &sg6, 1u << 1);
	extra[2] = mfib_channel_add(rig.mfib, tunnel6, &sg4, 1u << 1);
	for (int i = 0; i < 3; i++)
		assert_non_null(extra[i]);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		mfib_channel_del(rig.mfib, extra[i]);
	mfib_tunnel_del(rig.mfib, tunnel6);
	rig_teardown(&rig);
	return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(four_mixes),
		T(no_checksum_is_good),
		T(checksum_is_verified),
		T(no_checksum_elsewhere),
		T(only_from_the_relay),
		T(inner_ipv6_that_cannot_be),
		T(outer_ipv6_fragments),
		T(ecn_of_each_mix),
		T(source_routes),
		T(local_addresses_come_and_go),
		T(several_local_addresses),
		T(no_destination),
	};

	rig_eal_init("t_families");
	return RUN_TESTS(tests);
}
