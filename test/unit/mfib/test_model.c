// SPDX-License-Identifier: BSD-3-Clause
// Random changes against a model that is obviously right: one generation slot by slot, with its
// marks for probes to go on, then the whole table channel by channel.
#include "unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "mfib/generation.h"
#include "mixes.h"

#define SLOTS	 512
#define ITEMS	 400
#define REPLICAS 2

enum item_state { ITEM_FREE, ITEM_PUBLISHED, ITEM_GONE };

struct item {
	enum item_state state;
	struct key key;
	uint32_t slot, home;
	uint64_t hash, oifs;
};

struct generation_rig {
	struct shape shape;
	struct generation *g;
	struct item items[ITEMS];
};

static const int any_socket[REPLICAS] = {-1, -1};

static uint32_t bucket_of(const struct generation_rig *r, uint32_t slot)
{
	return slot / shape_bucket_slots(&r->shape);
}

// Id, not 0, is in it; no two are equal.
static struct key key_of(enum mfib_kind kind, uint32_t id)
{
	struct key k = {{0}};

	if (kind == MFIB_NARROW) {
		k.w[0] = 0x1000000ull * id + 1;
		k.w[1] = (uint64_t)(id % 7) << 48 | 1ull << 32 | 0x0f7100cb; // local index 1
	} else {
		for (int i = 0; i < MFIB_WIDE_WORDS; i++)
			k.w[i] = id * 0x10000ull;
		k.w[2] |= 1;
	}
	return k;
}

// The slot of the key's entry as a worker finds it, or SLOT_NONE.
static uint32_t worker_find(
	const struct generation_rig *r, unsigned int replica, const struct key *key, uint32_t home)
{
	const struct mfib_buckets *b = r->g->replica[replica].b;

	if (r->shape.kind == MFIB_NARROW) {
		struct mfib_narrow_key k = {{0}};
		struct mfib_narrow *e;

		memcpy(k.w, key->w, sizeof(k.w));
		e = mfib_narrow_lookup(b, &k, &b->narrow[(uint64_t)home * MFIB_NARROW_SLOTS]);
		return e ? (uint32_t)(e - b->narrow) : SLOT_NONE;
	}
	struct mfib_wide_key k = {{0}};
	struct mfib_wide *e;

	memcpy(k.w, key->w, sizeof(k.w));
	e = mfib_wide_lookup(b, &k, &b->wide[home]);
	return e ? (uint32_t)(e - b->wide) : SLOT_NONE;
}

static bool is_marked(const struct generation_rig *r, unsigned int replica, uint32_t bucket)
{
	const struct mfib_buckets *b = r->g->replica[replica].b;

	if (r->shape.kind == MFIB_NARROW)
		return b->narrow[bucket * MFIB_NARROW_SLOTS].key[1] & MFIB_NARROW_PASSED;
	return b->wide[bucket].key[2] & MFIB_WIDE_PASSED;
}

static const uint64_t *words_of(const struct generation_rig *r, unsigned int replica, uint32_t slot)
{
	return &r->g->replica[replica].entries[slot * shape_entry_size(&r->shape) / 8];
}

static void check_generation(const struct generation_rig *r)
{
	bool passed[SLOTS] = {false}, owned[SLOTS] = {false};
	uint32_t n_owned = 0;

	for (uint32_t i = 0; i < ITEMS; i++) {
		const struct item *it = &r->items[i];

		if (it->state == ITEM_FREE)
			continue;
		assert_false(owned[it->slot]);
		owned[it->slot] = true;
		n_owned++;
		for (uint32_t b = it->home; b != bucket_of(r, it->slot);
			b = (b + 1) % r->g->n_buckets)
			passed[b] = true;
		assert_int_equal(generation_slot(r->g, it->hash, i + 1), it->slot);
	}
	assert_int_equal(r->g->used, n_owned);
	for (unsigned int k = 0; k < REPLICAS; k++) {
		for (uint32_t b = 0; b < r->g->n_buckets; b++)
			assert_int_equal(is_marked(r, k, b), passed[b]);
		for (uint32_t i = 0; i < ITEMS; i++) {
			const struct item *it = &r->items[i];
			struct key key = key_of(r->shape.kind, i + 1);

			assert_int_equal(worker_find(r, k, &key, it->home),
				it->state == ITEM_PUBLISHED ? it->slot : SLOT_NONE);
			if (it->state == ITEM_PUBLISHED)
				assert_true(
					words_of(r, k,
						it->slot)[shape_entry_size(&r->shape) / 8 - 2] ==
					it->oifs);
		}
		for (uint32_t slot = 0; slot < SLOTS; slot++) {
			const uint64_t *w = words_of(r, k, slot);

			// S and the oif set.
			if (!owned[slot])
				assert_true((w[0] | w[shape_entry_size(&r->shape) / 8 - 2]) == 0);
		}
	}
}

static void change(struct generation_rig *r, struct rng *rng, uint32_t spread)
{
	uint32_t i = (uint32_t)rng_below(rng, ITEMS);
	struct item *it = &r->items[i];

	switch (it->state) {
	case ITEM_FREE:
		// Homes in a few places, the end among them, for probes to be long and to wrap.
		it->home = (uint32_t)(r->g->n_buckets - 5 + rng_below(rng, 10) +
				      rng_below(rng, spread) * 40) %
			   r->g->n_buckets;
		// Any hash of that home.
		it->hash = (uint64_t)((((unsigned __int128)it->home << 64) + r->g->n_buckets - 1) /
				      r->g->n_buckets) +
			   rng_below(rng, UINT64_MAX / r->g->n_buckets);
		it->key = key_of(r->shape.kind, i + 1);
		it->oifs = rng_u64(rng);
		assert_false(generation_has(r->g, &it->key, it->hash));
		it->slot = generation_place(r->g, it->hash, i + 1);
		if (it->slot == SLOT_NONE) {
			for (uint32_t k = 0; k < MFIB_MAX_PROBE; k++)
				assert_int_not_equal(r->g->owner[(it->home + k) % r->g->n_buckets *
								 shape_bucket_slots(&r->shape)],
					0);
			return;
		}
		generation_publish(r->g, it->slot, &it->key, it->oifs);
		assert_true(generation_has(r->g, &it->key, it->hash));
		it->state = ITEM_PUBLISHED;
		return;
	case ITEM_PUBLISHED:
		if (rng_below(rng, 4) == 0) {
			it->oifs = rng_u64(rng);
			generation_set_oifs(r->g, it->slot, it->oifs);
			return;
		}
		generation_unpublish(r->g, it->slot);
		it->state = ITEM_GONE;
		return;
	case ITEM_GONE:
		generation_release(r->g, it->slot, it->hash);
		it->state = ITEM_FREE;
		return;
	}
}

static void marks_are_exact(void **state)
{
	struct generation_rig *r = calloc(1, sizeof(*r));
	struct rng rng = rng_seeded(11);

	(void)state;
	for (int round = 0; round < 6; round++) {
		memset(r, 0, sizeof(*r));
		r->shape = (struct shape){.kind = (enum mfib_kind)(round % MFIB_KINDS),
			.n_replicas = REPLICAS,
			.sockets = any_socket};
		r->g = generation_reserve(&r->shape, SLOTS);
		assert_non_null(r->g);
		while (generation_populate(r->g) > 0)
			;
		assert_int_equal(r->g->n_buckets, SLOTS / shape_bucket_slots(&r->shape));
		for (int n = 0; n < 6000; n++) {
			change(r, &rng, (uint32_t)round / MFIB_KINDS * 4 + 1);
			if (n % 20 == 0)
				check_generation(r);
		}
		for (uint32_t i = 0; i < ITEMS; i++) {
			if (r->items[i].state == ITEM_PUBLISHED)
				generation_unpublish(r->g, r->items[i].slot);
			if (r->items[i].state != ITEM_FREE)
				generation_release(r->g, r->items[i].slot, r->items[i].hash);
			r->items[i].state = ITEM_FREE;
		}
		check_generation(r);
		generation_free(r->g);
	}
	free(r);
}

#define EACH 3000 // channels of a mix

struct model {
	struct mfib *m;
	struct mfib_tunnel *t[MIXES];
	struct {
		struct mfib_channel *c;
		uint64_t oifs, packets;
	} ch[MIXES][EACH];
	uint64_t sent[MIXES];
};

static uint16_t port_of(enum mix mix)
{
	return (uint16_t)(40000 + mix);
}

static void model_change(struct model *k, struct rng *rng, uint32_t live)
{
	enum mix mix = (enum mix)rng_below(rng, MIXES);
	uint32_t i = (uint32_t)rng_below(rng, EACH);
	struct sg sg = mix_sg(mix, i);
	struct mfib_stats stats;

	if (!k->ch[mix][i].c && i < live) {
		k->ch[mix][i].oifs = rng_u64(rng) | 1;
		k->ch[mix][i].packets = 0;
		k->ch[mix][i].c = mfib_channel_add(k->m, k->t[mix], &sg, k->ch[mix][i].oifs);
		assert_non_null(k->ch[mix][i].c);
	} else if (k->ch[mix][i].c && (i >= live || rng_below(rng, 3) == 0)) {
		mfib_channel_stats(k->ch[mix][i].c, &stats);
		assert_true(stats.packets == k->ch[mix][i].packets);
		mfib_channel_del(k->m, k->ch[mix][i].c);
		k->ch[mix][i].c = NULL;
	} else if (k->ch[mix][i].c) {
		k->ch[mix][i].oifs = rng_u64(rng) | 1;
		mfib_channel_oifs(k->m, k->ch[mix][i].c, k->ch[mix][i].oifs);
	}
}

// Both workers' view of all channels. They count what they find.
static void model_check(struct model *k)
{
	struct mfib_stats stats;

	for (int mix = 0; mix < MIXES; mix++) {
		for (uint32_t i = 0; i < EACH; i++) {
			for (unsigned int w = 0; w < REPLICAS; w++) {
				struct found f =
					mix_look(mfib_worker_table(k->m, w), mix, i, port_of(mix));

				assert_int_equal(f.oifs != NULL, k->ch[mix][i].c != NULL);
				if (!f.oifs)
					continue;
				assert_true(mfib_oifs(f.oifs) == k->ch[mix][i].oifs);
				mfib_count(f.count, 10);
				k->ch[mix][i].packets++;
				k->sent[mix]++;
			}
		}
		mfib_tunnel_stats(k->t[mix], &stats);
		assert_true(stats.packets == k->sent[mix]);
		assert_true(stats.bytes == k->sent[mix] * 10);
	}
}

static void the_table_is_the_model(void **state)
{
	static const uint32_t live[] = {50, EACH, EACH, 400, 2000, 20, EACH, 0};
	struct model *k = calloc(1, sizeof(*k));
	struct rng rng = rng_seeded(12);
	struct mfib_usage u;

	(void)state;
	k->m = mfib_create(REPLICAS, NULL);
	for (int mix = 0; mix < MIXES; mix++)
		k->t[mix] = mix_tunnel(k->m, mix, port_of(mix));
	for (size_t phase = 0; phase < sizeof(live) / sizeof(live[0]); phase++) {
		for (int n = 0; n < 40000; n++) {
			model_change(k, &rng, live[phase]);
			if (n % 997 == 0)
				mfib_reclaim(k->m);
			if (n % 4000 == 0)
				model_check(k);
		}
	}
	for (int mix = 0; mix < MIXES; mix++) {
		for (uint32_t i = 0; i < EACH; i++) {
			if (k->ch[mix][i].c)
				mfib_channel_del(k->m, k->ch[mix][i].c);
			k->ch[mix][i].c = NULL;
		}
	}
	for (int i = 0; i < 3; i++)
		mfib_reclaim(k->m);
	model_check(k);
	mfib_usage(k->m, &u);
	assert_int_equal(u.table[MFIB_NARROW].channels + u.table[MFIB_WIDE].channels, 0);
	assert_int_equal(u.retired, 0);
	for (int mix = 0; mix < MIXES; mix++)
		mfib_tunnel_del(k->m, k->t[mix]);
	mfib_destroy(k->m);
	free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marks_are_exact),
		cmocka_unit_test(the_table_is_the_model),
	};

	return mix_eal_init("t_mfib_model") ? RUN_TESTS(tests) : 1;
}
