// SPDX-License-Identifier: BSD-3-Clause
// The tap: which frames are meant, what is in the ring and what becomes of it when it is full, and
// a worker that has one.
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "crossing/tap.h"
#include "fastpath/tap.h"
#include "frames.h"
#include "rig.h"

// Of a golden frame of data: what its tunnel and its channel are.
static struct crossing_tap_filter tunnel_of(const struct frame *f)
{
	struct crossing_tap_filter out = {.what = TAP_TUNNEL, .snaplen = 65535};

	out.v6 = f->p[12] == 0x86;
	memcpy(out.relay, f->p + (out.v6 ? 14 + 8 : 14 + 12), out.v6 ? 16 : 4);
	return out;
}

static struct crossing_tap_filter channel_of(const struct frame *f)
{
	struct crossing_tap_filter out = {.what = TAP_CHANNEL, .snaplen = 65535};
	const uint8_t *inner = f->p + 14 + (f->p[12] == 0x86 ? 40 : 20) + 8 + 2;

	out.v6 = inner[0] >> 4 == 6;
	memcpy(out.s, inner + (out.v6 ? 8 : 12), out.v6 ? 16 : 4);
	memcpy(out.g, inner + (out.v6 ? 24 : 16), out.v6 ? 16 : 4);
	return out;
}

static uint16_t our_port(const struct frame *f)
{
	const uint8_t *udp = f->p + 14 + (f->p[12] == 0x86 ? 40 : 20);

	return (uint16_t)(udp[2] << 8 | udp[3]);
}

static void tag(struct frame *f, uint16_t vlan)
{
	memmove(f->p + 16, f->p + 12, f->len - 12);
	f->p[12] = 0x81;
	f->p[13] = 0;
	f->p[14] = (uint8_t)(vlan >> 8);
	f->p[15] = (uint8_t)vlan;
	f->len += 4;
}

static void what_is_meant(void **state)
{
	static const char *const names[] = {"A11", "A17", "A39", "A41"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct crossing_tap_filter tunnel, channel;
		struct frame f;

		frame_golden(names[i], &f);
		tunnel = tunnel_of(&f);
		channel = channel_of(&f);
		assert_true(tap_matches(&tunnel, f.p, (uint32_t)f.len));
		assert_true(tap_matches(&channel, f.p, (uint32_t)f.len));
		tunnel.our_port = our_port(&f);
		assert_true(tap_matches(&tunnel, f.p, (uint32_t)f.len));
		tunnel.our_port++;
		assert_false(tap_matches(&tunnel, f.p, (uint32_t)f.len));
		tunnel.our_port = 0;
		tunnel.relay[3] ^= 1;
		assert_false(tap_matches(&tunnel, f.p, (uint32_t)f.len));
		channel.g[3] ^= 1;
		assert_false(tap_matches(&channel, f.p, (uint32_t)f.len));
		channel.g[3] ^= 1;
		channel.v6 = !channel.v6;
		assert_false(tap_matches(&channel, f.p, (uint32_t)f.len));
		// Cut anywhere, nothing behind the end is read (a sanitizer sees it).
		channel.v6 = !channel.v6;
		for (size_t len = 0; len < f.len; len++) {
			uint8_t *copy = malloc(len ? len : 1);

			memcpy(copy, f.p, len);
			tap_matches(&tunnel, copy, (uint32_t)len);
			tap_matches(&channel, copy, (uint32_t)len);
			free(copy);
		}
		// Behind a tag.
		tag(&f, 100);
		assert_true(tap_matches(&channel, f.p, (uint32_t)f.len));
		channel.vlan = 100;
		assert_true(tap_matches(&channel, f.p, (uint32_t)f.len));
		channel.vlan = 101;
		assert_false(tap_matches(&channel, f.p, (uint32_t)f.len));
	}
}

static void control_and_native(void **state)
{
	struct crossing_tap_filter tunnel, channel;
	struct frame data, update, native;

	(void)state;
	frame_golden("A11", &data);
	tunnel = tunnel_of(&data);
	channel = channel_of(&data);
	// What goes to the relay is the tunnel's too, and no data of the channel.
	frame_golden("A08", &update);
	memcpy(tunnel.relay, update.p + 14 + 16, 4);
	assert_true(tap_matches(&tunnel, update.p, (uint32_t)update.len));
	assert_false(tap_matches(&channel, update.p, (uint32_t)update.len));
	// The datagram in an Ethernet frame of its own.
	native = data;
	native.len = data.len - 30;
	memmove(native.p + 14, data.p + 44, native.len - 14);
	assert_true(tap_matches(&channel, native.p, (uint32_t)native.len));
	assert_false(tap_matches(&tunnel, native.p, (uint32_t)native.len));
	// A later fragment is known by its addresses alone.
	tunnel = tunnel_of(&data);
	data.p[14 + 6] = 0;
	data.p[14 + 7] = 100;
	assert_true(tap_matches(&tunnel, data.p, (uint32_t)data.len));
	assert_false(tap_matches(&channel, data.p, (uint32_t)data.len));
	data.p[14 + 9] = 6; // TCP
	assert_false(tap_matches(&tunnel, data.p, (uint32_t)data.len));
}

static unsigned int drain(struct crossing_tap *t)
{
	const struct crossing_tap_record *r;
	unsigned int n = 0;

	for (; (r = crossing_tap_peek(t)) != NULL; n++) {
		// Each frame is filled with its length.
		for (uint32_t i = 0; i < r->caplen; i++)
			assert_int_equal(((const uint8_t *)(r + 1))[i], r->len & 0xff);
		crossing_tap_next(t, r);
	}
	return n;
}

static struct rte_mbuf *filled(struct rig *rig, unsigned int len)
{
	static uint8_t octets[2048];

	memset(octets, (int)len, len);
	return rig_mbuf(rig, octets, len);
}

// Frames of many lengths round and round through a small ring.
static void ring_goes_round(void **state)
{
	const struct crossing_tap_filter all = {.what = TAP_ALL, .snaplen = 300};
	struct crossing_tap *t = crossing_tap_create(&all, 4096);
	struct rig rig;
	unsigned int seen = 0, put = 0;

	(void)state;
	rig_setup(&rig, 2);
	for (unsigned int i = 0; i < 5000; i++) {
		struct rte_mbuf *m = filled(&rig, 60 + i * 7 % 400);

		tap_received(t, 0, &m, 1);
		put++;
		rte_pktmbuf_free(m);
		if (i % 5 == 4)
			seen += drain(t);
	}
	seen += drain(t);
	assert_int_equal(seen, put);
	assert_int_equal(t->dropped, 0);
	// Nobody reads: what there was stays, the rest is counted.
	for (unsigned int i = 0; i < 100; i++) {
		struct rte_mbuf *m = filled(&rig, 256);

		tap_received(t, 0, &m, 1);
		rte_pktmbuf_free(m);
	}
	seen = drain(t);
	assert_in_range(seen, 12, 14); // of 280 octets each
	assert_int_equal(seen + t->dropped, 100);
	assert_null(crossing_tap_peek(t));
	rig_teardown(&rig);
	crossing_tap_free(t);
}

// Of what is sent only what the driver took is shown.
static void what_was_not_taken(void **state)
{
	struct crossing_tap_filter port1 = {
		.what = TAP_ALL, .snaplen = 65535, .one_port = true, .port = 1};
	struct crossing_tap *t = crossing_tap_create(&port1, 1 << 16);
	struct rte_mbuf *m[4];
	const struct crossing_tap_record *r;
	uint64_t ends[4], begin;
	struct rig rig;

	(void)state;
	rig_setup(&rig, 2);
	for (unsigned int i = 0; i < 4; i++)
		m[i] = filled(&rig, 100 + i);
	begin = t->ahead;
	tap_sends(t, 1, m, 4, ends);
	assert_null(crossing_tap_peek(t));
	tap_sent(t, begin); // none
	assert_null(crossing_tap_peek(t));
	tap_sends(t, 1, m, 4, ends);
	tap_sent(t, ends[1]); // two
	r = crossing_tap_peek(t);
	assert_int_equal(r->len, 100);
	assert_true(r->sent);
	assert_int_equal(r->port, 1);
	assert_int_equal(drain(t), 2);
	// Another port: none of it, and what is shown stays where it is.
	tap_sends(t, 0, m, 4, ends);
	tap_sent(t, ends[3]);
	tap_received(t, 0, m, 4);
	assert_int_equal(drain(t), 0);
	tap_received(t, 1, m, 4);
	assert_int_equal(drain(t), 4);
	rte_pktmbuf_free_bulk(m, 4);
	rig_teardown(&rig);
	crossing_tap_free(t);
}

// A frame of several mbufs, and one that is cut.
static void segments(void **state)
{
	const struct crossing_tap_filter cut = {.what = TAP_ALL, .snaplen = 70};
	struct crossing_tap *t = crossing_tap_create(&cut, 4096);
	const struct crossing_tap_record *r;
	struct rte_mbuf *m, *more;
	struct rig rig;

	(void)state;
	rig_setup(&rig, 2);
	m = filled(&rig, 14);
	more = filled(&rig, 200);
	memset(rte_pktmbuf_mtod(m, void *), 214, 14);
	memset(rte_pktmbuf_mtod(more, void *), 214, 200);
	assert_int_equal(rte_pktmbuf_chain(m, more), 0);
	tap_received(t, 0, &m, 1);
	r = crossing_tap_peek(t);
	assert_int_equal(r->len, 214);
	assert_int_equal(r->caplen, 70);
	assert_int_equal(drain(t), 1);
	rte_pktmbuf_free(m);
	rig_teardown(&rig);
	crossing_tap_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_meant),
		cmocka_unit_test(control_and_native),
		cmocka_unit_test(ring_goes_round),
		cmocka_unit_test(what_was_not_taken),
		cmocka_unit_test(segments),
	};

	rig_eal_init("t_tap");
	return RUN_TESTS(tests);
}
