// SPDX-License-Identifier: BSD-3-Clause
// lab-tap compare: two captures, packet by packet.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hmap.h"
#include "lab-tap.h"
#include "labutil.h"
#include "wire/ip.h"

#define ETHER_LEN 14

static bool is_v6(const uint8_t *ip)
{
	return ip[0] >> 4 == 6;
}

static bool datagram4(const uint8_t *ip, size_t room, size_t *len, struct sg *sg)
{
	uint32_t s, g;

	if (room < 20 || ip[0] >> 4 != 4)
		return false;
	*len = (size_t)(ip[2] << 8 | ip[3]);
	if (*len > room || *len < 20 || ip[9] != IP_PROTO_UDP)
		return false;
	memcpy(&s, ip + 12, 4);
	memcpy(&g, ip + 16, 4);
	*sg = (struct sg){.s = addr_from_v4(s), .g = addr_from_v4(g)};
	return true;
}

static bool datagram6(const uint8_t *ip, size_t room, size_t *len, struct sg *sg)
{
	if (room < 40 || !is_v6(ip))
		return false;
	*len = 40 + (size_t)(ip[4] << 8 | ip[5]);
	if (*len > room || ip[6] != IP_PROTO_UDP)
		return false;
	*sg = (struct sg){.s = addr_from_v6(ip + 8), .g = addr_from_v6(ip + 24)};
	return true;
}

// To the group's own Ethernet address (RFC 1112 section 6.4, RFC 2464 section 7): another one would
// reach nobody.
static bool is_group_mac(const uint8_t *frame, const struct addr *g)
{
	static const uint8_t v4[3] = {0x01, 0x00, 0x5e}, v6[2] = {0x33, 0x33};

	if (g->family == ADDR_V6)
		return memcmp(frame, v6, 2) == 0 && memcmp(frame + 2, g->bytes + 12, 4) == 0;
	return memcmp(frame, v4, 3) == 0 && frame[3] == (g->bytes[1] & 0x7f) &&
	       memcmp(frame + 4, g->bytes + 2, 2) == 0;
}

bool tap_datagram(const struct pcap_pkthdr *h, const uint8_t *frame, const uint8_t **ip,
	size_t *len, struct sg *sg)
{
	unsigned int type;

	if (h->caplen < ETHER_LEN)
		return false;
	type = (unsigned int)(frame[12] << 8 | frame[13]);
	*ip = frame + ETHER_LEN;
	if (!(type == 0x0800	     ? datagram4(*ip, h->caplen - ETHER_LEN, len, sg)
		    : type == 0x86dd ? datagram6(*ip, h->caplen - ETHER_LEN, len, sg)
				     : false))
		return false;
	return addr_is_multicast(&sg->g) && is_group_mac(frame, &sg->g);
}

// One sent datagram: by the hash of its octets with TTL and header checksum as zeros, and by that
// of channel and payload sequence number, to know it again when something else of it changed.
struct sent {
	struct hnode by_octets, by_seq;
	uint8_t *ip;
	size_t len;
	struct sg sg;
	uint64_t seq;
	bool has_seq, found, differs;
};

// Per channel, places in the order of sending of the first and last datagram found.
struct span {
	struct hnode node;
	struct sg sg;
	size_t first, last;
	bool any;
};

struct compare {
	struct hmap by_octets, by_seq, spans;
	struct sent **sent;
	size_t n_sent, room;
	int ttl_delta;
	uint64_t got, matched, duplicated, ttl_wrong, checksum_wrong, content, unknown;
	uint64_t missing, before_first, after_last, channels_matched;
};

static unsigned int ttl_of(const uint8_t *ip)
{
	return is_v6(ip) ? ip[7] : ip[8];
}

static size_t header_len(const uint8_t *ip)
{
	return is_v6(ip) ? 40 : (size_t)(ip[0] & 0xf) * 4;
}

static uint64_t octets_hash(const uint8_t *ip, size_t len)
{
	static uint8_t copy[TAP_SNAPLEN];

	memcpy(copy, ip, len);
	if (is_v6(ip))
		copy[7] = 0;
	else
		copy[8] = copy[10] = copy[11] = 0;
	return hmap_hash(copy, len);
}

static bool octets_same(const uint8_t *a, const uint8_t *b, size_t len)
{
	if (is_v6(a))
		return memcmp(a, b, 7) == 0 && memcmp(a + 8, b + 8, len - 8) == 0;
	return memcmp(a, b, 8) == 0 && a[9] == b[9] && memcmp(a + 12, b + 12, len - 12) == 0;
}

static bool payload_seq(const uint8_t *ip, size_t len, uint64_t *seq)
{
	size_t at = header_len(ip) + 8;
	uint64_t sent_ns;

	if (len < at + LAB_PAYLOAD_MIN)
		return false;
	// The head alone: the rest may be what differs.
	return lab_payload_read(ip + at, LAB_PAYLOAD_MIN, seq, &sent_ns);
}

static uint64_t seq_hash(const struct sg *sg, uint64_t seq)
{
	uint8_t key[sizeof(*sg) + sizeof(seq)];

	memcpy(key, sg, sizeof(*sg));
	memcpy(key + sizeof(*sg), &seq, sizeof(seq));
	return hmap_hash(key, sizeof(key));
}

static struct span *span_of(struct compare *c, const struct sg *sg)
{
	uint64_t hash = hmap_hash(sg, sizeof(*sg));
	struct span *sp;

	for (struct hnode *n = hmap_find(&c->spans, hash); n; n = hmap_find_next(n)) {
		sp = container_of_node(n, struct span, node);
		if (sg_eq(&sp->sg, sg))
			return sp;
	}
	sp = calloc(1, sizeof(*sp));
	if (!sp || hmap_insert(&c->spans, &sp->node, hash) < 0)
		lab_fail("out of memory");
	sp->sg = *sg;
	return sp;
}

static void sent_add(struct compare *c, const uint8_t *ip, size_t len, const struct sg *sg)
{
	struct sent *s = calloc(1, sizeof(*s));

	if (c->n_sent == c->room) {
		c->room = c->room ? 2 * c->room : 1024;
		c->sent = reallocarray(c->sent, c->room, sizeof(struct sent *));
	}
	if (s)
		s->ip = malloc(len);
	if (!s || !s->ip || !c->sent)
		lab_fail("out of memory");
	memcpy(s->ip, ip, len);
	s->len = len;
	s->sg = *sg;
	s->has_seq = payload_seq(ip, len, &s->seq);
	if (hmap_insert(&c->by_octets, &s->by_octets, octets_hash(ip, len)) < 0 ||
		(s->has_seq && hmap_insert(&c->by_seq, &s->by_seq, seq_hash(sg, s->seq)) < 0))
		lab_fail("out of memory");
	c->sent[c->n_sent++] = s;
	span_of(c, sg);
}

static struct sent *sent_find(const struct compare *c, const uint8_t *ip, size_t len)
{
	struct hnode *n = hmap_find(&c->by_octets, octets_hash(ip, len));
	struct sent *found = NULL;

	for (; n; n = hmap_find_next(n)) {
		struct sent *s = container_of_node(n, struct sent, by_octets);

		if (s->len != len || !octets_same(s->ip, ip, len))
			continue;
		found = s;
		if (!s->found) // the same octets may have been sent twice
			break;
	}
	return found;
}

static struct sent *sent_find_seq(const struct compare *c, const struct sg *sg, uint64_t seq)
{
	struct hnode *n = hmap_find(&c->by_seq, seq_hash(sg, seq));

	for (; n; n = hmap_find_next(n)) {
		struct sent *s = container_of_node(n, struct sent, by_seq);

		if (s->seq == seq && sg_eq(&s->sg, sg))
			return s;
	}
	return NULL;
}

static void got(struct compare *c, const uint8_t *ip, size_t len, const struct sg *sg)
{
	struct sent *s = sent_find(c, ip, len);
	uint64_t seq;

	c->got++;
	if (!s) {
		if (payload_seq(ip, len, &seq))
			s = sent_find_seq(c, sg, seq);
		if (s)
			c->content++;
		else
			c->unknown++;
		if (s)
			s->differs = true;
		return;
	}
	if (s->found) {
		c->duplicated++;
		return;
	}
	s->found = true;
	if ((int)ttl_of(ip) != (int)ttl_of(s->ip) - c->ttl_delta) {
		c->ttl_wrong++;
		s->differs = true;
	}
	if (!is_v6(ip) && ip_cksum(ip, header_len(ip)) != 0) {
		c->checksum_wrong++;
		s->differs = true;
	}
	c->matched += !s->differs;
}

static void read_file(struct compare *c, const char *path,
	void (*each)(struct compare *, const uint8_t *, size_t, const struct sg *))
{
	char err[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_open_offline(path, err);
	struct pcap_pkthdr *h;
	const uint8_t *frame, *ip;
	struct sg sg;
	size_t len;
	int ret;

	if (!p)
		lab_fail("%s", err);
	if (pcap_datalink(p) != DLT_EN10MB)
		lab_fail("%s: not Ethernet", path);
	while ((ret = pcap_next_ex(p, &h, &frame)) == 1) {
		if (tap_datagram(h, frame, &ip, &len, &sg))
			each(c, ip, len, &sg);
	}
	if (ret == PCAP_ERROR)
		lab_fail("%s: %s", path, pcap_geterr(p));
	pcap_close(p);
}

static void count_missing(struct compare *c)
{
	for (size_t i = 0; i < c->n_sent; i++) {
		struct span *sp = span_of(c, &c->sent[i]->sg);

		if (!c->sent[i]->found && !c->sent[i]->differs)
			continue;
		if (!sp->any)
			sp->first = i;
		c->channels_matched += !sp->any;
		sp->any = true;
		sp->last = i;
	}
	for (size_t i = 0; i < c->n_sent; i++) {
		const struct span *sp = span_of(c, &c->sent[i]->sg);

		if (c->sent[i]->found || c->sent[i]->differs)
			continue;
		if (!sp->any || i < sp->first)
			c->before_first++;
		else if (i > sp->last)
			c->after_last++;
		else
			c->missing++;
	}
}

static void release(struct compare *c)
{
	struct hnode *n, *tmp;

	hmap_fini(&c->by_octets);
	hmap_fini(&c->by_seq);
	for (size_t i = 0; i < c->n_sent; i++) {
		free(c->sent[i]->ip);
		free(c->sent[i]);
	}
	free(c->sent);
	HMAP_FOREACH (n, tmp, &c->spans) {
		hmap_remove(&c->spans, n);
		free(container_of_node(n, struct span, node));
	}
	hmap_fini(&c->spans);
}

int tap_compare(const char *sent_path, const char *got_path, int ttl_delta)
{
	struct compare c = {.ttl_delta = ttl_delta};
	uint64_t different;

	hmap_init(&c.by_octets);
	hmap_init(&c.by_seq);
	hmap_init(&c.spans);
	read_file(&c, sent_path, sent_add);
	read_file(&c, got_path, got);
	count_missing(&c);
	different = c.ttl_wrong + c.checksum_wrong + c.content;
	printf("{\"sent\":%zu,\"got\":%" PRIu64 ",\"matched\":%" PRIu64 ",\"missing\":%" PRIu64
	       ",\"duplicated\":%" PRIu64 ",\"different\":%" PRIu64 ",\"unknown\":%" PRIu64,
		c.n_sent, c.got, c.matched, c.missing, c.duplicated, different, c.unknown);
	printf(",\"ttl_wrong\":%" PRIu64 ",\"checksum_wrong\":%" PRIu64 ",\"content\":%" PRIu64
	       ",\"before_first\":%" PRIu64 ",\"after_last\":%" PRIu64 ",\"channels_sent\":%" PRIu32
	       ",\"channels_matched\":%" PRIu64 "}\n",
		c.ttl_wrong, c.checksum_wrong, c.content, c.before_first, c.after_last,
		c.spans.count, c.channels_matched);
	release(&c);
	return c.matched && !c.missing && !c.duplicated && !different && !c.unknown ? 0 : 1;
}
