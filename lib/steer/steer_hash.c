// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "steer/steer.h"
#include "steer/steer_internal.h"

// The 32 key bits that begin at bit `at`.
uint32_t steer_key_window(const uint8_t *key, size_t key_len, size_t at)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < 5; i++) {
		size_t octet = at / 8 + i;

		bits = bits << 8 | (octet < key_len ? key[octet] : 0);
	}
	return (uint32_t)(bits >> (8 - at % 8));
}

uint32_t steer_toeplitz(const uint8_t *key, size_t key_len, const uint8_t *data, size_t len)
{
	uint32_t hash = 0;

	for (size_t i = 0; i < len * 8; i++)
		if (data[i / 8] & (0x80 >> i % 8))
			hash ^= steer_key_window(key, key_len, i);
	return hash;
}

bool steer_hashes_ports(const struct steer_rss *rss, uint8_t family)
{
	return family == ADDR_V4 ? rss->ipv4_udp : rss->ipv6_udp;
}

uint32_t steer_hash(const struct steer_rss *rss, const struct steer_tuple *t)
{
	size_t size = addr_size(&t->relay), len = 2 * size;
	uint8_t data[STEER_TUPLE_MAX];

	// The order of the fields is that of the headers, and so is that of their octets.
	memcpy(data, t->relay.bytes, size);
	memcpy(data + size, t->local.bytes, size);
	if (steer_hashes_ports(rss, t->relay.family)) {
		data[len++] = (uint8_t)(t->relay_port >> 8);
		data[len++] = (uint8_t)t->relay_port;
		data[len++] = (uint8_t)(t->local_port >> 8);
		data[len++] = (uint8_t)t->local_port;
	}
	return steer_toeplitz(rss->key, rss->key_len, data, len);
}

unsigned int steer_bucket(const struct steer_rss *rss, uint32_t hash)
{
	unsigned int size = rss->reta_size;

	return (size & (size - 1)) == 0 ? hash & (size - 1) : hash % size;
}

uint16_t steer_queue(const struct steer_rss *rss, const struct steer_tuple *t)
{
	if (rss->key_len == 0 || rss->reta_size == 0)
		return STEER_NO_QUEUE;
	return rss->reta[steer_bucket(rss, steer_hash(rss, t))];
}

// True when a bit of the local port changes the place in the RETA.
static bool key_moves(const struct steer_rss *rss, enum addr_family family)
{
	bool pow2 = (rss->reta_size & (rss->reta_size - 1)) == 0;
	uint32_t mask = pow2 ? rss->reta_size - 1u : UINT32_MAX;

	for (unsigned int i = 0; i < 16; i++)
		if (steer_key_window(rss->key, rss->key_len, steer_port_bit(family) + i) & mask)
			return true;
	return false;
}

const char *steer_problem(const struct steer_rss *rss, enum addr_family family)
{
	uint16_t first;

	if (rss->n_queues < 2)
		return "one queue";
	if (rss->key_len == 0 || rss->reta_size == 0)
		return "the port tells no RSS key or table";
	if (!steer_hashes_ports(rss, family))
		return "the port's hash leaves out UDP ports";
	if (!key_moves(rss, family))
		return "the port's RSS key gives local ports no weight";
	first = rss->reta[0];
	for (unsigned int i = 0; i < rss->reta_size; i++)
		if (rss->reta[i] != first && rss->reta[i] < rss->n_queues)
			return NULL;
	return "the port's RSS table names one queue only";
}
