// SPDX-License-Identifier: BSD-3-Clause
// Destination address selection (RFC 6724 section 6) among relays of one precedence, given the
// source address that a tunnel to each would have. Each rule looks at one destination alone, but
// for rule 9, and that one compares addresses of one family: so the rules make a number for each
// destination, the most important in the highest bits, and numbers are compared.
//
// Left out: home addresses and transition tunnels (rules 4 and 7), of which there are none here.
#include <string.h>

#include "driad/driad_internal.h"

enum { SCOPE_LINK = 0x2, SCOPE_SITE = 0x5, SCOPE_GLOBAL = 0xe };

// The default policy table (section 2.1), longest prefix first; IPv4 is ::ffff:0:0/96.
static const struct policy {
	uint8_t bytes[16];
	uint8_t len, precedence, label;
} policies[] = {
	{{[15] = 1}, 128, 50, 0},
	{{[10] = 0xff, [11] = 0xff}, 96, 35, 4},
	{{0}, 96, 1, 3},
	{{0x20, 0x01, 0, 0}, 32, 5, 5},
	{{0x20, 0x02}, 16, 30, 2},
	{{0x3f, 0xfe}, 16, 1, 12},
	{{0xfe, 0xc0}, 10, 1, 11},
	{{0xfc}, 7, 3, 13},
	{{0}, 0, 40, 1},
};

static const struct policy *policy_of(const struct addr *a)
{
	struct addr mapped = {.family = ADDR_V6, .bytes = {[10] = 0xff, [11] = 0xff}};
	size_t i = 0;

	if (a->family == ADDR_V4)
		memcpy(mapped.bytes + 12, a->bytes, 4);
	else
		mapped = *a;
	for (;; i++) {
		struct prefix p = {.addr = {.family = ADDR_V6}, .len = policies[i].len};

		memcpy(p.addr.bytes, policies[i].bytes, 16);
		if (prefix_match(&p, &mapped)) // the last one matches all
			return &policies[i];
	}
}

// Sections 3.1 and 3.2: private IPv4 and unique local IPv6 addresses are of global scope.
static uint32_t scope_of(const struct addr *a)
{
	if (addr_is_linklocal(a) || addr_is_loopback(a))
		return SCOPE_LINK;
	if (a->family == ADDR_V6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0xc0)
		return SCOPE_SITE;
	return SCOPE_GLOBAL;
}

// Rule 9, CommonPrefixLen(). Of IPv4 only "on our link" counts: how many bits the addresses of two
// networks have in common says nothing there, and would undo the load balancing of rule 10 (rules 9
// and 10 may be superseded).
static uint32_t common_bits(const struct addr *a, const struct driad_path *path)
{
	uint32_t n = 0;

	if (a->family != path->src.family)
		return 0;
	while (n < path->src_len &&
		((a->bytes[n / 8] ^ path->src.bytes[n / 8]) & 0x80u >> n % 8) == 0)
		n++;
	return a->family == ADDR_V4 && n < path->src_len ? 0 : n;
}

uint32_t driad_rank(const struct addr *a, const struct driad_path *path)
{
	const struct policy *dst = policy_of(a), *src;
	uint32_t rank;

	if (!path)
		return DRIAD_RANK_NO_PATH; // rule 1
	src = policy_of(&path->src);
	rank = scope_of(a) != scope_of(&path->src);	      // rule 2
	rank = rank << 1 | path->deprecated;		      // rule 3
	rank = rank << 1 | (dst->label != src->label);	      // rule 5
	rank = rank << 8 | (uint32_t)(255 - dst->precedence); // rule 6
	rank = rank << 4 | scope_of(a);			      // rule 8
	return rank << 8 | (128 - common_bits(a, path));      // rule 9
}

// RFC 8305 section 4, First Address Family Count 1: the families take turns, so that one that is
// broken costs one try. Ranks order a family in itself.
static void interleave(struct driad_order *o, unsigned int from, unsigned int to)
{
	struct driad_relay out[DRIAD_MAX_RELAYS] = {0};
	uint8_t family = o->relays[from].addr.family;
	unsigned int own = from, other = from;

	for (unsigned int n = 0; n < to - from; n++) {
		unsigned int *at = n % 2 == 0 ? &own : &other;

		while (own < to && o->relays[own].addr.family != family)
			own++;
		while (other < to && o->relays[other].addr.family == family)
			other++;
		if (*at == to)
			at = at == &own ? &other : &own;
		out[n] = o->relays[(*at)++];
	}
	memcpy(&o->relays[from], out, (to - from) * sizeof(out[0]));
}

void driad_order_families(struct driad_order *o)
{
	unsigned int from = 0, to;

	for (; from < o->n; from = to) {
		bool usable = o->ranks[from] != DRIAD_RANK_NO_PATH;

		to = from + 1;
		while (to < o->n && o->relays[to].precedence == o->relays[from].precedence &&
			(o->ranks[to] != DRIAD_RANK_NO_PATH) == usable)
			to++;
		interleave(o, from, to);
	}
}

const char *driad_rank_why(uint32_t first, uint32_t second)
{
	// As driad_rank() puts them together, from the highest bit on.
	static const struct {
		uint32_t bits;
		const char *why;
	} rules[] = {
		{1u << 22, "its scope is that of our address (RFC 6724 rule 2)"},
		{1u << 21, "our address for it is not deprecated (RFC 6724 rule 3)"},
		{1u << 20, "its label is that of our address (RFC 6724 rule 5)"},
		{0xffu << 12, "higher in the policy table (RFC 6724 rule 6)"},
		{0xfu << 8, "smaller scope (RFC 6724 rule 8)"},
		{0xffu, "nearer to our address (RFC 6724 rule 9)"},
	};

	if (first == second)
		return "at random among equals";
	if (second == DRIAD_RANK_NO_PATH)
		return "there is a path to it (RFC 6724 rule 1)";
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if ((first ^ second) & rules[i].bits)
			return rules[i].why;
	return "at random among equals";
}
