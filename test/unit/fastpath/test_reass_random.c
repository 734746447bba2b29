// SPDX-License-Identifier: BSD-3-Clause
// Reassembly of random datagrams, cut at random and shuffled: what goes in whole comes out as it
// was, and what was damaged on the way never comes out as something else. And what it costs.
#include "unit/unit.h"

#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "fragments.h"
#include "rig.h"

#define ROUNDS	  20000
#define MAX_PARTS 40
#define ROOM	  9100

static struct fragments t;
static struct datagram d;
static struct rng rng;

static int setup(void **state)
{
	(void)state;
	rng = rng_seeded(9);
	fragments_setup(&t, 16, ROOM);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fragments_teardown(&t);
	return 0;
}

static void make(void)
{
	unsigned int options = 4 * (unsigned int)rng_below(&rng, 11);
	unsigned int limit = rng_below(&rng, 2) ? 200 : ROOM - 78;

	datagram_make(&d, &rng, rng_below(&rng, 2) ? 14 : 18,
		20 + (rng_below(&rng, 4) ? 0 : options),
		16 + (unsigned int)rng_below(&rng, limit - 16));
}

// Cuts at random places, or as a router does at its MTU.
static unsigned int cut(struct fragment_spec parts[MAX_PARTS])
{
	unsigned int n = 0, at = 0, mtu = (unsigned int)rng_between(&rng, 30, 1480) & ~7u;
	bool random = rng_below(&rng, 2);

	while (at < d.payload) {
		unsigned int len = random ? 8 + 8 * (unsigned int)rng_below(&rng, mtu / 8) : mtu;

		if (n == MAX_PARTS - 1 || at + len >= d.payload)
			len = d.payload - at;
		parts[n] = (struct fragment_spec){
			.begin = at, .end = at + len, .last = at + len == d.payload};
		if (rng_below(&rng, 4) == 0)
			parts[n].padding = (unsigned int)rng_below(&rng, 30);
		if (at > 0 && rng_below(&rng, 4) == 0) {
			parts[n].l3 = rng_below(&rng, 2) ? 14 : 18;
			parts[n].ip_len = 20 + 4 * (unsigned int)rng_below(&rng, 11);
		}
		at += len;
		n++;
	}
	return n;
}

// An order in which each part comes at least once.
static unsigned int shuffle(unsigned int n, unsigned int order[2 * MAX_PARTS])
{
	unsigned int total =
		n + (unsigned int)rng_below(&rng, 2) * (unsigned int)rng_below(&rng, n + 1);

	for (unsigned int i = 0; i < total; i++)
		order[i] = i < n ? i : (unsigned int)rng_below(&rng, n);
	if (rng_below(&rng, 4) == 0)
		return total;
	for (unsigned int i = total; i-- > 1;) {
		unsigned int j = (unsigned int)rng_below(&rng, i + 1), k = order[i];

		order[i] = order[j];
		order[j] = k;
	}
	return total;
}

static void time_passes(void)
{
	t.now += t.timeout + 1;
	for (unsigned int i = 0; i < 16; i++)
		reass_expire(t.r, t.now, t.drops);
	assert_int_equal(fragments_mbufs(&t), 0);
}

static void what_goes_in_comes_out(void **state)
{
	struct fragment_spec parts[MAX_PARTS];
	unsigned int order[2 * MAX_PARTS];
	uint64_t late = 0;

	(void)state;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int n, total, i = 0;
		struct rte_mbuf *m = NULL;

		make();
		n = cut(parts);
		total = shuffle(n, order);
		while (i < total && !m)
			m = fragment_input(&t, &d, &parts[order[i++]]);
		if (!m || !datagram_same(&d, m))
			fail_msg("round %u: %s after %u of %u fragments of %u octets", round,
				m ? "another datagram" : "nothing", i, total, d.payload);
		// It was counted nowhere, and nothing of it is left.
		assert_int_equal(fragments_dropped(&t), late);
		assert_int_equal(fragments_mbufs(&t), 0);
		// Duplicates that come later are whole again, or nothing.
		for (; i < total; i++) {
			m = fragment_input(&t, &d, &parts[order[i]]);
			if (m)
				assert_true(datagram_same(&d, m));
		}
		time_passes();
		late = fragments_dropped(&t);
	}
	assert_int_equal(late, t.drops[DROP_FRAG_TIMEOUT]);
}

// One thing about one fragment.
static void damage(struct fragment_spec *f)
{
	unsigned int len = f->end - f->begin,
		     by = 8 * (unsigned int)rng_between(&rng, 1, rng_below(&rng, 4) ? 20 : 7000);

	switch (rng_below(&rng, 8)) {
	case 0:
		f->damaged = 1 + (unsigned int)rng_below(&rng, len);
		return;
	case 1:
		f->last = !f->last;
		return;
	case 2: // elsewhere
		f->begin += by;
		f->end += by;
		return;
	case 3:
		by = by < f->begin ? by : f->begin;
		f->begin -= by;
		f->end -= by;
		return;
	case 4: // longer or shorter
		f->end += (unsigned int)rng_between(&rng, 1, 40);
		return;
	case 5:
		f->end -= (unsigned int)rng_below(&rng, len);
		return;
	case 6:
		f->total_more = (int)rng_below(&rng, 200) - 100;
		return;
	default:
		f->id = (uint16_t)rng_between(&rng, 1, 4);
		return;
	}
}

// What a worker would take for the datagram's: what is behind the UDP length does not count, nor
// does the identification.
static bool same_udp(const struct rte_mbuf *m)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *), *ip = frame + d.l3;
	size_t headers = d.l3 + (ip[0] & 0xfu) * 4;

	return m->data_len >= headers + d.payload && memcmp(ip + 12, d.frame + d.l3 + 12, 8) == 0 &&
	       memcmp(frame + headers, d.frame + d.l3 + d.ip_len, d.payload) == 0;
}

static void damaged_ones_do_not(void **state)
{
	struct fragment_spec parts[MAX_PARTS], other;
	unsigned int order[2 * MAX_PARTS];
	uint64_t right = 0, wrong = 0, out = 0;

	(void)state;
	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int n, total, victim, waiting = 0;

		make();
		n = cut(parts);
		total = shuffle(n, order);
		victim = (unsigned int)rng_below(&rng, total);
		other = parts[order[victim]];
		damage(&other);
		for (unsigned int i = 0; i < total; i++) {
			const struct fragment_spec *f = i == victim ? &other : &parts[order[i]];
			uint64_t dropped = fragments_dropped(&t);
			struct rte_mbuf *m = fragment_input(&t, &d, f);

			dropped = fragments_dropped(&t) - dropped;
			if (f->id == 0)
				waiting += 1 - (unsigned int)dropped;
			if (!m)
				continue;
			out += f->id ? 1 : waiting;
			waiting = f->id ? waiting : 0;
			if (!udp_right(m, d.l3)) // a worker would count and drop it
				wrong++;
			else if (same_udp(m))
				right++;
			else
				fail_msg("round %u: a datagram that nobody sent", round);
			rte_pktmbuf_free(m);
		}
		time_passes();
		// Each fragment is in what came out, or counted once.
		assert_int_equal(fragments_dropped(&t) + out, t.taken);
	}
	assert_in_range(right, 1, ROUNDS);
	assert_in_range(wrong, 1, ROUNDS);
	for (unsigned int i = DROP_FRAG_INVALID; i <= DROP_FRAG_TIMEOUT; i++)
		if (i != DROP_FRAG_ECN)
			assert_int_not_equal(t.drops[i], 0);
}

// Cycles a fragment, of 1500-octet frames each cut in two; and of first fragments that get nowhere.
static void what_it_costs(void **state)
{
	enum { ROUND = 8, ROUNDS_OF = 500 };
	static uint8_t frames[2][2000];
	size_t lens[2];
	uint64_t best_pair = UINT64_MAX, best_flood = UINT64_MAX;
	uint16_t id = 0;

	(void)state;
	datagram_make(&d, &rng, 14, 20, 1480);
	for (unsigned int k = 0; k < 2; k++) {
		const struct fragment_spec f = {
			.begin = k ? 1400 : 0, .end = k ? 1480 : 1400, .last = k == 1};

		lens[k] = fragment_frame(&d, &f, frames[k]);
	}
	for (unsigned int kind = 0; kind < 2; kind++) {
		for (unsigned int round = 0; round < ROUNDS_OF; round++) {
			struct rte_mbuf *in[2 * ROUND], *out[2 * ROUND];
			uint64_t start, cycles;

			assert_int_equal(rte_pktmbuf_alloc_bulk(t.pool, in, 2 * ROUND), 0);
			for (unsigned int i = 0; i < 2 * ROUND; i++) {
				unsigned int k = kind ? 0 : i % 2;
				uint8_t *p =
					(uint8_t *)rte_pktmbuf_append(in[i], (uint16_t)lens[k]);

				memcpy(p, frames[k], lens[k]);
				id += k == 0;
				memcpy(p + 18, &id, 2);
			}
			start = rte_rdtsc_precise();
			for (unsigned int i = 0; i < 2 * ROUND; i++)
				out[i] = reass_input(t.r, in[i], 14, t.now, t.drops);
			cycles = rte_rdtsc_precise() - start;
			for (unsigned int i = 0; i < 2 * ROUND; i++) {
				assert_int_equal(out[i] != NULL, !kind && i % 2);
				rte_pktmbuf_free(out[i]);
			}
			if (kind == 0 && cycles < best_pair)
				best_pair = cycles;
			if (kind == 1 && cycles < best_flood)
				best_flood = cycles;
		}
	}
	time_passes();
	print_message("# cycles a fragment: %u of datagrams cut in two (1514 + 114 octets), "
		      "%u of a flood of first ones\n",
		(unsigned int)(best_pair / (2 * ROUND)), (unsigned int)(best_flood / (2 * ROUND)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_goes_in_comes_out, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_ones_do_not, setup, teardown),
		cmocka_unit_test_setup_teardown(what_it_costs, setup, teardown),
	};

	rig_eal_init("t_reass_random");
	return RUN_TESTS(tests);
}
