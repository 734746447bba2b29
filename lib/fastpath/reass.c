// SPDX-License-Identifier: BSD-3-Clause
// The worker's side of reassembly. Work a fragment is bounded: a lookup in a table whose buckets no
// sender can aim at, one copy, and a pass over the bits of its range.
#include "fastpath/reass.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "crossing/crossing.h"
#include "fastpath/headers.h"
#include "fastpath/reass_internal.h"

#define IPV4_MF	       0x2000
#define IPV4_MAX_TOTAL 65535
#define OK	       DROP_COUNT // no reason to end

// The usual headers fill what the driver's frames begin with; a tag and options grow into the
// headroom. Because of it no payload that fits a buffer reaches past the last of REASS_WORDS.
#define USUAL_HEADERS (ETH_LEN + IPV4_LEN)
static_assert(RTE_PKTMBUF_HEADROOM + USUAL_HEADERS >= ETH_LEN + VLAN_LEN + 60, "longest headers");

struct fragment {
	const uint8_t *frame;
	uint32_t src, dst; // as they lie on the wire
	uint16_t id;
	uint8_t l3, ip_len; // where the IP header is, and its octets
	uint8_t ecn;
	bool last;
	uint32_t begin, end; // octets of the datagram's payload
};

// False: no datagram has such a fragment.
static bool fragment_read(const struct rte_mbuf *m, unsigned int l3, struct fragment *f)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, l3);
	uint16_t bits = get_be16(ip + 6), ip_total = get_be16(ip + 2);

	*f = (struct fragment){.frame = rte_pktmbuf_mtod(m, const uint8_t *),
		.src = get_raw32(ip + 12),
		.dst = get_raw32(ip + 16),
		.id = get_raw16(ip + 4),
		.l3 = (uint8_t)l3,
		.ip_len = (uint8_t)((ip[0] & 0xf) * 4),
		.ecn = ip[1] & ECN_MASK,
		.last = !(bits & IPV4_MF),
		.begin = (bits & IPV4_OFFSET) * REASS_UNIT};
	if (ip_total <= f->ip_len || ip_total > rte_pktmbuf_data_len(m) - l3)
		return false;
	f->end = f->begin + ip_total - f->ip_len;
	return f->ip_len + f->end <= IPV4_MAX_TOTAL && (f->last || f->end % REASS_UNIT == 0);
}

// ---- the table

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

// Which bucket a datagram is in depends on numbers that no sender knows.
static uint16_t *bucket_of(const struct reass *r, uint32_t src, uint32_t dst, uint16_t id)
{
	uint64_t h = mix(((uint64_t)src << 32 | dst) ^ r->seed[0], id ^ r->seed[1]);

	h = mix(h ^ r->seed[2], r->seed[1] | 1);
	return &r->buckets[h & r->bucket_mask];
}

static struct reass_slot *slot_find(const struct reass *r, const struct fragment *f)
{
	uint16_t i = *bucket_of(r, f->src, f->dst, f->id);

	for (; i != REASS_NONE; i = r->slots[i].next) {
		struct reass_slot *s = &r->slots[i];

		if (s->src == f->src && s->dst == f->dst && s->id == f->id)
			return s;
	}
	return NULL;
}

// Counts what the slot has taken.
static void slot_end(struct reass_slot *s, enum drop_reason reason, uint64_t drops[DROP_COUNT])
{
	crossing_count(&drops[reason], s->n_fragments);
	s->n_fragments = 0;
	rte_pktmbuf_free(s->m);
	s->m = NULL;
	s->ended = (uint8_t)reason;
}

static void slot_free(struct reass *r, struct reass_slot *s)
{
	uint16_t i = (uint16_t)(s - r->slots), *link = bucket_of(r, s->src, s->dst, s->id);
	size_t words = (s->end + 64 * REASS_UNIT - 1) / (64 * REASS_UNIT);

	while (*link != i)
		link = &r->slots[*link].next;
	*link = s->next;
	*(s->older == REASS_NONE ? &r->oldest : &r->slots[s->older].newer) = s->newer;
	*(s->newer == REASS_NONE ? &r->newest : &r->slots[s->newer].older) = s->older;
	memset(s->units, 0, words * sizeof(s->units[0]));
	s->m = NULL;
	s->next = r->free;
	r->free = i;
}

static bool slot_expired(const struct reass *r, const struct reass_slot *s, uint64_t now)
{
	return now - s->born > r->timeout;
}

static struct reass_slot *slot_new(
	struct reass *r, const struct fragment *f, uint64_t now, uint64_t drops[DROP_COUNT])
{
	uint16_t *bucket, i;
	struct reass_slot *s;

	if (r->free == REASS_NONE) {
		s = &r->slots[r->oldest];
		slot_end(s, slot_expired(r, s, now) ? DROP_FRAG_TIMEOUT : DROP_FRAG_TABLE, drops);
		slot_free(r, s);
	}
	i = r->free;
	s = &r->slots[i];
	r->free = s->next;
	bucket = bucket_of(r, f->src, f->dst, f->id);
	s->src = f->src;
	s->dst = f->dst;
	s->id = f->id;
	s->next = *bucket;
	*bucket = i;
	s->older = r->newest;
	s->newer = REASS_NONE;
	*(r->newest == REASS_NONE ? &r->oldest : &r->slots[r->newest].newer) = i;
	r->newest = i;
	s->born = now;
	s->end = s->total = s->n_units = s->n_fragments = 0;
	s->ip_len = s->ecn_seen = 0;
	s->ended = OK;
	return s;
}

// ---- a datagram

enum range { RANGE_EMPTY, RANGE_SAME, RANGE_OVERLAP };

static uint64_t bits_of_word(unsigned int word, unsigned int from, unsigned int to)
{
	uint64_t bits = UINT64_MAX;

	if (word == from / 64)
		bits &= UINT64_MAX << from % 64;
	if (word == (to - 1) / 64)
		bits &= UINT64_MAX >> (63 - (to - 1) % 64);
	return bits;
}

// What is there of the units [from, to): nothing, exactly one fragment that fills them, or else.
static enum range range_look(const struct reass_slot *s, unsigned int from, unsigned int to)
{
	const struct reass_units *after = &s->units[to / 64];
	uint64_t after_bit = UINT64_C(1) << to % 64, some = 0, missing = 0;
	unsigned int begins = 0;

	for (unsigned int w = from / 64; w <= (to - 1) / 64; w++) {
		uint64_t bits = bits_of_word(w, from, to);

		some |= s->units[w].there & bits;
		missing |= ~s->units[w].there & bits;
		begins += (unsigned int)__builtin_popcountll(s->units[w].begins & bits);
	}
	if (!some)
		return RANGE_EMPTY;
	if (missing || begins != 1 || !(s->units[from / 64].begins >> from % 64 & 1))
		return RANGE_OVERLAP;
	return (after->there & after_bit) && !(after->begins & after_bit) ? RANGE_OVERLAP
									  : RANGE_SAME;
}

static void range_fill(struct reass_slot *s, unsigned int from, unsigned int to)
{
	for (unsigned int w = from / 64; w <= (to - 1) / 64; w++)
		s->units[w].there |= bits_of_word(w, from, to);
	s->units[from / 64].begins |= UINT64_C(1) << from % 64;
	s->n_units += to - from;
}

static enum drop_reason slot_mbuf(struct reass_slot *s, const struct rte_mbuf *like)
{
	if (s->m)
		return OK;
	s->m = rte_pktmbuf_alloc(like->pool);
	if (!s->m)
		return DROP_NO_MBUF;
	s->payload = s->m->data_off + USUAL_HEADERS;
	return OK;
}

// The bits of seen that cannot go together: Not-ECT with anything else.
static bool ecn_mixed(uint8_t seen)
{
	return (seen & 1) && (seen & ~1);
}

static uint8_t ecn_combine(uint8_t seen)
{
	if (seen & 1 << 3)
		return ECN_CE;
	if (seen & 1 << 1)
		return 1; // ECT(1)
	return seen & 1 << 2 ? 2 : 0;
}

// Copies the first fragment's headers too, and what its mbuf says of where it came from.
static void fragment_copy(struct reass_slot *s, const struct rte_mbuf *m, const struct fragment *f)
{
	const uint64_t vlan = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
	size_t headers = f->l3 + f->ip_len, before = f->begin == 0 ? headers : 0;

	memcpy((uint8_t *)s->m->buf_addr + s->payload + f->begin - before,
		f->frame + headers - before, before + f->end - f->begin);
	if (f->begin != 0)
		return;
	s->l3 = f->l3;
	s->ip_len = f->ip_len;
	s->m->port = m->port;
	s->m->vlan_tci = m->vlan_tci;
	s->m->ol_flags |= m->ol_flags & vlan;
}

// OK, or the reason for which the datagram ends.
static enum drop_reason slot_add(
	struct reass_slot *s, const struct rte_mbuf *m, const struct fragment *f)
{
	const unsigned int from = f->begin / REASS_UNIT;
	const unsigned int to = (f->end + REASS_UNIT - 1) / REASS_UNIT;
	// One end, that of the last fragment, and all others before it.
	bool fits = f->last ? (s->total ? s->total == f->end : s->end < f->end)
			    : (!s->total || f->end < s->total);
	enum drop_reason reason;
	enum range range;

	if (!fits)
		return DROP_FRAG_INVALID;
	reason = slot_mbuf(s, m);
	if (reason != OK)
		return reason;
	if (s->payload + f->end > s->m->buf_len)
		return DROP_FRAG_SIZE;
	range = range_look(s, from, to);
	if (range == RANGE_OVERLAP)
		return DROP_FRAG_OVERLAP;
	if (range == RANGE_SAME)
		return memcmp((uint8_t *)s->m->buf_addr + s->payload + f->begin,
			       f->frame + f->l3 + f->ip_len, f->end - f->begin) == 0
			       ? OK
			       : DROP_FRAG_OVERLAP;
	s->ecn_seen |= (uint8_t)(1 << f->ecn);
	if (ecn_mixed(s->ecn_seen))
		return DROP_FRAG_ECN;
	fragment_copy(s, m, f);
	range_fill(s, from, to);
	if (f->end > s->end)
		s->end = f->end;
	if (f->last)
		s->total = f->end;
	return OK;
}

static bool slot_whole(const struct reass_slot *s)
{
	return s->total && s->n_units == (s->total + REASS_UNIT - 1) / REASS_UNIT;
}

static struct rte_mbuf *slot_finish(struct reass_slot *s)
{
	struct rte_mbuf *m = s->m;
	uint8_t *ip;

	m->data_off = (uint16_t)(s->payload - s->ip_len - s->l3);
	m->data_len = (uint16_t)(s->l3 + s->ip_len + s->total);
	m->pkt_len = m->data_len;
	m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD;
	ip = rte_pktmbuf_mtod_offset(m, uint8_t *, s->l3);
	ip[1] = (uint8_t)((ip[1] & ~ECN_MASK) | ecn_combine(s->ecn_seen));
	put_raw16(ip + 2, rte_cpu_to_be_16((uint16_t)(s->ip_len + s->total)));
	put_raw16(ip + 6, get_raw16(ip + 6) & (uint16_t)~rte_cpu_to_be_16(IPV4_FRAG_MASK));
	put_raw16(ip + 10, 0);
	put_raw16(ip + 10, (uint16_t)~rte_raw_cksum(ip, s->ip_len));
	return m;
}

struct rte_mbuf *reass_input(struct reass *r, struct rte_mbuf *m, unsigned int l3, uint64_t now,
	uint64_t drops[DROP_COUNT])
{
	enum drop_reason reason;
	struct reass_slot *s;
	struct fragment f;
	bool valid = fragment_read(m, l3, &f);

	// Another protocol's fragment says nothing of a UDP datagram with the same identification.
	s = f.frame[l3 + 9] == PROTO_UDP ? slot_find(r, &f) : NULL;
	if (s && slot_expired(r, s, now)) {
		slot_end(s, DROP_FRAG_TIMEOUT, drops);
		slot_free(r, s);
		s = NULL;
	}
	if (!s && (!valid || f.frame[l3 + 9] != PROTO_UDP)) {
		crossing_count(&drops[DROP_FRAG_INVALID], 1);
		rte_pktmbuf_free(m);
		return NULL;
	}
	if (!s)
		s = slot_new(r, &f, now, drops);
	s->n_fragments++;
	if (s->ended != OK)
		reason = s->ended;
	else
		reason = valid ? slot_add(s, m, &f) : DROP_FRAG_INVALID;
	rte_pktmbuf_free(m);
	if (reason != OK)
		slot_end(s, reason, drops);
	if (reason != OK || !slot_whole(s))
		return NULL;
	m = slot_finish(s);
	slot_free(r, s);
	return m;
}

void reass_expire(struct reass *r, uint64_t now, uint64_t drops[DROP_COUNT])
{
	struct reass_slot *s;

	if (r->oldest == REASS_NONE)
		return;
	s = &r->slots[r->oldest];
	if (!slot_expired(r, s, now))
		return;
	slot_end(s, DROP_FRAG_TIMEOUT, drops);
	slot_free(r, s);
}
