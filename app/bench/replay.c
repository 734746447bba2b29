// SPDX-License-Identifier: BSD-3-Clause
#include "bench/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "property/oracle.h"

#define MAX_FRAME 1900 // of the feed's large mbufs

#define get16 oracle_get16

static struct addr address(const uint8_t *p, bool v6)
{
	return v6 ? addr_from_v6(p)
		  : (struct addr){.family = ADDR_V4, .bytes = {p[0], p[1], p[2], p[3]}};
}

// The tunnel and the channel that a frame of AMT data is for. False: it is not, or not whole.
static bool find(const uint8_t *p, size_t len, struct replay_tunnel *t, struct sg *sg)
{
	size_t l3 = 14, l4;
	bool v6;

	if (len >= 18 && get16(p + 12) == 0x8100)
		l3 += 4;
	if (len < l3 + 40)
		return false;
	v6 = p[l3] / 16 == 6;
	l4 = l3 + (v6 ? 40 : (size_t)(p[l3] % 16) * 4);
	if (get16(p + l3 - 2) != (v6 ? 0x86dd : 0x0800) || p[l3 + (v6 ? 6 : 9)] != 17 ||
		len < l4 + 8 + 2 + 40 || get16(p + l4) != 2268 || p[l4 + 8] != 6)
		return false;
	t->relay = address(p + l3 + (v6 ? 8 : 12), v6);
	t->local = address(p + l3 + (v6 ? 24 : 16), v6);
	t->port = (uint16_t)get16(p + l4 + 2);
	v6 = p[l4 + 10] / 16 == 6;
	sg->s = address(p + l4 + 10 + (v6 ? 8 : 12), v6);
	sg->g = address(p + l4 + 10 + (v6 ? 24 : 16), v6);
	if (v6 && get16(sg->g.bytes + 2) != 0)
		return false; // not SSM, and nothing that can be joined (RFC 4607 section 1)
	return addr_is_unicast(&sg->s) && addr_is_multicast(&sg->g) && addr_is_unicast(&t->relay) &&
	       addr_is_unicast(&t->local);
}

// Of relays that send to one local port the first is the tunnel's: UINT32_MAX for another.
static uint32_t tunnel_of(struct replay *r, const struct replay_tunnel *t)
{
	uint32_t i = 0;

	while (i < r->n_tunnels &&
		(r->tunnels[i].port != t->port || !addr_eq(&r->tunnels[i].local, &t->local)))
		i++;
	if (i == r->n_tunnels)
		r->tunnels[r->n_tunnels++] = *t;
	return addr_eq(&r->tunnels[i].relay, &t->relay) ? i : UINT32_MAX;
}

static void channel_add(struct replay *r, uint32_t tunnel, const struct sg *sg)
{
	for (uint32_t i = 0; i < r->n_channels; i++) {
		if (r->channels[i].tunnel == tunnel && sg_eq(&r->channels[i].sg, sg))
			return;
	}
	r->channels[r->n_channels++] = (struct replay_channel){.sg = *sg, .tunnel = tunnel};
}

static void frame_add(struct replay *r, const uint8_t *p, uint16_t len)
{
	struct replay_frame *f = &r->frames[r->n_frames];
	struct replay_tunnel t;
	uint32_t tunnel;
	struct sg sg;

	// With room for what a reader of headers sees past the end of a short frame.
	f->p = calloc(1, FEED_MAX_FRAME);
	if (!f->p)
		return;
	memcpy(f->p, p, len);
	f->len = len;
	r->n_frames++;
	if (!find(p, len, &t, &sg))
		return;
	tunnel = tunnel_of(r, &t);
	if (tunnel != UINT32_MAX)
		channel_add(r, tunnel, &sg);
}

static uint64_t joined_cb(const void *arg, uint32_t channel)
{
	(void)arg;
	(void)channel;
	return 2;
}

static void judge(struct replay *r)
{
	struct feed_shape joined = {
		.channels = r->n_channels, .tunnels = r->n_tunnels, .replay = r};
	struct oracle_world w = {.joined = &joined, .oifs_cb = joined_cb};

	for (unsigned int i = 0; i < r->n_frames; i++) {
		struct replay_frame *f = &r->frames[i];
		struct oracle o;

		oracle_read(f->p, f->len, false, &w, &o);
		f->forwarded = o.verdict == ORACLE_FORWARD;
		r->n_forwarded += f->forwarded;
	}
}

struct replay *replay_read(const char *path)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = pcap_open_offline(path, error);
	struct pcap_pkthdr *header;
	const u_char *p;
	struct replay *r;

	if (!pcap) {
		fprintf(stderr, "inlet-bench: %s\n", error);
		return NULL;
	}
	r = calloc(1, sizeof(*r));
	while (r && pcap_datalink(pcap) == DLT_EN10MB && r->n_frames < REPLAY_MAX_FRAMES &&
		pcap_next_ex(pcap, &header, &p) == 1) {
		if (header->caplen == header->len && header->len >= 14 && header->len <= MAX_FRAME)
			frame_add(r, p, (uint16_t)header->len);
	}
	pcap_close(pcap);
	if (r && r->n_channels) {
		judge(r);
		return r;
	}
	fprintf(stderr, "inlet-bench: %s: no whole Ethernet frames with AMT data\n", path);
	replay_free(r);
	return NULL;
}

void replay_free(struct replay *r)
{
	if (!r)
		return;
	for (unsigned int i = 0; i < r->n_frames; i++)
		free(r->frames[i].p);
	free(r);
}
