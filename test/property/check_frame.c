// SPDX-License-Identifier: BSD-3-Clause
#include "property/check_frame.h"

#include <string.h>

#include "bench/replay.h"

// Where the headers of a frame in the making are. Insertions move them.
struct made {
	struct check_frame *c;
	size_t l3, udp, inner, end; // end: of the inner header
	bool outer6, inner6;
};

enum damage {
	D_RELAY,
	D_SOURCE_PORT,
	D_OTHER_TUNNEL,
	D_NO_TUNNEL,
	D_DESTINATION,
	D_PROTOCOL,
	D_AMT_VERSION,
	D_AMT_TYPE,
	D_UDP_ZERO,
	D_UDP_BAD,
	D_IP_BAD,
	D_FRAGMENT,
	D_FRAGMENT_LATER,
	D_OUTER_LONG,
	D_OUTER_OPTIONS,
	D_OUTER_EXTENSION,
	D_PAD_FRAME,
	D_PAD_IP,
	D_PAD_UDP,
	D_UDP_SHORT,
	D_CUT,
	D_SPLIT,
	D_TAG,
	D_TAG_TWICE,
	D_MISS,
	D_INNER_BAD,
	D_INNER_SHORT,
	D_INNER_LONG,
	D_INNER_HEADER,
	D_INNER_OPTIONS,
	D_INNER_FRAGMENT,
	D_INNER_PROTOCOL,
	D_INNER_VERSION,
	D_INNER_SOURCE,
	D_INNER_GROUP,
	D_INNER_ALIAS,
	D_TTL,
	D_ECN,
	D_RANDOM, // a bit of any header
	D_COUNT
};

static void put16(uint8_t *at, unsigned int v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static void add16(uint8_t *at, int v)
{
	put16(at, oracle_get16(at) + (unsigned int)v);
}

static uint8_t *outer(struct made *m)
{
	return m->c->p + m->l3;
}

static uint8_t *udp(struct made *m)
{
	return m->c->p + m->udp;
}

static uint8_t *inner(struct made *m)
{
	return m->c->p + m->inner;
}

// The length that an IP header gives; of what follows it (IPv6), or in all.
static uint8_t *ip_len(uint8_t *ip, bool v6)
{
	return ip + (v6 ? 4 : 2);
}

// Makes room for n octets of 0 in front of what is at `at`. Headers move, no length is changed.
static void insert(struct made *m, size_t at, size_t n)
{
	uint8_t *p = m->c->p;

	memmove(p + at + n, p + at, m->c->len - at);
	memset(p + at, 0, n);
	m->c->len += n;
	m->l3 += at <= m->l3 ? n : 0;
	m->udp += at <= m->udp ? n : 0;
	m->inner += at <= m->inner ? n : 0;
	m->end += at < m->end ? n : 0;
}

static void append(struct made *m, size_t n, struct rng *rng)
{
	rng_bytes(rng, m->c->p + m->c->len, n);
	m->c->len += n;
}

static void tag(struct made *m, uint32_t r)
{
	// Known, priority alone, of an interface where no tunnels end, unknown; each with a
	// priority.
	static const uint16_t ids[] = {
		ORACLE_VLAN_UPSTREAM, ORACLE_VLAN_UPSTREAM, 0, ORACLE_VLAN_OTHER, 8, 4095};

	insert(m, 12, 4);
	put16(m->c->p + 12, 0x8100);
	put16(m->c->p + 14, ids[r % 6] | (r >> 8 & 0xf) << 12);
}

static void outer_options(struct made *m, uint32_t r)
{
	size_t n = 4 + r % 10 * 4, ihl = m->udp - m->l3;

	if (m->outer6 || ihl + n > 60)
		return;
	insert(m, m->udp, n);
	memset(m->c->p + m->l3 + 20, 1, ihl + n - 20); // no-operations
	outer(m)[0] = (uint8_t)(0x40 | (ihl + n) / 4);
	add16(ip_len(outer(m), false), (int)n);
}

// Hop-by-Hop, Destination Options, or a fragment header; only the last is a fragment.
static void outer_extension(struct made *m, uint8_t kind)
{
	uint8_t *at;

	if (!m->outer6)
		return;
	insert(m, m->l3 + 40, 8);
	at = outer(m) + 40;
	at[0] = outer(m)[6];
	if (kind == 44) {
		at[3] = 1; // more fragments
	} else {
		at[2] = 1; // PadN
		at[3] = 4;
	}
	outer(m)[6] = kind;
	add16(ip_len(outer(m), true), 8);
}

static void outer_fragment(struct made *m, unsigned int bits)
{
	if (m->outer6)
		outer_extension(m, 44);
	else
		put16(outer(m) + 6, bits);
}

// The AMT message ends within its inner header.
static void udp_short(struct made *m, uint32_t r)
{
	size_t len = 9 + r % 42, less = oracle_get16(udp(m) + 4);

	if (len >= less)
		return;
	less -= len;
	put16(udp(m) + 4, (unsigned int)len);
	add16(ip_len(outer(m), m->outer6), -(int)less);
}

static void pad(struct made *m, enum damage d, struct rng *rng)
{
	size_t n = 1 + rng_below(rng, 40);

	append(m, n, rng);
	if (d == D_PAD_FRAME)
		return;
	add16(ip_len(outer(m), m->outer6), (int)n);
	if (d == D_PAD_UDP)
		add16(udp(m) + 4, (int)n);
}

static void damage_outer(
	struct made *m, enum damage d, uint32_t r, const struct feed_shape *s, struct rng *rng)
{
	uint8_t *ip = outer(m), *u = udp(m);

	switch (d) {
	case D_RELAY:
		ip[(m->outer6 ? 8 : 12) + r % (m->outer6 ? 16 : 4)]++;
		break;
	case D_SOURCE_PORT:
		u[r % 2] ^= 1;
		break;
	case D_OTHER_TUNNEL: // the right channel out of the wrong tunnel
		put16(u + 2, feed_port(s, r % s->tunnels));
		break;
	case D_NO_TUNNEL:
		put16(u + 2, FEED_PORTS_NONE + r % 1000);
		break;
	case D_DESTINATION:
		ip[(m->outer6 ? 24 : 16) + r % (m->outer6 ? 16 : 4)]++;
		break;
	case D_PROTOCOL:
		ip[m->outer6 ? 6 : 9] = (uint8_t[]){2, 6, 58, 103, 0, 255}[r % 6];
		break;
	case D_AMT_VERSION:
		u[8] |= 0x10;
		break;
	case D_AMT_TYPE:
		u[8] = r % 8;
		break;
	case D_FRAGMENT:
		outer_fragment(m, 0x2000);
		break;
	case D_FRAGMENT_LATER:
		outer_fragment(m, (r % 2 ? 0x2000 : 0) | (1 + (r >> 1) % 0x1fff));
		break;
	case D_OUTER_LONG:
		add16(ip_len(ip, m->outer6), 1);
		add16(u + 4, 1 + (int)(r % 2));
		break;
	case D_OUTER_OPTIONS:
		outer_options(m, r);
		break;
	case D_OUTER_EXTENSION:
		outer_extension(m, (uint8_t[]){0, 44, 60}[r % 3]);
		break;
	case D_PAD_FRAME:
	case D_PAD_IP:
	case D_PAD_UDP:
		pad(m, d, rng);
		break;
	case D_UDP_SHORT:
		udp_short(m, r);
		break;
	case D_TAG:
		tag(m, r);
		break;
	case D_TAG_TWICE:
		tag(m, r);
		tag(m, 0);
		break;
	default:
		break;
	}
}

static void inner_options(struct made *m, uint32_t r)
{
	size_t n = 4 + r % 10 * 4, ihl = m->end - m->inner;

	if (m->inner6 || ihl + n > 60)
		return;
	insert(m, m->inner + ihl, n);
	m->end = m->inner + ihl + n;
	memset(inner(m) + 20, 1, ihl + n - 20);
	if (r >> 8 & 1) { // one with a length before another, of any kind
		inner(m)[20] = (uint8_t)(r >> 16);
		inner(m)[21] = (uint8_t)(r >> 12 & 3);
		inner(m)[22] = (uint8_t[]){131, 137, 7, 0x94}[r >> 24 & 3];
	}
	inner(m)[0] = (uint8_t)(0x40 | (ihl + n) / 4);
	add16(ip_len(inner(m), false), (int)n);
	add16(udp(m) + 4, (int)n);
	add16(ip_len(outer(m), m->outer6), (int)n);
}

static void inner_source(struct made *m, uint32_t r)
{
	static const uint8_t v4[][4] = {{0, 0, 0, 0}, {0, 1, 2, 3}, {127, 0, 0, 1},
		{169, 254, 3, 4}, {224, 0, 0, 5}, {240, 1, 1, 1}, {255, 255, 255, 255},
		{10, 0, 0, 1}};
	static const uint8_t v6[][16] = {{0}, {[15] = 1}, {0xfe, 0x80, [15] = 1},
		{0xfe, 0xbf, [15] = 1}, {0xff, 0x3e, [15] = 1}, {[10] = 0xff, 0xff, 198, 18, 0, 0},
		{[12] = 198, 18, 0, 0}, {0xfe, 0xc0, [15] = 1}};

	if (m->inner6)
		memcpy(inner(m) + 8, v6[r % 8], 16);
	else
		memcpy(inner(m) + 12, v4[r % 8], 4);
}

static void inner_group(struct made *m, uint32_t r)
{
	static const uint8_t v4[][4] = {{223, 255, 255, 255}, {240, 0, 0, 0}, {224, 0, 0, 9},
		{224, 0, 1, 9}, {239, 1, 1, 1}, {232, 0, 0, 1}};
	uint8_t *g = inner(m) + (m->inner6 ? 24 : 16);

	if (!m->inner6) {
		memcpy(g, v4[r % 6], 4);
		return;
	}
	switch (r % 4) {
	case 0:
		g[0] = 0xfe;
		break;
	case 1:
		g[1] = (uint8_t)(r >> 8); // any flags and scope
		break;
	case 2:
		g[2 + (r >> 8) % 2] = (uint8_t)(1 + (r >> 16) % 255); // RFC 3306 prefix length
		break;
	default:
		g[4 + (r >> 8) % 12]++;
	}
}

// IPv6 whose octets are those of an IPv4 channel in its mapped form, in case a table keeps it so.
static void inner_alias(struct made *m, uint32_t r)
{
	uint8_t *ip = inner(m), s[4], g[4];

	if (m->inner6 || m->end != m->inner + 20)
		return;
	memcpy(s, ip + 12, 4);
	memcpy(g, ip + 16, 4);
	insert(m, m->inner + 20, 20);
	m->end = m->inner + 40;
	m->inner6 = true;
	ip = inner(m);
	memset(ip, 0, 40);
	ip[0] = 0x60;
	put16(ip + 4, (unsigned int)(oracle_get16(udp(m) + 4) - 30));
	ip[6] = 17;
	ip[7] = 30;
	memset(ip + 18, 0xff, 2);
	memcpy(ip + 20, s, 4);
	ip[24] = 0xff;
	if (r % 2)
		memset(ip + 34, 0xff, 2);
	memcpy(ip + 36, g, 4);
	add16(udp(m) + 4, 20);
	add16(ip_len(outer(m), m->outer6), 20);
}

static void ecn(struct made *m, uint32_t r)
{
	if (m->outer6)
		outer(m)[1] = (uint8_t)r;
	else
		outer(m)[1] = r % 4;
	inner(m)[1] = (uint8_t)(r >> 8);
}

static void damage_inner(struct made *m, enum damage d, uint32_t r)
{
	uint8_t *ip = inner(m);

	switch (d) {
	case D_MISS:
		ip[m->inner6 ? 37 : 17] ^= 4;
		break;
	case D_INNER_SHORT:
		put16(ip_len(ip, m->inner6), r % 24);
		break;
	case D_INNER_LONG:
		add16(ip_len(ip, m->inner6), 1 + (int)(r % 3));
		break;
	case D_INNER_HEADER:
		ip[0] = (uint8_t)((ip[0] & 0xf0) | r % 16);
		break;
	case D_INNER_OPTIONS:
		inner_options(m, r);
		break;
	case D_INNER_FRAGMENT: // by (S,G) alone
		if (!m->inner6)
			put16(ip + 6, r & 0xffff);
		else
			ip[6] = 44;
		break;
	case D_INNER_PROTOCOL:
		ip[m->inner6 ? 6 : 9] = (uint8_t)r;
		break;
	case D_INNER_VERSION:
		ip[0] = (uint8_t)((r % 16) << 4 | (ip[0] & 0xf));
		break;
	case D_INNER_SOURCE:
		inner_source(m, r);
		break;
	case D_INNER_GROUP:
		inner_group(m, r);
		break;
	case D_INNER_ALIAS:
		inner_alias(m, r);
		break;
	case D_TTL:
		ip[m->inner6 ? 7 : 8] = r % 3 ? r % 3 - 1 : 255;
		break;
	case D_ECN:
		ecn(m, r);
		break;
	default:
		break;
	}
}

static void fix_ipv4(uint8_t *ip)
{
	size_t ihl = (size_t)(ip[0] & 0xf) * 4;

	put16(ip + 10, 0);
	put16(ip + 10, oracle_cksum(ip, ihl < 20 ? 20 : ihl, 0));
}

// A length that is beyond the frame is damage, and comes before the checksum.
static void fix_sums(struct made *m)
{
	size_t udp_len = oracle_get16(udp(m) + 4);

	if (!m->inner6)
		fix_ipv4(inner(m));
	if (m->udp + udp_len <= m->c->len)
		put16(udp(m) + 6, oracle_udp_cksum(outer(m), udp(m), udp_len));
	if (!m->outer6)
		fix_ipv4(outer(m));
}

// What is wrong with an otherwise finished frame.
static void damage_last(struct made *m, enum damage d, uint32_t r)
{
	struct check_frame *c = m->c;

	switch (d) {
	case D_UDP_ZERO:
		put16(udp(m) + 6, 0);
		break;
	case D_UDP_BAD:
		add16(udp(m) + 6, 1 + (int)(r % 100));
		break;
	case D_IP_BAD:
		if (!m->outer6)
			outer(m)[10]++;
		break;
	case D_INNER_BAD:
		if (!m->inner6)
			inner(m)[10]++;
		break;
	case D_CUT:
		c->len = 14 + r % (c->len - 13);
		break;
	case D_SPLIT:
		c->split = m->inner + r % 64;
		break;
	case D_RANDOM: // of a frame that was cut it may be beyond the end
		c->p[12 + (r >> 8) % (m->end - 12)] ^= (uint8_t)(1u << r % 8);
		break;
	default:
		break;
	}
}

static void made_begin(
	struct made *m, const struct oracle_world *w, unsigned int max_payload, struct rng *rng)
{
	uint32_t channel = (uint32_t)rng_below(rng, w->joined->channels);
	struct feed_shape s = *w->joined;
	struct check_frame *c = m->c;

	s.payload = (uint16_t)rng_below(rng, max_payload + 1);
	s.traffic = FEED_HITS;
	memset(c->p, 0, sizeof(c->p));
	m->end = feed_headers(c->p, &s, channel, 0);
	m->outer6 = feed_outer6(&s, feed_tunnel(&s, channel));
	m->inner6 = feed_inner6(&s, channel);
	m->l3 = s.tagged ? 18 : 14;
	m->udp = m->l3 + feed_outer_len(m->outer6);
	m->inner = m->udp + 10;
	c->len = m->end + FEED_INNER_UDP + s.payload;
	c->split = 0;
	rng_bytes(rng, c->p + m->end, c->len - m->end);
}

// One of the capture's, as it is or with a bit of its headers turned.
static void made_replay(struct check_frame *c, const struct replay *replay, struct rng *rng)
{
	const struct replay_frame *f = &replay->frames[rng_below(rng, replay->n_frames)];
	uint32_t r = rng_u32(rng);

	memset(c->p, 0, sizeof(c->p));
	memcpy(c->p, f->p, f->len);
	c->len = f->len;
	c->split = 0;
	if (r % 8 == 0)
		c->p[12 + (r >> 8) % RTE_MIN(c->len - 12, 96u)] ^= (uint8_t)(1u << (r >> 4) % 8);
}

static void made_synthetic(struct check_frame *c, const struct oracle_world *w,
	unsigned int max_payload, unsigned int odd, struct rng *rng)
{
	enum damage d[2] = {D_COUNT, D_COUNT};
	struct made m = {.c = c};
	uint32_t r = rng_u32(rng);

	made_begin(&m, w, max_payload, rng);
	if (r % 64 < odd)
		d[0] = (enum damage)rng_below(rng, D_COUNT);
	if (r % 64 < odd / 3)
		d[1] = (enum damage)rng_below(rng, D_COUNT);
	for (int i = 0; i < 2; i++) {
		damage_inner(&m, d[i], rng_u32(rng));
		damage_outer(&m, d[i], rng_u32(rng), w->joined, rng);
	}
	fix_sums(&m);
	for (int i = 0; i < 2; i++)
		damage_last(&m, d[i], rng_u32(rng));
	if (c->split >= c->len)
		c->split = 0;
}

void check_frame_make(struct check_frame *c, const struct oracle_world *w, unsigned int max_payload,
	unsigned int odd, struct rng *rng)
{
	do {
		if (w->joined->replay)
			made_replay(c, w->joined->replay, rng);
		else
			made_synthetic(c, w, max_payload, odd, rng);
		oracle_read(c->p, c->len, c->split != 0, w, &c->want);
	} while (c->want.unsettled);
}
