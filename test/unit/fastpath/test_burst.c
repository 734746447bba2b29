// SPDX-License-Identifier: BSD-3-Clause
// The per-burst function on golden vectors and on what can be made of them, without a port.
#include "unit/unit.h"

#include <stdio.h>
#include <string.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "base/rng.h"
#include "frames.h"
#include "rig.h"

#define OUTER_IP 14
#define UDP	 34
#define AMT	 42
#define INNER	 44

static struct rig rig;

static void expect_forwarded(const struct frame *f, const struct outcome *o, uint32_t oifs)
{
	unsigned int first = (unsigned int)__builtin_ctz(oifs);
	uint8_t want[RIG_FRAME];
	size_t len = frame_expect(f, rig.worker.ifs[first].mac, want);

	assert_int_equal(o->drops, 0);
	assert_int_equal(o->punted[RIG_CONTROL] + o->punted[RIG_OTHER], 0);
	assert_int_equal(o->oifs, oifs);
	assert_int_equal(o->forwarded, __builtin_popcount(oifs));
	assert_int_equal(o->len, len);
	assert_memory_equal(o->frame, want, len);
}

static void expect_drop(const struct frame *f, enum drop_reason reason)
{
	struct outcome o;

	rig_run(&rig, f->p, f->len, &o);
	if (o.drops != 1 || o.reason != reason || o.forwarded ||
		o.punted[RIG_CONTROL] + o.punted[RIG_OTHER])
		fail_msg("%s: %u forwarded, %u/%u punted, %u drops, %s instead of %s", f->name,
			o.forwarded, o.punted[RIG_CONTROL], o.punted[RIG_OTHER],
			(unsigned int)o.drops, drop_names[o.reason], drop_names[reason]);
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

static void expect_punt(const struct frame *f, enum rig_punt k)
{
	struct outcome o;

	rig_run(&rig, f->p, f->len, &o);
	if (o.drops || o.forwarded || o.punted[k] != 1 || o.punted[!k])
		fail_msg("%s: %u forwarded, %u/%u punted, %s, instead of class %d", f->name,
			o.forwarded, o.punted[RIG_CONTROL], o.punted[RIG_OTHER],
			o.drops ? drop_names[o.reason] : "no drop", k);
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

static void golden_data_is_forwarded(void **state)
{
	static const char *const ids[] = {"A11", "A12", "A21", "A22"};
	struct mfib_stats stats;
	uint64_t bytes = 0;
	struct outcome o;
	struct frame f;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		frame_golden(ids[i], &f);
		rig_run(&rig, f.p, f.len, &o);
		expect_forwarded(&f, &o, 1u << 1);
		bytes += o.len - 14;
	}
	mfib_channel_stats(rig.channel, &stats);
	assert_int_equal(stats.packets, 4);
	assert_int_equal(stats.bytes, bytes);
	mfib_tunnel_stats(rig.tunnel, &stats);
	assert_int_equal(stats.packets, 4);
}

static void golden_drops_have_their_reason(void **state)
{
	static const struct {
		const char *id;
		enum drop_reason reason;
	} rows[] = {{"N01", DROP_AMT_VERSION}, {"N19", DROP_INNER_NOT_MULTICAST},
		{"N20", DROP_NOT_RELAY}, {"N21", DROP_INNER_LINK_LOCAL}, {"N22", DROP_INNER_LENGTH},
		{"N23", DROP_INNER_CKSUM}, {"N24", DROP_TTL}, {"N25", DROP_INNER_VERSION},
		{"N26", DROP_NOT_JOINED}, {"N27", DROP_ECN}, {"N28", DROP_INNER_SOURCE},
		{"A17", DROP_NOT_JOINED}};
	struct frame f;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		frame_golden(rows[i].id, &f);
		expect_drop(&f, rows[i].reason);
	}
}

// All vectors that are not data: the AMT engine's, whoever sent them.
static void golden_control_is_punted_first(void **state)
{
	unsigned int n = 0;
	struct frame f;

	(void)state;
	for (unsigned int i = 0; frame_nth(i, &f); i++) {
		size_t amt = f.p[12] == 0x86 ? 14 + 40 + 8 : AMT;

		if (f.len > amt && (f.p[amt] & 0xf) == 6)
			continue;
		expect_punt(&f, RIG_CONTROL);
		n++;
	}
	assert_true(n > 35);
}

static void data_that_is_not_ours_is_punted_last(void **state)
{
	static const char *const v6[] = {"A39", "A40", "A41"};
	struct frame f;

	(void)state;
	for (size_t i = 0; i < 3; i++) { // IPv6 outside: no tunnel of ours yet
		frame_golden(v6[i], &f);
		expect_punt(&f, RIG_OTHER);
	}
	frame_golden("A11", &f);
	f.p[UDP + 3]++; // a port without a tunnel
	expect_punt(&f, RIG_OTHER);
	frame_golden("A11", &f);
	f.p[OUTER_IP + 19]++; // not our address
	expect_punt(&f, RIG_OTHER);
	frame_golden("A11", &f);
	rig.worker.ifs[0].upstream = false;
	expect_punt(&f, RIG_OTHER);
	rig.worker.ifs[0].upstream = true;
}

static void link_and_routing_protocols_are_control(void **state)
{
	static const struct {
		uint16_t type;
		uint8_t octets[64]; // from the network header
		enum rig_punt k;
	} rows[] = {
		{0x0806, {0}, RIG_CONTROL},
		{0x88cc, {0}, RIG_OTHER},
		{0x0800, {0x46, [9] = 2}, RIG_CONTROL},
		{0x0800, {0x45, [9] = 103}, RIG_CONTROL},
		{0x0800, {0x45, [9] = 1}, RIG_OTHER},
		{0x0800, {0x45, [9] = 17, [20] = 0, 53, 4, 0}, RIG_OTHER},
		{0x0800, {0x45, [9] = 17, [20] = 0x08, 0xdc, [28] = 4}, RIG_CONTROL},
		{0x0800, {0x45, [9] = 17, [22] = 0x08, 0xdc, [28] = 3}, RIG_CONTROL},
		{0x0800, {0x45, [9] = 17, [22] = 0x08, 0xdc, [28] = 6}, RIG_OTHER},
		{0x0800, {0x44, [9] = 2}, RIG_OTHER}, // no such header length
		{0x0800, {0x65, [9] = 2}, RIG_OTHER},
		{0x86dd, {0x60, [6] = 103}, RIG_CONTROL},
		{0x86dd, {0x60, [6] = 58, [40] = 135}, RIG_CONTROL},
		{0x86dd, {0x60, [6] = 58, [40] = 128}, RIG_OTHER},
		{0x86dd, {0x60, [6] = 0, [40] = 58, 0, [48] = 143}, RIG_CONTROL},
		{0x86dd, {0x60, [6] = 0, [40] = 58, 255, [48] = 143}, RIG_OTHER},
		{0x86dd, {0x60, [6] = 17, [40] = 0x08, 0xdc, [48] = 4}, RIG_CONTROL},
		{0x86dd, {0x60, [6] = 6}, RIG_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame f = {.len = 14 + sizeof(rows[i].octets)};

		snprintf(f.name, sizeof(f.name), "row %zu", i);
		f.p[12] = (uint8_t)(rows[i].type >> 8);
		f.p[13] = (uint8_t)rows[i].type;
		memcpy(f.p + 14, rows[i].octets, sizeof(rows[i].octets));
		expect_punt(&f, rows[i].k);
		// The same past a VLAN tag.
		memmove(f.p + 16, f.p + 12, f.len - 12);
		memcpy(f.p + 12, (uint8_t[]){0x81, 0x00, 0x00, RIG_VLAN}, 4);
		f.len += 4;
		expect_punt(&f, rows[i].k);
		f.p[15] = 0; // a priority, and no VLAN
		expect_punt(&f, rows[i].k);
		f.p[15] = RIG_VLAN + 1;
		expect_drop(&f, DROP_VLAN);
	}
}

// A frame cut short is never forwarded, and counts once.
static void every_truncation_is_accounted(void **state)
{
	struct outcome o;
	struct frame f;

	(void)state;
	frame_golden("A12", &f);
	for (size_t len = 0; len < f.len; len++) {
		rig_run(&rig, f.p, len, &o);
		assert_int_equal(o.forwarded, 0);
		assert_int_equal(o.drops + o.punted[RIG_CONTROL] + o.punted[RIG_OTHER], 1);
		if (len > AMT)
			assert_int_equal(o.reason, DROP_OUTER_LENGTH);
	}
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

// The same with lengths that agree: the datagram itself is short.
static void every_shorter_datagram_is_accounted(void **state)
{
	struct frame f, g;

	(void)state;
	frame_golden("A12", &f);
	for (size_t cut = 1; f.len - cut > AMT; cut++) {
		g = f;
		g.len -= cut;
		g.p[OUTER_IP + 3] = (uint8_t)(g.len - 14);
		g.p[UDP + 5] = (uint8_t)(g.len - UDP);
		frame_fix_ip(&g, OUTER_IP);
		frame_fix_udp(&g);
		expect_drop(&g, g.len < INNER + 20 ? DROP_AMT_SHORT : DROP_INNER_LENGTH);
	}
	g.len = UDP + 8; // no AMT octet at all
	g.p[OUTER_IP + 3] = 28;
	g.p[UDP + 5] = 8;
	frame_fix_ip(&g, OUTER_IP);
	frame_fix_udp(&g);
	expect_punt(&g, RIG_CONTROL);
}

static void lengths_must_agree(void **state)
{
	struct frame f;

	(void)state;
	frame_golden("A11", &f);
	f.p[UDP + 5]++; // beyond the IP datagram
	expect_drop(&f, DROP_OUTER_LENGTH);
	frame_golden("A11", &f);
	f.p[OUTER_IP + 2] = 4; // beyond the frame
	frame_fix_ip(&f, OUTER_IP);
	expect_drop(&f, DROP_OUTER_LENGTH);
	frame_golden("A11", &f);
	f.p[INNER] = 0x44;
	frame_fix_ip(&f, INNER);
	expect_drop(&f, DROP_INNER_HEADER);
	frame_golden("A11", &f);
	f.p[INNER] = 0x4f; // options beyond the datagram
	f.p[UDP + 5] = 8 + 2 + 40;
	expect_drop(&f, DROP_INNER_HEADER);
	frame_golden("A11", &f);
	f.p[INNER + 3] = 19;
	frame_fix_ip(&f, INNER);
	expect_drop(&f, DROP_INNER_LENGTH);
}

static void padding_is_not_forwarded(void **state)
{
	struct outcome o;
	struct frame f, g;

	(void)state;
	frame_golden("A11", &f);
	memset(f.p + f.len, 0xa5, 20); // the wire's
	g = f;
	g.len += 20;
	rig_run(&rig, g.p, g.len, &o);
	expect_forwarded(&f, &o, 1u << 1);
	g.p[UDP + 5] = (uint8_t)(g.p[UDP + 5] + 10); // the relay's, after the inner datagram
	g.p[OUTER_IP + 3] = (uint8_t)(g.p[OUTER_IP + 3] + 14);
	frame_fix_ip(&g, OUTER_IP);
	frame_fix_udp(&g);
	rig_run(&rig, g.p, g.len, &o);
	expect_forwarded(&f, &o, 1u << 1);
}

// A header-only inner datagram: the shortest data there is, padded to the Ethernet minimum or not.
static void shortest_datagram(void **state)
{
	struct outcome o;
	struct frame f;

	(void)state;
	frame_golden("A11", &f);
	f.len = INNER + 20;
	f.p[OUTER_IP + 3] = 50;
	f.p[UDP + 5] = 30;
	f.p[INNER + 3] = 20;
	frame_fix_ip(&f, OUTER_IP);
	frame_fix_ip(&f, INNER);
	rig_run(&rig, f.p, f.len, &o);
	expect_forwarded(&f, &o, 1u << 1);
	f.p[AMT + 1] = 0xff; // reserved: ignored on receive
	rig_run(&rig, f.p, f.len, &o);
	expect_forwarded(&f, &o, 1u << 1);
}

static void insert(struct frame *f, size_t at, const uint8_t *octets, size_t n)
{
	memmove(f->p + at + n, f->p + at, f->len - at);
	memcpy(f->p + at, octets, n);
	f->len += n;
}

static void vlan_and_options_are_tolerated(void **state)
{
	static const uint8_t nops[8] = {1, 1, 1, 1, 1, 1, 1, 0},
			     tag[4] = {0x81, 0x00, 0xa0, RIG_VLAN};
	struct frame f, g;
	struct outcome o;

	(void)state;
	frame_golden("A12", &f);
	insert(&f, OUTER_IP + 20, nops, 8);
	f.p[OUTER_IP] = 0x47;
	f.p[OUTER_IP + 3] = (uint8_t)(f.p[OUTER_IP + 3] + 8);
	frame_fix_ip(&f, OUTER_IP);
	rig_run(&rig, f.p, f.len, &o);
	expect_forwarded(&f, &o, 1u << 1);
	g = f;
	insert(&g, 12, tag, 4);
	rig_run(&rig, g.p, g.len, &o);
	expect_forwarded(&g, &o, 1u << 1);
	g.p[18 + 10] ^= 1;
	expect_drop(&g, DROP_OUTER_CKSUM);
	for (size_t len = 0; len < g.len; len++) {
		rig_run(&rig, g.p, len, &o);
		assert_int_equal(o.forwarded, 0);
		assert_int_equal(o.drops + o.punted[RIG_CONTROL] + o.punted[RIG_OTHER], 1);
	}
	frame_golden("A11", &f); // options inside
	insert(&f, INNER + 20, nops, 8);
	f.p[INNER] = 0x47;
	f.p[INNER + 3] = (uint8_t)(f.p[INNER + 3] + 8);
	f.p[UDP + 5] = (uint8_t)(f.p[UDP + 5] + 8);
	f.p[OUTER_IP + 3] = (uint8_t)(f.p[OUTER_IP + 3] + 8);
	frame_fix_ip(&f, OUTER_IP);
	frame_fix_ip(&f, INNER);
	rig_run(&rig, f.p, f.len, &o);
	expect_forwarded(&f, &o, 1u << 1);
}

// Frame id with the driver's opinion on the checksums in flags.
static void run_flags(const char *id, uint64_t flags, bool hw, size_t corrupt, struct outcome *o)
{
	struct rte_mbuf *m;
	struct frame f;

	frame_golden(id, &f);
	if (corrupt)
		f.p[corrupt] ^= 0x40;
	m = rig_mbuf(&rig, f.p, f.len);
	m->ol_flags |= flags;
	rig.worker.ports[0].ip_cksum_hw = hw;
	rig.worker.ports[0].l4_cksum_hw = hw;
	rig_run_mbuf(&rig, m, o);
	rig.worker.ports[0].ip_cksum_hw = false;
	rig.worker.ports[0].l4_cksum_hw = false;
}

static void checksums_by_driver_or_by_sum(void **state)
{
	const uint64_t good = RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	const struct {
		const char *id;
		uint64_t flags;
		int hw;
		unsigned int corrupt;
		int drop; // -1: forwarded
	} rows[] = {{"A12", 0, false, 0, -1}, {"A12", 0, true, 0, -1}, {"A12", good, true, 0, -1},
		{"A12", 0, false, UDP + 6, DROP_UDP_CKSUM},
		{"A12", 0, false, INNER + 24, DROP_UDP_CKSUM},
		{"A12", good, false, INNER + 24, DROP_UDP_CKSUM}, // not asked for: not believed
		{"A12", good, true, INNER + 24, -1},
		{"A12", RTE_MBUF_F_RX_L4_CKSUM_BAD, true, 0, DROP_UDP_CKSUM},
		{"A12", RTE_MBUF_F_RX_L4_CKSUM_BAD, false, 0, -1},
		// RFC 7450 section 5.1.6: data with checksum 0 is fine, whatever the driver thinks.
		{"A11", RTE_MBUF_F_RX_L4_CKSUM_BAD, true, 0, -1},
		{"A11", 0, false, OUTER_IP + 10, DROP_OUTER_CKSUM},
		{"A11", RTE_MBUF_F_RX_IP_CKSUM_BAD, true, 0, DROP_OUTER_CKSUM},
		{"A11", RTE_MBUF_F_RX_IP_CKSUM_BAD, false, 0, -1},
		{"A11", RTE_MBUF_F_RX_IP_CKSUM_NONE, true, OUTER_IP + 10, DROP_OUTER_CKSUM},
		{"A11", good, true, OUTER_IP + 10, -1}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct outcome o;

		run_flags(rows[i].id, rows[i].flags, rows[i].hw != 0, rows[i].corrupt, &o);
		if (o.forwarded != (rows[i].drop < 0) || o.drops != (rows[i].drop >= 0) ||
			(o.drops && (int)o.reason != rows[i].drop))
			fail_msg("row %zu: %u forwarded, %s", i, o.forwarded, drop_names[o.reason]);
	}
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

// Every TTL with every pair of ECN fields, and identifiers that move the checksum over all of its
// range: always what a sum over the whole header gives.
static void ttl_ecn_and_checksum(void **state)
{
	struct outcome o;
	struct frame f;

	(void)state;
	for (unsigned int i = 0; i < 256 * 16; i++) {
		uint8_t outer = i & 3, inner = i >> 2 & 3, ttl = (uint8_t)(i >> 4);
		uint16_t id = (uint16_t)(i * 16411);

		frame_golden("A11", &f);
		f.p[OUTER_IP + 1] = outer;
		f.p[INNER + 1] = (uint8_t)(0xb8 | inner);
		f.p[INNER + 4] = (uint8_t)(id >> 8);
		f.p[INNER + 5] = (uint8_t)id;
		f.p[INNER + 8] = ttl;
		frame_fix_ip(&f, OUTER_IP);
		frame_fix_ip(&f, INNER);
		if (ttl <= 1) {
			expect_drop(&f, DROP_TTL);
		} else if (outer == 3 && inner == 0) {
			expect_drop(&f, DROP_ECN);
		} else {
			rig_run(&rig, f.p, f.len, &o);
			expect_forwarded(&f, &o, 1u << 1);
		}
	}
	// Where the header's sum is such that the new checksum is 0 or next to it.
	for (unsigned int id = 0; id < 65536; id++) {
		frame_golden("A11", &f);
		f.p[INNER + 4] = (uint8_t)(id >> 8);
		f.p[INNER + 5] = (uint8_t)id;
		frame_fix_ip(&f, INNER);
		if (f.p[INNER + 10] > 1 && f.p[INNER + 10] < 0xfe)
			continue;
		rig_run(&rig, f.p, f.len, &o);
		expect_forwarded(&f, &o, 1u << 1);
	}
}

static void relay_port_and_address_must_match(void **state)
{
	struct frame f;

	(void)state;
	frame_golden("A11", &f);
	f.p[UDP + 1]++;
	expect_drop(&f, DROP_NOT_RELAY);
	frame_golden("A11", &f);
	f.p[OUTER_IP + 12]++;
	frame_fix_ip(&f, OUTER_IP);
	expect_drop(&f, DROP_NOT_RELAY);
}

static void outer_fragments(void **state)
{
	struct frame f;

	(void)state;
	frame_golden("A11", &f);
	f.p[OUTER_IP + 6] = 0x20; // first of several, to the tunnel's port
	frame_fix_ip(&f, OUTER_IP);
	expect_drop(&f, DROP_OUTER_FRAGMENT);
	f.p[UDP + 3]++; // to another port
	expect_punt(&f, RIG_OTHER);
	frame_golden("A11", &f);
	f.p[OUTER_IP + 7] = 8; // a later one, from the relay
	frame_fix_ip(&f, OUTER_IP);
	expect_drop(&f, DROP_OUTER_FRAGMENT);
	f.p[OUTER_IP + 11]++;
	expect_drop(&f, DROP_OUTER_CKSUM);
	f.p[OUTER_IP + 12] = 8; // from somebody else: the kernel's
	frame_fix_ip(&f, OUTER_IP);
	expect_punt(&f, RIG_OTHER);
	frame_golden("A04", &f); // control in fragments: the kernel puts it together
	f.p[OUTER_IP + 6] = 0x20;
	frame_fix_ip(&f, OUTER_IP);
	expect_punt(&f, RIG_CONTROL);
	frame_golden("A11", &f);
	f.p[OUTER_IP + 6] = 0x40; // don't fragment
	frame_fix_ip(&f, OUTER_IP);
	f.p[OUTER_IP + 10] ^= 0; // unchanged: forwarded
	{
		struct outcome o;

		rig_run(&rig, f.p, f.len, &o);
		expect_forwarded(&f, &o, 1u << 1);
	}
}

static void inner_sources_that_cannot_be(void **state)
{
	static const uint8_t bad[][4] = {{0, 1, 2, 3}, {127, 0, 0, 1}, {169, 254, 1, 1},
		{224, 0, 0, 1}, {240, 0, 0, 1}, {255, 255, 255, 255}, {0, 0, 0, 0}};
	struct frame f;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		frame_golden("A11", &f);
		memcpy(f.p + INNER + 12, bad[i], 4);
		frame_fix_ip(&f, INNER);
		expect_drop(&f, DROP_INNER_SOURCE);
	}
	frame_golden("A11", &f); // S = G = 0, the one key that a half-written entry could match
	memset(f.p + INNER + 12, 0, 8);
	frame_fix_ip(&f, INNER);
	expect_drop(&f, DROP_INNER_NOT_MULTICAST);
}

// Sent nowhere for the moment: it is counted, whichever way it takes.
static void muted_is_counted(const struct frame *f)
{
	struct mfib_stats before, after;
	struct frame slow = *f;

	mfib_channel_stats(rig.channel, &before);
	expect_drop(f, DROP_MUTED);
	slow.p[OUTER_IP + 1] = 3; // an ECN field takes the longer way
	frame_fix_ip(&slow, OUTER_IP);
	expect_drop(&slow, DROP_MUTED);
	mfib_channel_stats(rig.channel, &after);
	assert_int_equal(after.packets, before.packets + 2);
}

static void several_interfaces(void **state)
{
	struct outcome o;
	struct frame f;

	(void)state;
	mfib_channel_oifs(rig.mfib, rig.channel, 1u << 1 | 1u << 2);
	frame_golden("A12", &f);
	rig_run(&rig, f.p, f.len, &o);
	expect_forwarded(&f, &o, 1u << 1 | 1u << 2);
	mfib_channel_oifs(rig.mfib, rig.channel, 1u << 2 | 1u << 0 | 1u << 31); // 31: not there
	rig_run(&rig, f.p, f.len, &o);
	expect_forwarded(&f, &o, 1u << 2 | 1u << 0);
	mfib_channel_oifs(rig.mfib, rig.channel, 0);
	muted_is_counted(&f);
	mfib_channel_oifs(rig.mfib, rig.channel, 1u << 1);
}

// Both copies' octets, and the source MAC of each interface.
static void copies_have_their_own_mac(void **state)
{
	struct frame f;
	struct rte_mbuf *m;

	(void)state;
	mfib_channel_oifs(rig.mfib, rig.channel, 1u << 1 | 1u << 2);
	frame_golden("A12", &f);
	m = rig_mbuf(&rig, f.p, f.len);
	worker_process_burst(&rig.worker, 0, &m, 1);
	for (unsigned int i = 1; i < 3; i++) {
		uint8_t want[RIG_FRAME];
		size_t len = frame_expect(&f, rig.worker.ifs[i].mac, want);

		assert_int_equal(rig.worker.tx[i].n, 1);
		m = rig.worker.tx[i].mbufs[0];
		assert_int_equal(rte_pktmbuf_data_len(m), len);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), want, len);
		rte_pktmbuf_free(m);
		rig.worker.tx[i].n = 0;
		rig.worker.tx[i].bytes = 0;
	}
	mfib_channel_oifs(rig.mfib, rig.channel, 1u << 1);
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

static void no_mbuf_for_a_copy(void **state)
{
	struct rte_mbuf *all[RIG_MBUFS], *m;
	unsigned int n = 0;
	struct outcome o;
	struct frame f;

	(void)state;
	mfib_channel_oifs(rig.mfib, rig.channel, 1u << 1 | 1u << 2);
	frame_golden("A12", &f);
	m = rig_mbuf(&rig, f.p, f.len);
	while (n < RIG_MBUFS && (all[n] = rte_pktmbuf_alloc(rig.pool)))
		n++;
	rig_run_mbuf(&rig, m, &o);
	assert_int_equal(o.forwarded, 1);
	assert_int_equal(o.oifs, 1u << 2);
	assert_int_equal(o.drops, 1);
	assert_int_equal(o.reason, DROP_NO_MBUF);
	rte_pktmbuf_free_bulk(all, n);
	mfib_channel_oifs(rig.mfib, rig.channel, 1u << 1);
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

static void mtu_of_each_interface(void **state)
{
	struct outcome o;
	struct frame f;

	(void)state;
	frame_golden("A12", &f); // 44 octets inside
	worker_set_mtu(&rig.worker, 1, 44);
	rig_run(&rig, f.p, f.len, &o);
	expect_forwarded(&f, &o, 1u << 1);
	worker_set_mtu(&rig.worker, 1, 43);
	expect_drop(&f, DROP_MTU);
	mfib_channel_oifs(rig.mfib, rig.channel, 1u << 1 | 1u << 2);
	rig_run(&rig, f.p, f.len, &o);
	assert_int_equal(o.oifs, 1u << 2);
	assert_int_equal(o.drops, 1);
	assert_int_equal(o.reason, DROP_MTU);
	mfib_channel_oifs(rig.mfib, rig.channel, 1u << 1);
	worker_set_mtu(&rig.worker, 1, 1500);
}

static void segmented_data_is_dropped(void **state)
{
	struct rte_mbuf *m, *tail;
	struct outcome o;
	struct frame f;

	(void)state;
	frame_golden("A12", &f);
	for (size_t first = 14; first <= f.len; first++) {
		m = rig_mbuf(&rig, f.p, first);
		tail = rig_mbuf(&rig, f.p + first, f.len - first);
		assert_int_equal(rte_pktmbuf_chain(m, tail), 0);
		rig_run_mbuf(&rig, m, &o);
		assert_int_equal(o.forwarded, 0);
		assert_int_equal(o.drops + o.punted[RIG_CONTROL] + o.punted[RIG_OTHER], 1);
		if (first > AMT)
			assert_int_equal(o.reason, DROP_OUTER_LENGTH);
		assert_int_equal(rig_mbufs_in_use(&rig), 0);
	}
}

static void full_punt_ring_of_one_class_leaves_the_other(void **state)
{
	struct rte_mbuf *burst[WORKER_BURST], *got[64];
	struct frame data, control;
	unsigned int n, other = 0;

	(void)state;
	frame_golden("A39", &data);
	frame_golden("A04", &control);
	for (int round = 0; round < 4; round++) { // on a ring of 31
		for (int i = 0; i < WORKER_BURST; i++)
			burst[i] = rig_mbuf(&rig, data.p, data.len);
		worker_process_burst(&rig.worker, 0, burst, WORKER_BURST);
	}
	assert_int_equal(rig.x->drops[DROP_PUNT_FULL_OTHER], 4 * WORKER_BURST - 31);
	burst[0] = rig_mbuf(&rig, control.p, control.len);
	worker_process_burst(&rig.worker, 0, burst, 1);
	assert_int_equal(rig.x->drops[DROP_PUNT_FULL_CONTROL], 0);
	// Up on the control thread: control first.
	n = crossing_punt_dequeue(rig.crossing, PUNT_ALL, got, 1);
	assert_int_equal(n, 1);
	assert_int_equal(rte_pktmbuf_data_len(got[0]), control.len);
	assert_int_equal(got[0]->port, 0); // the interface
	rte_pktmbuf_free(got[0]);
	while ((n = crossing_punt_dequeue(rig.crossing, PUNT_ALL, got, 64)) > 0) {
		rte_pktmbuf_free_bulk(got, n);
		other += n;
	}
	assert_int_equal(other, 31);
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

// Takes what is queued for an interface; how many frames that were.
static unsigned int tx_take(unsigned int ifindex)
{
	struct worker_tx *tx = &rig.worker.tx[ifindex];
	unsigned int n = tx->n;
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < n; i++)
		bytes += rte_pktmbuf_pkt_len(tx->mbufs[i]);
	assert_int_equal(tx->bytes, bytes);
	rte_pktmbuf_free_bulk(tx->mbufs, n);
	tx->n = 0;
	tx->bytes = 0;
	return n;
}

// The loop that expects a burst to go where the last one went, when it does and when it does not.
static void where_the_last_burst_went(void **state)
{
	static const struct {
		uint64_t oifs, expected; // of this burst; afterwards
	} bursts[] = {
		{1u << 1, 1u << 1}, // its shape is not known yet
		{1u << 1, 1u << 1},
		{1u << 1, 1u << 1},
		{1u << 2, 0},
		{1u << 1 | 1u << 2, 1u << 1 | 1u << 2},
		{1u << 1 | 1u << 2, 1u << 1 | 1u << 2},
		{1u << 2, 1u << 2}, // two that take different frames are not expected
		{1u << 2, 1u << 2},
		{0, 1u << 2},
		{1u << 2, 1u << 2},
	};
	struct rte_mbuf *burst[WORKER_BURST];
	struct frame f;

	(void)state;
	frame_golden("A12", &f);
	rig.worker.shape = SHAPE_MIXED;
	rig.worker.expected_oifs[SHAPE_4IN4] = 0;
	for (unsigned int k = 0; k < RTE_DIM(bursts); k++) {
		uint64_t oifs = bursts[k].oifs;

		mfib_channel_oifs(rig.mfib, rig.channel, oifs);
		for (unsigned int i = 0; i < WORKER_BURST; i++)
			burst[i] = rig_mbuf(&rig, f.p, f.len);
		rig.worker.tx_pending = 0;
		worker_process_burst(&rig.worker, 0, burst, WORKER_BURST);
		assert_int_equal(rig.worker.expected_oifs[SHAPE_4IN4], bursts[k].expected);
		assert_int_equal(rig.worker.tx_pending, oifs);
		for (unsigned int i = 1; i < 3; i++)
			assert_int_equal(tx_take(i), oifs & 1u << i ? WORKER_BURST : 0);
	}
	mfib_channel_oifs(rig.mfib, rig.channel, 1u << 1);
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

// Arrival of each frame that lies on an interface's queue; how many.
static unsigned int tx_arrivals(
	unsigned int ifindex, struct rte_mbuf *const *burst, unsigned int arrivals[WORKER_TX_QUEUE])
{
	const struct worker_tx *tx = &rig.worker.tx[ifindex];

	for (unsigned int k = 0; k < tx->n; k++) {
		for (arrivals[k] = 0; burst[arrivals[k]] != tx->mbufs[k]; arrivals[k]++)
			assert_true(arrivals[k] + 1 < WORKER_BURST);
	}
	return tx->n;
}

// Two interfaces that take the same frame, a burst for both of them as expected, and between its
// frames some for one alone, too long ones and such that take a longer way: on each queue is what
// it is for, once, in the order of arrival.
static void shared_frames_stay_in_order(void **state)
{
	const uint64_t both = 1u << 1 | 1u << 2;
	struct rng rng = rng_seeded(20261126);
	struct rte_mbuf *burst[WORKER_BURST];
	struct frame plain, ecn, other, moving, f;
	struct mfib_channel *second, *third;
	struct mfib_window *window;
	unsigned int mtu_drops = 0;
	struct sg sg;

	(void)state;
	memcpy(rig.worker.ifs[2].mac, rig.worker.ifs[1].mac, sizeof(rig.worker.ifs[2].mac));
	worker_prepare(&rig.worker);
	frame_golden("A12", &plain);
	ecn = plain;
	ecn.p[OUTER_IP + 1] |= 2; // ECT(0): not in the loop
	frame_fix_ip(&ecn, OUTER_IP);
	other = plain;
	other.p[INNER + 19] ^= 1; // another group
	frame_fix_ip(&other, INNER);
	sg.s = (struct addr){.family = ADDR_V4};
	sg.g = sg.s;
	memcpy(sg.s.bytes, other.p + INNER + 12, 4);
	memcpy(sg.g.bytes, other.p + INNER + 16, 4);
	second = mfib_channel_add(rig.mfib, rig.tunnel, &sg, 1u << 2);
	assert_non_null(second);
	moving = plain;
	moving.p[INNER + 19] ^= 2; // and one more, in a move
	frame_fix_ip(&moving, INNER);
	memcpy(sg.g.bytes, moving.p + INNER + 16, 4);
	third = mfib_channel_add(rig.mfib, rig.tunnel, &sg, both);
	window = mfib_window_create(rig.mfib, 1000);
	assert_true(third && window);
	assert_int_equal(mfib_channel_guard(rig.mfib, third, window, 0), 0);
	for (unsigned int k = 0; k < 2000; k++) {
		uint64_t second_oifs = 1u << (1 + rng_below(&rng, 2)), want[WORKER_BURST];
		unsigned int arrivals[WORKER_TX_QUEUE];
		bool small_mtu = rng_below(&rng, 8) == 0;

		mfib_channel_oifs(rig.mfib, rig.channel, both);
		mfib_channel_oifs(rig.mfib, second, second_oifs);
		worker_set_mtu(&rig.worker, 2, small_mtu ? 43 : 1500); // 44 octets are inside
		rig.worker.shape = SHAPE_4IN4;
		rig.worker.expected_oifs[SHAPE_4IN4] = both;
		rig.worker.tx_pending = 0;
		for (unsigned int i = 0; i < WORKER_BURST; i++) {
			unsigned int kind = (unsigned int)rng_below(&rng, 12);

			f = kind == 0 ? other : kind == 1 ? ecn : kind == 2 ? moving : plain;
			want[i] = kind == 0 ? second_oifs : both;
			if (small_mtu) {
				mtu_drops += want[i] >> 2 & 1;
				want[i] &= ~(1u << 2);
			}
			burst[i] = rig_mbuf(&rig, f.p, f.len);
		}
		worker_process_burst(&rig.worker, 0, burst, WORKER_BURST);
		for (unsigned int i = 1; i < 3; i++) {
			unsigned int n = tx_arrivals(i, burst, arrivals), expected = 0;

			for (unsigned int a = 0; a < WORKER_BURST; a++) {
				if (want[a] & 1u << i)
					assert_int_equal(arrivals[expected++], a);
			}
			assert_int_equal(n, expected);
			if (n)
				assert_true(rig.worker.tx_pending & 1u << i);
		}
		tx_take(1);
		tx_take(2);
		assert_int_equal(rig_mbufs_in_use(&rig), 0);
	}
	assert_int_equal(crossing_drop(rig.crossing, DROP_MTU), mtu_drops);
	assert_true(mtu_drops > 1000);
	mfib_channel_del(rig.mfib, second);
	mfib_channel_del(rig.mfib, third);
	mfib_window_destroy(rig.mfib, window);
	mfib_channel_oifs(rig.mfib, rig.channel, 1u << 1);
	rig.worker.ifs[2].mac[5] = 2;
	worker_prepare(&rig.worker);
}

// A full burst of mixed frames: each to its place, none swapped.
static void burst_of_everything(void **state)
{
	static const char *const ids[] = {"A11", "N26", "A04", "A39", "A12", "N20", "A22", "A21"};
	struct rte_mbuf *burst[WORKER_BURST], *m;
	struct crossing_if_stats before, after;
	struct frame f;
	void *p;

	(void)state;
	crossing_if_stats(rig.crossing, 0, &before);
	for (unsigned int i = 0; i < WORKER_BURST; i++) {
		frame_golden(ids[i % 8], &f);
		burst[i] = rig_mbuf(&rig, f.p, f.len);
	}
	worker_process_burst(&rig.worker, 0, burst, WORKER_BURST);
	assert_int_equal(rig.worker.tx[1].n, WORKER_BURST / 2);
	for (unsigned int i = 0; i < WORKER_BURST / 2; i++) {
		static const unsigned int order[] = {0, 4, 6, 7};
		uint8_t want[RIG_FRAME];
		size_t len;

		frame_golden(ids[order[i % 4]], &f);
		len = frame_expect(&f, rig.worker.ifs[1].mac, want);
		m = rig.worker.tx[1].mbufs[i];
		assert_int_equal(rte_pktmbuf_data_len(m), len);
		assert_memory_equal(rte_pktmbuf_mtod(m, void *), want, len);
		rte_pktmbuf_free(m);
	}
	rig.worker.tx[1].n = 0;
	rig.worker.tx[1].bytes = 0;
	for (int k = 0; k < PUNT_CLASSES; k++) {
		while (rte_ring_dequeue(rig.x->punt[k], &p) == 0)
			rte_pktmbuf_free(p);
	}
	crossing_if_stats(rig.crossing, 0, &after);
	assert_int_equal(after.rx_packets - before.rx_packets, WORKER_BURST);
	assert_int_equal(
		crossing_punted(&after, true) - crossing_punted(&before, true), WORKER_BURST / 8);
	assert_int_equal(
		crossing_punted(&after, false) - crossing_punted(&before, false), WORKER_BURST / 8);
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

// Random damage to valid frames: exactly one thing happens to each, and what is forwarded is what
// the plain reading says.
static void random_damage(void **state)
{
	static const char *const ids[] = {"A11", "A12", "A21", "A22", "A04", "A17", "N20", "N26"};
	struct rng rng = rng_seeded(20261124);
	struct frame base[8], f;
	unsigned int forwarded = 0;
	struct outcome o;

	(void)state;
	for (size_t i = 0; i < 8; i++)
		frame_golden(ids[i], &base[i]);
	for (unsigned int i = 0; i < 200000; i++) {
		unsigned int n = 1 + (unsigned int)rng_below(&rng, 3);

		f = base[rng_below(&rng, 8)];
		while (n--)
			f.p[rng_below(&rng, f.len)] = (uint8_t)rng_u32(&rng);
		if (rng_below(&rng, 2)) { // past the checksums
			frame_fix_ip(&f, OUTER_IP);
			if (f.p[UDP + 4] == 0 && f.p[UDP + 5] >= 8 && f.p[UDP + 5] <= f.len - UDP)
				frame_fix_udp(&f);
		}
		if (rng_below(&rng, 8) == 0)
			f.len = rng_below(&rng, f.len + 1);
		rig_run(&rig, f.p, f.len, &o);
		assert_int_equal(
			o.forwarded + o.drops + o.punted[RIG_CONTROL] + o.punted[RIG_OTHER], 1);
		if (o.forwarded) {
			expect_forwarded(&f, &o, 1u << 1);
			forwarded++;
		}
	}
	assert_in_range(forwarded, 1000, 150000);
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

static int setup(void **state)
{
	(void)state;
	rig_setup(&rig, 1u << 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_teardown(&rig);
	return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(golden_data_is_forwarded),
		T(golden_drops_have_their_reason),
		T(golden_control_is_punted_first),
		T(data_that_is_not_ours_is_punted_last),
		T(link_and_routing_protocols_are_control),
		T(every_truncation_is_accounted),
		T(every_shorter_datagram_is_accounted),
		T(lengths_must_agree),
		T(padding_is_not_forwarded),
		T(shortest_datagram),
		T(vlan_and_options_are_tolerated),
		T(checksums_by_driver_or_by_sum),
		T(ttl_ecn_and_checksum),
		T(relay_port_and_address_must_match),
		T(outer_fragments),
		T(inner_sources_that_cannot_be),
		T(several_interfaces),
		T(copies_have_their_own_mac),
		T(no_mbuf_for_a_copy),
		T(mtu_of_each_interface),
		T(segmented_data_is_dropped),
		T(full_punt_ring_of_one_class_leaves_the_other),
		T(where_the_last_burst_went),
		T(shared_frames_stay_in_order),
		T(burst_of_everything),
		T(random_damage),
	};

	rig_eal_init("t_burst");
	return RUN_TESTS(tests);
}
