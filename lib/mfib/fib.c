// SPDX-License-Identifier: BSD-3-Clause
#include "mfib/fib.h"

#include <errno.h>

// Records that are brought near at once.
#define AHEAD 32
// Octets of memory that cost as much as walking a slot, when made and when given back.
#define MAKE_OCTETS   256u
#define SHRINK_OCTETS 1024u

// Slots a channel: a table is replaced when it has fewer than FEW, or more than MANY, by one that
// has FRESH; and when FULL eighths of its slots are owned, many of them by deleted channels that a
// worker may still see. Room is worth its memory even where the table fits no cache: a packet whose
// entry is not in its home bucket costs more than what a smaller table saves (10 % of the packets
// at 2 slots of IPv4 a channel, 2.5 % at 4).
#define FEW   4
#define FRESH 5
#define MANY  10
#define FULL  3

int fib_init(struct fib *f)
{
	int ret;

	f->cur = generation_reserve(&f->shape, FIB_MIN_SLOTS);
	do
		ret = f->cur ? generation_populate(f->cur) : -ENOMEM;
	while (ret > 0);
	if (ret < 0)
		return ret;
	for (unsigned int i = 0; i < f->shape.n_replicas; i++) {
		if (f->shape.kind == MFIB_NARROW)
			f->tables[i].narrow = f->cur->replica[i].b;
		else
			f->tables[i].wide = f->cur->replica[i].b;
	}
	return 0;
}

static void list_free(struct generation *g)
{
	for (struct generation *newer; g; g = newer) {
		newer = g->newer;
		generation_free(g);
	}
}

void fib_fini(struct fib *f)
{
	generation_free(f->cur);
	generation_free(f->next);
	list_free(f->replaced);
	list_free(f->swept);
}

// The slot of c in the next generation when it has come to be there, else SLOT_NONE.
static uint32_t next_slot(const struct fib *f, const struct mfib_channel *c)
{
	return f->next_ready ? generation_slot(f->next, c->hash, slab_number(c)) : SLOT_NONE;
}

static void next_abandon(struct fib *f)
{
	f->next->newer = f->swept;
	f->swept = f->next;
	f->next = NULL;
	f->next_ready = false;
	f->next_failed = true;
}

// No slot near enough in the next generation: this one goes on. Nobody has counted there.
static void next_place(
	struct fib *f, uint64_t hash, uint32_t id, const struct key *key, uint64_t oifs)
{
	uint32_t slot = generation_place(f->next, hash, id);

	if (slot == SLOT_NONE)
		next_abandon(f);
	else
		generation_publish(f->next, slot, key, oifs);
}

int fib_add(struct fib *f, struct mfib_channel *c, const struct key *key, uint64_t oifs)
{
	uint32_t slot;

	generation_prefetch(f->cur, c->hash);
	if (generation_has(f->cur, key, c->hash))
		return -EEXIST;
	slot = generation_place(f->cur, c->hash, slab_number(c));
	if (slot == SLOT_NONE)
		return -ENOMEM;
	// What those before it have counted there.
	c->seen = generation_count(f->cur, slot);
	generation_publish(f->cur, slot, key, oifs);
	// Slots from `walked` on are copied when the walk comes to them.
	if (f->next_ready && slot < f->cur->walked)
		next_place(f, c->hash, slab_number(c), key, oifs);
	f->n_channels++;
	return 0;
}

void fib_entry(const struct fib *f, const struct mfib_channel *c, struct key *key, uint64_t *oifs)
{
	*key = (struct key){0};
	generation_entry(f->cur, generation_slot(f->cur, c->hash, slab_number(c)), key, oifs);
}

void fib_oifs(struct fib *f, const struct mfib_channel *c, uint64_t oifs)
{
	uint32_t slot = next_slot(f, c);

	if (slot != SLOT_NONE)
		generation_set_oifs(f->next, slot, oifs);
	generation_set_oifs(f->cur, generation_slot(f->cur, c->hash, slab_number(c)), oifs);
	for (struct generation *g = f->replaced; g; g = g->newer) {
		slot = generation_slot(g, c->hash, slab_number(c));
		if (slot != SLOT_NONE)
			generation_set_oifs(g, slot, oifs);
	}
}

void fib_del(struct fib *f, struct mfib_channel *c)
{
	uint32_t slot = next_slot(f, c);

	if (slot != SLOT_NONE) { // nobody has seen it there
		generation_unpublish(f->next, slot);
		generation_release(f->next, slot, c->hash);
	}
	generation_unpublish(f->cur, generation_slot(f->cur, c->hash, slab_number(c)));
	for (struct generation *g = f->replaced; g; g = g->newer) {
		slot = generation_slot(g, c->hash, slab_number(c));
		if (slot != SLOT_NONE)
			generation_unpublish(g, slot);
	}
	f->n_channels--;
}

void fib_release(struct fib *f, struct mfib_channel *c)
{
	// It may have gone before the current generation came.
	uint32_t slot = generation_slot(f->cur, c->hash, slab_number(c));

	if (slot != SLOT_NONE)
		generation_release(f->cur, slot, c->hash);
	for (struct generation *g = f->replaced; g; g = g->newer) {
		slot = generation_slot(g, c->hash, slab_number(c));
		if (slot != SLOT_NONE)
			g->owner[slot] = 0;
	}
}

// The sum of c's counters; slot: in the current generation, or SLOT_NONE.
static uint64_t count_sum(const struct fib *f, const struct mfib_channel *c, uint32_t slot)
{
	uint64_t sum = slot != SLOT_NONE ? generation_count(f->cur, slot) : 0;

	for (const struct generation *g = f->replaced; g; g = g->newer) {
		slot = generation_slot(g, c->hash, slab_number(c));
		if (slot != SLOT_NONE)
			sum += generation_count(g, slot);
	}
	return sum;
}

void fib_read(const struct fib *f, const struct mfib_channel *c, struct mfib_stats *add_to)
{
	uint64_t n = count_sum(f, c, generation_slot(f->cur, c->hash, slab_number(c))) - c->seen;

	add_to->packets += n >> MFIB_COUNT_SHIFT;
	add_to->bytes += n & MFIB_COUNT_BYTES;
}

static void fold(const struct fib *f, struct mfib_channel *c, uint64_t sum)
{
	uint64_t n = sum - c->seen;
	struct mfib_tunnel *t;

	if (n == 0)
		return;
	t = slab_at(f->tunnels, c->tunnel);
	c->packets += n >> MFIB_COUNT_SHIFT;
	c->bytes += n & MFIB_COUNT_BYTES;
	t->folded.packets += n >> MFIB_COUNT_SHIFT;
	t->folded.bytes += n & MFIB_COUNT_BYTES;
	c->seen = sum;
}

void fib_fold(const struct fib *f, struct mfib_channel *c)
{
	fold(f, c, count_sum(f, c, generation_slot(f->cur, c->hash, slab_number(c))));
}

// The next owned slots of g from *at on, below `end`, their channels on their way into the cache.
static unsigned int owned_next(const struct fib *f, const struct generation *g, uint32_t *at,
	uint32_t end, uint32_t *slots)
{
	unsigned int n = 0;

	for (; *at < end && n < AHEAD; (*at)++) {
		if (!g->owner[*at])
			continue;
		record_prefetch(f->records, g->owner[*at]);
		generation_prefetch_entry(g, *at);
		slots[n++] = *at;
	}
	return n;
}

static void fold_range(struct fib *f, uint32_t at, uint32_t end)
{
	uint32_t slots[AHEAD];
	unsigned int n;

	while ((n = owned_next(f, f->cur, &at, end, slots)) > 0) {
		for (unsigned int i = 0; i < n; i++) {
			struct mfib_channel *c = record_at(f->records, f->cur->owner[slots[i]]);

			fold(f, c, count_sum(f, c, slots[i]));
		}
	}
}

void fib_fold_slots(struct fib *f, uint32_t n)
{
	while (n > 0) {
		uint32_t left = f->cur->n_slots - f->fold_at, some = n < left ? n : left;

		fold_range(f, f->fold_at, f->fold_at + some);
		f->fold_at = some < left ? f->fold_at + some : 0;
		n -= some;
	}
}

// The slots that the table should have instead of those that it has; 0: it is well as it is.
static uint32_t slots_due(const struct fib *f)
{
	uint64_t n = f->n_channels, have = f->cur->n_slots, want = n * FRESH;
	bool few = n * FEW > have;
	bool many = n * MANY < have && have > FIB_MIN_SLOTS && !f->replaced;
	bool full = f->cur->used > have / 8 * FULL;

	if (!few && !many && !full)
		return 0;
	want -= want % shape_bucket_slots(&f->shape);
	if (want < FIB_MIN_SLOTS)
		want = FIB_MIN_SLOTS;
	return want <= UINT32_MAX / 2 ? (uint32_t)want : 0;
}

static void next_begin(struct fib *f, uint32_t n_slots)
{
	f->next = generation_reserve(&f->shape, n_slots);
	f->next_failed = !f->next;
	f->cur->walked = 0;
}

// Copies the entries of cur's next slots, those that are published.
static void next_fill(struct fib *f, uint32_t n)
{
	struct generation *g = f->cur;
	uint32_t end = n < g->n_slots - g->walked ? g->walked + n : g->n_slots;
	uint64_t oifs;
	struct key key;

	for (; f->next && g->walked < end; g->walked++) {
		uint32_t id = g->owner[g->walked];

		if (g->walked + AHEAD < g->n_slots && g->owner[g->walked + AHEAD])
			record_prefetch(f->records, g->owner[g->walked + AHEAD]);

		if (id && generation_entry(g, g->walked, &key, &oifs))
			next_place(f, record_at(f->records, id)->hash, id, &key, oifs);
	}
}

static void next_publish(struct fib *f)
{
	struct generation **last = &f->replaced;

	for (unsigned int i = 0; i < f->shape.n_replicas; i++) {
		struct mfib_table *t = &f->tables[i];

		__atomic_store_n(f->shape.kind == MFIB_NARROW ? &t->narrow : &t->wide,
			f->next->replica[i].b, __ATOMIC_RELEASE);
	}
	f->cur->token = rte_rcu_qsbr_start(f->qsbr);
	f->cur->walked = 0;
	while (*last)
		last = &(*last)->newer;
	*last = f->cur;
	// Entries are in the same order in both.
	f->fold_at = (uint32_t)((uint64_t)f->fold_at * f->next->n_slots / f->cur->n_slots);
	f->cur = f->next;
	f->next = NULL;
	f->next_ready = false;
}

// The counters of g's next slots leave the sum that `seen` of their channels is compared with.
static void sweep(struct fib *f, struct generation *g, uint32_t n)
{
	uint32_t end = n < g->n_slots - g->walked ? g->walked + n : g->n_slots;
	uint32_t slots[AHEAD];

	while ((n = owned_next(f, g, &g->walked, end, slots)) > 0) {
		for (unsigned int i = 0; i < n; i++) {
			record_at(f->records, g->owner[slots[i]])->seen -=
				generation_count(g, slots[i]);
			g->owner[slots[i]] = 0;
		}
	}
}

// Work counts a replica; but it is a call of the kernel each time, so that a step makes few.
static uint32_t cost_of(const struct fib *f, uint32_t octets, uint32_t octets_a_slot)
{
	uint32_t cost = octets / octets_a_slot / f->shape.n_replicas;

	return cost > FIB_STEP / 4 ? cost : FIB_STEP / 4;
}

// A piece of work on the next generation; its cost.
static uint32_t step_next(struct fib *f)
{
	int32_t made;

	if (!f->next_ready) {
		made = generation_populate(f->next);
		if (made < 0)
			next_abandon(f);
		f->next_ready = made == 0;
		return cost_of(f, made > 0 ? (uint32_t)made : 0, MAKE_OCTETS);
	}
	next_fill(f, FIB_STEP);
	if (f->next && f->cur->walked == f->cur->n_slots)
		next_publish(f);
	return FIB_STEP;
}

// The same on those that were replaced; 0: nothing can be done now.
static uint32_t step_replaced(struct fib *f)
{
	struct generation *g = f->swept;
	uint32_t octets;

	if (g) {
		octets = generation_shrink(g);
		if (octets == 0) {
			f->swept = g->newer;
			generation_free(g);
		}
		return cost_of(f, octets, SHRINK_OCTETS);
	}
	g = f->replaced;
	if (!g || rte_rcu_qsbr_check(f->qsbr, g->token, false) != 1)
		return 0;
	sweep(f, g, FIB_STEP);
	if (g->walked == g->n_slots) {
		f->replaced = g->newer;
		g->newer = f->swept;
		f->swept = g;
	}
	return FIB_STEP;
}

void fib_step(struct fib *f, uint32_t slots)
{
	uint32_t due, cost;

	f->credit += slots;
	while (f->credit > 0) {
		if (!f->next && !f->next_failed && (due = slots_due(f)) != 0)
			next_begin(f, due);
		cost = f->next ? step_next(f) : step_replaced(f);
		if (cost == 0) {
			f->credit = 0; // nothing to do is nothing saved
			break;
		}
		f->credit -= cost;
	}
}

bool fib_settled(const struct fib *f)
{
	return !f->next && !f->replaced && !f->swept;
}

uint32_t fib_replaced(const struct fib *f)
{
	uint32_t n = 0;

	for (const struct generation *g = f->replaced; g; g = g->newer)
		n++;
	return n;
}

// Of all generations.
static size_t mapped(const struct fib *f, size_t (*of)(const struct generation *g))
{
	size_t sum = of(f->cur) + (f->next ? of(f->next) : 0);

	for (const struct generation *g = f->replaced; g; g = g->newer)
		sum += of(g);
	for (const struct generation *g = f->swept; g; g = g->newer)
		sum += of(g);
	return sum;
}

size_t fib_mapped(const struct fib *f)
{
	return mapped(f, generation_mapped);
}

size_t fib_mapped_own(const struct fib *f)
{
	return mapped(f, generation_mapped_own);
}
