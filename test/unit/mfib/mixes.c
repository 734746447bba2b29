// SPDX-License-Identifier: BSD-3-Clause
#include "mixes.h"

#include <arpa/inet.h>
#include <stdio.h>

#include <rte_eal.h>

#define S0 0xc0000200u
#define G0 0xe8000100u

static bool inner4(enum mix mix)
{
	return mix == MIX_4IN4 || mix == MIX_4IN6;
}

static bool outer4(enum mix mix)
{
	return mix == MIX_4IN4 || mix == MIX_6IN4;
}

static struct addr v6(uint8_t second, uint32_t low)
{
	uint8_t b[16] = {0x20, second, 0x0d, 0xb8};

	low = htonl(low);
	memcpy(b + 12, &low, sizeof(low));
	return addr_from_v6(b);
}

struct addr mix_relay(enum mix mix)
{
	return outer4(mix) ? addr_from_v4(htonl(0xcb00710f)) : v6(1, 0xf);
}

struct addr mix_local(enum mix mix, unsigned int n)
{
	return outer4(mix) ? addr_from_v4(htonl(0xc633640a + n)) : v6(1, 0x100 + n);
}

struct sg mix_sg(enum mix mix, uint32_t i)
{
	struct sg sg;

	if (inner4(mix)) {
		sg.s = addr_from_v4(htonl(S0 + i / 16));
		sg.g = addr_from_v4(htonl(G0 + i % 16));
	} else {
		uint8_t g[16] = {0xff, 0x3e, [12] = 0x80, [15] = (uint8_t)(i % 16)};

		sg.s = v6(2, i / 16);
		sg.g = addr_from_v6(g);
	}
	return sg;
}

enum mfib_kind mix_kind(enum mix mix)
{
	return mix == MIX_4IN4 ? MFIB_NARROW : MFIB_WIDE;
}

struct mfib_tunnel *mix_tunnel(struct mfib *m, enum mix mix, uint16_t port)
{
	struct addr relay = mix_relay(mix), local = mix_local(mix, 0);

	return mfib_tunnel_add(m, &relay, &local, port);
}

static unsigned int local_of(struct mfib_table *t, enum mix mix)
{
	struct addr local = mix_local(mix, 0);

	return outer4(mix) ? mfib_local_find4(t->ep, addr_to_v4(&local))
			   : mfib_local_find6(t->ep, local.bytes);
}

static struct mfib_narrow_key narrow_key(struct mfib_table *t, uint32_t i, uint16_t port)
{
	struct sg sg = mix_sg(MIX_4IN4, i);
	uint32_t wire[2] = {addr_to_v4(&sg.s), addr_to_v4(&sg.g)};
	struct addr relay = mix_relay(MIX_4IN4);

	return mfib_narrow_key_make(wire, addr_to_v4(&relay), htons(port), local_of(t, MIX_4IN4));
}

static struct mfib_wide_key wide_key(struct mfib_table *t, enum mix mix, uint32_t i, uint16_t port)
{
	unsigned int local = local_of(t, mix);
	struct addr relay = mix_relay(mix);
	struct sg sg = mix_sg(mix, i);

	if (mix == MIX_6IN4)
		return mfib_wide_key_make6in4(
			sg.s.bytes, sg.g.bytes, addr_to_v4(&relay), htons(port), local);
	if (mix == MIX_4IN6)
		return mfib_wide_key_make4in6(
			addr_to_v4(&sg.s), addr_to_v4(&sg.g), relay.bytes, htons(port), local);
	return mfib_wide_key_make(sg.s.bytes, sg.g.bytes, relay.bytes, htons(port), local);
}

static uint64_t hash_of(struct mfib_table *t, enum mix mix, uint32_t i, uint16_t port)
{
	struct mfib_buckets *b = mix == MIX_4IN4 ? mfib_table_narrow(t) : mfib_table_wide(t);
	struct addr local = mix_local(mix, 0);
	struct sg sg = mix_sg(mix, i);
	uint64_t s[2], g[2], end;
	uint32_t last4;

	memcpy(&last4, local.bytes + addr_size(&local) - 4, sizeof(last4));
	end = mfib_hash_end(last4, htons(port));
	memcpy(s, sg.s.bytes, sizeof(s));
	memcpy(g, sg.g.bytes, sizeof(g));
	if (inner4(mix))
		return mfib_hash4(b, (uint32_t)s[0] | g[0] << 32, end);
	return mfib_hash6(b, s, g, end);
}

uint64_t mix_home(struct mfib_table *t, enum mix mix, uint32_t i, uint16_t port)
{
	struct mfib_buckets *b = mix == MIX_4IN4 ? mfib_table_narrow(t) : mfib_table_wide(t);

	return mfib_home(b, hash_of(t, mix, i, port));
}

struct found mix_look(struct mfib_table *t, enum mix mix, uint32_t i, uint16_t port)
{
	struct mfib_buckets *b = mix == MIX_4IN4 ? mfib_table_narrow(t) : mfib_table_wide(t);
	uint64_t hash = hash_of(t, mix, i, port), home = mfib_home(b, hash), at;
	struct found f = {0};

	if (mix == MIX_4IN4) {
		struct mfib_narrow_key k = narrow_key(t, i, port);
		struct mfib_narrow *e = mfib_narrow_lookup(b, &k, mfib_narrow_bucket(b, hash));

		if (!e)
			return f;
		f = (struct found){.oifs = &e->oifs, .count = &e->count};
		at = (uint64_t)(e - b->narrow) / MFIB_NARROW_SLOTS;
	} else {
		struct mfib_wide_key k = wide_key(t, mix, i, port);
		struct mfib_wide *e = mfib_wide_lookup(b, &k, mfib_wide_bucket(b, hash));

		if (!e)
			return f;
		f = (struct found){.oifs = &e->oifs, .count = &e->count};
		at = (uint64_t)(e - b->wide);
	}
	f.off = at >= home ? at - home : at + b->n - home;
	return f;
}

uint64_t mix_oifs(struct mfib_table *t, enum mix mix, uint32_t i, uint16_t port)
{
	struct found f = mix_look(t, mix, i, port);

	return f.oifs ? mfib_oifs(f.oifs) : 0;
}

bool mix_eal_init(const char *prefix)
{
	char file_prefix[64];
	char *argv[] = {"test", "-l", "0", "--no-huge", "--no-shconf", "-m", "192", "--no-pci",
		"--no-telemetry", "--log-level=error", file_prefix};

	snprintf(file_prefix, sizeof(file_prefix), "--file-prefix=%s", prefix);
	return rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])), argv) >= 0;
}
