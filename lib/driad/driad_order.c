// SPDX-License-Identifier: BSD-3-Clause
// RFC 8777 section 3.1.2: precedence first, then what destination address selection makes of them,
// then at random among equals. Each candidate draws a lot and the list is kept sorted by
// (precedence, rank, lot): the same distribution as a shuffle of each rank, in one pass and in the
// memory of the result, however long the answer is.
#include <string.h>

#include "driad/driad_internal.h"

static bool order_before(const struct driad_order *o, unsigned int i, uint8_t precedence,
	uint32_t rank, uint32_t lot)
{
	if (o->relays[i].precedence != precedence)
		return o->relays[i].precedence < precedence;
	return o->ranks[i] < rank || (o->ranks[i] == rank && o->lots[i] <= lot);
}

static void order_remove(struct driad_order *o, unsigned int i)
{
	o->n--;
	memmove(&o->relays[i], &o->relays[i + 1], (o->n - i) * sizeof(o->relays[0]));
	memmove(&o->ranks[i], &o->ranks[i + 1], (o->n - i) * sizeof(o->ranks[0]));
	memmove(&o->lots[i], &o->lots[i + 1], (o->n - i) * sizeof(o->lots[0]));
}

static void order_insert(
	struct driad_order *o, const struct driad_relay *relay, uint32_t rank, uint32_t lot)
{
	unsigned int i = 0;

	while (i < o->n && order_before(o, i, relay->precedence, rank, lot))
		i++;
	if (i == DRIAD_MAX_RELAYS)
		return;
	if (o->n == DRIAD_MAX_RELAYS)
		o->n--;
	memmove(&o->relays[i + 1], &o->relays[i], (o->n - i) * sizeof(o->relays[0]));
	memmove(&o->ranks[i + 1], &o->ranks[i], (o->n - i) * sizeof(o->ranks[0]));
	memmove(&o->lots[i + 1], &o->lots[i], (o->n - i) * sizeof(o->lots[0]));
	o->relays[i] = *relay;
	o->ranks[i] = rank;
	o->lots[i] = lot;
	o->n++;
}

enum driad_order_verdict driad_order_add(
	struct driad_order *o, const struct driad_relay *relay, uint32_t rank, uint32_t lot)
{
	for (unsigned int i = 0; i < o->n; i++) {
		struct driad_relay *have = &o->relays[i];

		if (!addr_eq(&have->addr, &relay->addr))
			continue;
		if (have->precedence == relay->precedence)
			have->discovery_optional &= relay->discovery_optional;
		if (have->precedence > relay->precedence) {
			order_remove(o, i);
			order_insert(o, relay, rank, lot);
		}
		return ORDER_DUPLICATE;
	}
	if (o->n == DRIAD_MAX_RELAYS) {
		order_insert(o, relay, rank, lot);
		return ORDER_FULL;
	}
	order_insert(o, relay, rank, lot);
	return ORDER_TAKEN;
}
