// SPDX-License-Identifier: BSD-3-Clause
// PIMv6 as it arrives: the golden vectors P15 to P17, a capture of FRR's pim6d, and what is
// refused.
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"

static struct frame vectors[FRAMES_MAX];

static int load(void **state)
{
	(void)state;
	setenv("PIM_FAMILY", "6", 1);
	return frames_load("pim-igmp-dns-vectors.pcap", vectors) == 20 ? 0 : -1;
}

static void feed(struct bench *b, const struct frame *f)
{
	pim_if_input(b->pif, &f->src, &f->dst, f->pim, f->len, b->now_us);
}

static void neighbor_cb(void *arg, const struct pim_neighbor_view *n)
{
	*(struct pim_neighbor_view *)arg = *n;
}

// P15 is a Hello of fe80::1, P16 a Join of fe80::2 to it, P17 an Assert of fe80::2.
// PF-02, PF-05, PH-10, JP-02, AS-02, AS-03.
static void vectors_do_what_they_say(void **state)
{
	struct addr us = addr_of("fe80::9"), global = addr_of("2001:db8:1::1");
	struct pim_neighbor_view n;
	struct bench b;

	(void)state;
	bench_begin(&b);
	pim_if_address(b.pif, &us, b.now_us);
	feed(&b, &vectors[14]);
	assert_int_equal(bench_drops(&b), 0);
	pim_if_neighbors(b.pif, neighbor_cb, &n);
	assert_true(addr_eq(&n.addr, &vectors[14].src));
	assert_int_equal(n.n_secondaries, 1);
	assert_true(addr_eq(&n.secondaries[0], &global));
	assert_int_equal(n.genid, 0x5eed0001);
	bench_end(&b);

	bench_begin(&b); // as fe80::1
	feed(&b, &vectors[15]);
	feed(&b, &vectors[16]);
	assert_int_equal(bench_drop(&b, PIM_DROP_NOT_NEIGHBOR), 2);
	bench_hello(&b, 2, 105, 1);
	feed(&b, &vectors[15]);
	bench_expect(&b, "+13/2");
	feed(&b, &vectors[16]); // as good as ours, of a higher address
	bench_expect(&b, "mute-13");
	bench_until(&b, 105000); // of its Hello
	bench_expect(&b, "unmute-13");
	bench_until(&b, 210000); // of its Join
	bench_expect(&b, "-13/0");
	assert_int_equal(bench_drops(&b), 2);
	bench_end(&b);
}

// As the upstream router of the capture: every Join and Prune is taken.
static void capture_of_frr(void **state)
{
	static struct frame frames[FRAMES_MAX];
	size_t n = frames_load("frr-pim6-join.pcap", frames);
	struct addr us = addr_of("fe80::9:2");
	const struct pim_stats *s;
	struct bench b;

	(void)state;
	bench_begin(&b);
	pim_if_address(b.pif, &us, b.now_us);
	for (size_t i = 0; i < n; i++) { // it was there before the capture began
		if (frames[i].pim[0] == 0x20 && !addr_eq(&frames[i].src, &us)) {
			feed(&b, &frames[i]);
			break;
		}
	}
	for (size_t i = 0; i < n; i++) {
		bench_until(&b, frames[i].at_us / US_PER_MS);
		feed(&b, &frames[i]);
	}
	s = pim_if_stats(b.pif);
	assert_true(s->joins_rx > 0 && s->hello_rx > 0 && s->jp_rx > 0);
	assert_int_equal(bench_drops(&b), s->drops[PIM_DROP_OWN]);
	bench_end(&b);
}

// PF-01, PF-02.
static void headers_refused(void **state)
{
	const struct frame *f = &vectors[15];
	struct addr global = addr_of("2001:db8::2"), all_nodes = addr_of("ff02::1");
	struct addr v4 = addr_of("10.1.1.2"), all4 = addr_of("224.0.0.13"), none = {0};
	struct frame bad = *f;
	struct bench b;

	(void)state;
	bench_begin(&b);
	bench_hello(&b, 2, 0xffff, 1);
	bad.pim[2] ^= 1;
	feed(&b, &bad);
	assert_int_equal(bench_drop(&b, PIM_DROP_CHECKSUM), 1);
	// The sum of IPv4, without the pseudo-header.
	pim_seal(bad.pim, bad.len);
	feed(&b, &bad);
	assert_int_equal(bench_drop(&b, PIM_DROP_CHECKSUM), 2);
	// Of other addresses.
	bad = *f;
	bad.src = global;
	feed(&b, &bad);
	assert_int_equal(bench_drop(&b, PIM_DROP_CHECKSUM), 3);
	// To others than ALL-PIM-ROUTERS.
	bad = *f;
	bad.dst = all_nodes;
	pim_cksum6(bad.pim, bad.len, &bad.src, &bad.dst);
	feed(&b, &bad);
	bad.dst = pim_if_primary(b.pif);
	pim_cksum6(bad.pim, bad.len, &bad.src, &bad.dst);
	feed(&b, &bad);
	assert_int_equal(bench_drop(&b, PIM_DROP_DESTINATION), 2);
	// What the IO gives of a broken IP header, and what it never gives.
	pim_if_input(b.pif, &none, &none, f->pim, 0, b.now_us);
	assert_int_equal(bench_drop(&b, PIM_DROP_SHORT), 1);
	pim_if_input(b.pif, &v4, &all4, f->pim, f->len, b.now_us);
	assert_int_equal(bench_drops(&b), 7);
	bench_expect(&b, "");
	bench_end(&b);
}

// PF-03, PF-06, JP-02, SS-01, SS-02: one counter each, and the message's other entries count.
static void entries_refused(void **state)
{
	static const struct {
		unsigned int at, value;
		enum pim_drop drop;
	} rows[] = {
		{4, 1, PIM_DROP_FAMILY}, // of the upstream neighbor
		{21, 9, PIM_DROP_NOT_UPSTREAM},
		{26, 9, PIM_DROP_FAMILY},
		{27, 1, PIM_DROP_ENCODING},
		{29, 96, PIM_DROP_MASK},
		{30, 0x20, PIM_DROP_NOT_SSM},
		{31, 0x0e, PIM_DROP_NOT_SSM},
		{33, 1, PIM_DROP_NOT_SSM},  // ff3e:1::8000:d is none of ff3e::/32
		{42, 0, PIM_DROP_NOT_SSM},  // ff3e::d is no group (RFC 4607 section 4.3)
		{52, 7, PIM_DROP_WILDCARD}, // flags of the source
		{52, 5, PIM_DROP_WILDCARD},
		{53, 64, PIM_DROP_MASK},
		{54, 0xff, PIM_DROP_SOURCE},
	};
	const struct frame *f = &vectors[15];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct frame bad = *f;
		struct bench b;

		bench_begin(&b);
		bench_hello(&b, 2, 105, 1);
		bad.pim[rows[i].at] = (uint8_t)rows[i].value;
		pim_cksum6(bad.pim, bad.len, &bad.src, &bad.dst);
		feed(&b, &bad);
		bench_expect(&b, "");
		assert_int_equal(bench_drops(&b), 1);
		assert_int_equal(bench_drop(&b, rows[i].drop), 1);
		bench_end(&b);
	}
}

// A message cut anywhere is malformed, and nothing of it is used.
static void cut_messages(void **state)
{
	(void)state;
	for (unsigned int v = 15; v < 17; v++) {
		struct frame cut = vectors[v];
		struct bench b;

		bench_begin(&b);
		bench_hello(&b, 2, 105, 1);
		for (cut.len = vectors[v].len - 1; cut.len >= 4; cut.len--) {
			uint8_t *exact = malloc(cut.len);

			assert_non_null(exact);
			memcpy(exact, cut.pim, cut.len);
			pim_cksum6(exact, cut.len, &cut.src, &cut.dst);
			pim_if_input(b.pif, &cut.src, &cut.dst, exact, cut.len, b.now_us);
			free(exact);
			assert_int_equal(bench_drops(&b), vectors[v].len - cut.len);
		}
		bench_expect(&b, "");
		assert_int_equal(
			bench_drop(&b, v == 15 ? PIM_DROP_JP_MALFORMED : PIM_DROP_ASSERT_MALFORMED),
			vectors[v].len - 4);
		bench_end(&b);
	}
}

// PH-11: our Hello says our global addresses.
static void our_hello(void **state)
{
	struct addr list[3] = {addr_of("fe80::1"), addr_of("2001:db8::1"), addr_of("10.1.1.1")};
	struct addr all = addr_of("ff02::d"), us;
	struct pim_hello h;
	struct bench b;
	uint8_t type;

	(void)state;
	bench_begin(&b);
	us = pim_if_primary(b.pif);
	pim_if_secondaries(b.pif, list, 3);
	bench_until(&b, 6000);
	assert_int_equal(b.last_len, PIM_HELLO_LEN + 4 + 18);
	assert_int_equal(pim_header_decode6(b.last, b.last_len, &us, &all, &type), PIM_OK);
	assert_int_equal(pim_hello_decode(b.last, b.last_len, &h), PIM_OK);
	assert_int_equal(h.n_secondaries, 1);
	assert_true(addr_eq(&h.secondaries[0], &list[1]));
	bench_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_do_what_they_say),
		cmocka_unit_test(capture_of_frr),
		cmocka_unit_test(headers_refused),
		cmocka_unit_test(entries_refused),
		cmocka_unit_test(cut_messages),
		cmocka_unit_test(our_hello),
	};

	return cmocka_run_group_tests_name(__FILE__, tests, load, NULL);
}
