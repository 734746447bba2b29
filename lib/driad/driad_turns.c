// SPDX-License-Identifier: BSD-3-Clause
// Whose query leaves next, and when: lines of those who ask take turns, and each has its share of
// what is under way; no more than so many leave in 100 ms (RFC 8777 section 3.2.2).
#include "driad/driad_internal.h"

#define WINDOW_US (100 * US_PER_MS)

static unsigned int line_of(const struct driad_query *q)
{
	return q->lookup->asker % DRIAD_LINES;
}

void driad_turn_add(struct driad_query *q, bool first)
{
	struct driad *d = q->lookup->driad;
	struct driad_turns *line = &d->lines[line_of(q)];

	if (first)
		TAILQ_INSERT_HEAD(line, q, turn);
	else
		TAILQ_INSERT_TAIL(line, q, turn);
	d->waiting |= 1ull << line_of(q);
}

void driad_turn_remove(struct driad_query *q)
{
	struct driad *d = q->lookup->driad;
	struct driad_turns *line = &d->lines[line_of(q)];

	TAILQ_REMOVE(line, q, turn);
	if (TAILQ_EMPTY(line))
		d->waiting &= ~(1ull << line_of(q));
}

void driad_turn_take(struct driad_query *q)
{
	driad_turn_remove(q);
	q->lookup->driad->line = line_of(q);
}

struct driad_query *driad_turn_next(const struct driad *d)
{
	uint64_t after = d->line + 1 < DRIAD_LINES ? d->waiting & UINT64_MAX << (d->line + 1) : 0;
	uint64_t lines[2] = {after, d->waiting & ~after};

	for (int i = 0; i < 2; i++) {
		for (; lines[i]; lines[i] &= lines[i] - 1) {
			struct driad_query *q = TAILQ_FIRST(&d->lines[__builtin_ctzll(lines[i])]);

			if (share_ok(&d->asked, q->lookup->asker, DRIAD_ASKED))
				return q;
		}
	}
	return NULL;
}

uint64_t driad_window_open_us(const struct driad *d)
{
	uint32_t n = d->cfg.queries_per_100ms;

	return d->n_sent < n ? 0 : d->sent[d->n_sent % n] + WINDOW_US;
}
