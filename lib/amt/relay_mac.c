// SPDX-License-Identifier: BSD-3-Clause
// The response MAC. Only this relay ever checks it, so any keyed function does (RFC 7450 section
// 5.3.5); SipHash-2-4 is short and made for small inputs that others choose.
#include <string.h>

#include "amt/relay_internal.h"

static uint64_t load_le64(const uint8_t *p)
{
	uint64_t v = 0;

	for (int i = 7; i >= 0; i--)
		v = v << 8 | p[i];
	return v;
}

static uint64_t rotl(uint64_t x, unsigned int n)
{
	return x << n | x >> (64 - n);
}

static void sip_rounds(uint64_t v[4], int rounds)
{
	for (int i = 0; i < rounds; i++) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotl(v[1], 13) ^ v[0];
		v[3] = rotl(v[3], 16) ^ v[2];
		v[0] = rotl(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotl(v[1], 17) ^ v[2];
		v[3] = rotl(v[3], 21) ^ v[0];
		v[2] = rotl(v[2], 32);
	}
}

uint64_t relay_siphash(const uint8_t key[RELAY_SECRET_LEN], const void *buf, size_t len)
{
	uint64_t k0 = load_le64(key), k1 = load_le64(key + 8), word;
	uint64_t v[4] = {k0 ^ 0x736f6d6570736575ull, k1 ^ 0x646f72616e646f6dull,
		k0 ^ 0x6c7967656e657261ull, k1 ^ 0x7465646279746573ull};
	const uint8_t *p = buf;
	uint8_t last[8] = {0};

	for (size_t left = len; left >= 8; left -= 8, p += 8) {
		word = load_le64(p);
		v[3] ^= word;
		sip_rounds(v, 2);
		v[0] ^= word;
	}
	memcpy(last, p, len % 8);
	last[7] = (uint8_t)len;
	word = load_le64(last);
	v[3] ^= word;
	sip_rounds(v, 2);
	v[0] ^= word;
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void relay_mac(const uint8_t secret[RELAY_SECRET_LEN], const struct addr *addr, uint16_t port,
	uint32_t nonce, bool e, uint8_t mac[6])
{
	uint8_t in[24];
	uint64_t hash;

	in[0] = addr->family;
	memcpy(in + 1, addr->bytes, 16);
	in[17] = (uint8_t)(port >> 8);
	in[18] = (uint8_t)port;
	for (int i = 0; i < 4; i++)
		in[19 + i] = (uint8_t)(nonce >> (24 - 8 * i));
	in[23] = e;
	hash = relay_siphash(secret, in, sizeof(in));
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)(hash >> (8 * i));
}
