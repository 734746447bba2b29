// SPDX-License-Identifier: BSD-3-Clause
// The choice of a local port.
#include "steer/steer.h"
#include "steer/steer_internal.h"

#define AMT_PORT 2268

void steer_port_take(struct steer_ports *p, uint16_t port)
{
	p->taken[port / 64] |= 1ull << port % 64;
}

void steer_port_free(struct steer_ports *p, uint16_t port)
{
	p->taken[port / 64] &= ~(1ull << port % 64);
}

bool steer_port_taken(const struct steer_ports *p, uint16_t port)
{
	return p->taken[port / 64] >> port % 64 & 1;
}

static uint64_t load_of(const struct steer_search *s, uint16_t queue)
{
	return queue < s->n_queues ? s->load[queue] : STEER_NO_LOAD;
}

// hash is the port's.
static uint16_t queue_of(struct steer_search *s, uint16_t port, uint32_t hash)
{
	s->tries++;
	return s->rss ? s->rss->reta[steer_bucket(s->rss, hash)] : s->queue_cb(s->arg, port);
}

// Puts the port's bits in such an order that the first n of them reach all values of the hash's
// lowest bits that ports can reach: Gaussian elimination, lowest hash bit first. The rest follow.
static void order_bits(struct steer_search *s, enum addr_family family)
{
	uint32_t row[16], mask = 1;
	bool used[16] = {false};
	unsigned int n = 0;

	for (unsigned int i = 0; i < 16; i++)
		row[i] = steer_key_window(s->rss->key, s->rss->key_len, steer_port_bit(family) + i);
	for (; mask != 0; mask <<= 1) {
		unsigned int pivot = 0;

		while (pivot < 16 && (used[pivot] || !(row[pivot] & mask)))
			pivot++;
		if (pivot == 16)
			continue;
		used[pivot] = true;
		s->flip[n++].port = (uint16_t)(0x8000u >> pivot);
		for (unsigned int i = 0; i < 16; i++)
			if (!used[i] && (row[i] & mask))
				row[i] ^= row[pivot];
	}
	for (unsigned int i = 0; i < 16; i++)
		if (!used[i])
			s->flip[n++].port = (uint16_t)(0x8000u >> i);
	for (unsigned int i = 0; i < 16; i++) {
		size_t bit = 15u - (unsigned int)__builtin_ctz(s->flip[i].port);

		s->flip[i].hash = steer_key_window(
			s->rss->key, s->rss->key_len, steer_port_bit(family) + bit);
	}
}

static uint32_t hash_of(const struct steer_search *s, uint16_t port)
{
	uint32_t hash = s->base;

	for (unsigned int i = 0; i < 16; i++)
		if (port & s->flip[i].port)
			hash ^= s->flip[i].hash;
	return hash;
}

void steer_search_init(struct steer_search *s, const struct steer_rss *rss,
	const struct steer_tuple *t, const uint64_t *load, const struct steer_ports *ports,
	uint16_t start)
{
	struct steer_tuple zero = *t;

	zero.local_port = 0;
	*s = (struct steer_search){.rss = rss,
		.load = load,
		.n_queues = rss->n_queues,
		.ports = ports,
		.base = steer_hash(rss, &zero),
		.least = STEER_NO_LOAD,
		.port = start};
	order_bits(s, t->relay.family);
	s->hash = hash_of(s, start);
	for (unsigned int i = 0; i < rss->reta_size; i++) {
		uint64_t l = load_of(s, rss->reta[i]);

		if (l < s->least)
			s->least = l;
	}
}

void steer_search_init_by(struct steer_search *s, uint16_t (*queue_cb)(void *arg, uint16_t port),
	void *arg, const uint64_t *load, unsigned int n_queues, const struct steer_ports *ports,
	uint16_t start)
{
	*s = (struct steer_search){.queue_cb = queue_cb,
		.arg = arg,
		.load = load,
		.n_queues = n_queues,
		.ports = ports,
		.least = STEER_NO_LOAD,
		.port = start};
	for (unsigned int i = 0; i < 16; i++)
		s->flip[i].port = (uint16_t)(1u << i);
	for (unsigned int q = 0; q < n_queues; q++)
		if (load[q] < s->least)
			s->least = load[q];
}

void steer_search_prefer(struct steer_search *s, uint16_t preferred, bool keep, uint64_t slack)
{
	uint64_t l;

	if (preferred == 0 || (s->ports && steer_port_taken(s->ports, preferred)))
		return;
	l = load_of(s, queue_of(s, preferred, hash_of(s, preferred)));
	if (l == STEER_NO_LOAD || (!keep && l - s->least > slack))
		return;
	s->preferred = preferred;
	s->prefer = true;
}

static bool usable(const struct steer_search *s, uint16_t port)
{
	return port >= STEER_PORT_MIN && port != AMT_PORT && port != s->preferred &&
	       !(s->ports && steer_port_taken(s->ports, port));
}

// One step of the walk, in the order of a Gray code: a single bit of the port changes.
static void step(struct steer_search *s)
{
	s->steps++;
	if (s->steps > UINT16_MAX)
		return;
	s->port ^= s->flip[__builtin_ctz(s->steps)].port;
	s->hash ^= s->flip[__builtin_ctz(s->steps)].hash;
}

bool steer_search_next(struct steer_search *s, struct steer_choice *out)
{
	uint64_t best = STEER_NO_LOAD;

	if (s->prefer) {
		s->prefer = false;
		*out = (struct steer_choice){
			s->preferred, queue_of(s, s->preferred, hash_of(s, s->preferred))};
		return true;
	}
	for (unsigned int looked = 0; s->steps <= UINT16_MAX && looked < STEER_WALK; step(s)) {
		uint16_t queue;
		uint64_t l;

		if (!usable(s, s->port))
			continue;
		looked++;
		queue = queue_of(s, s->port, s->hash);
		l = load_of(s, queue);
		if (l >= best)
			continue;
		best = l;
		*out = (struct steer_choice){s->port, queue};
		if (l == s->least) {
			step(s);
			break;
		}
	}
	return best != STEER_NO_LOAD;
}
