// SPDX-License-Identifier: BSD-3-Clause
// The floods that are made of frames.
#include <net/ethernet.h>
#include <stdio.h>
#include <string.h>

#include "flood.h"
#include "labutil.h"
#include "wire/amt.h"
#include "wire/ip.h"

#define IPV4_MF	       0x2000
#define NEIGHBORS      10000 // that say Hello
#define ENTRIES_MAX    50
#define JOIN_HOLDTIME  15 // seconds: what is left of the flood goes soon after it
#define PORT_LOW       1024
#define PAYLOAD_OCTETS 64

static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static struct addr v4(uint32_t host)
{
	const uint8_t b[4] = {
		(uint8_t)(host >> 24), (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host};
	struct addr a = {.family = ADDR_V4};

	memcpy(a.bytes, b, sizeof(b));
	return a;
}

// A locally administered MAC address for number n.
static void mac_of(uint32_t n, uint8_t mac[6])
{
	memcpy(mac,
		(uint8_t[]){0x06, 0xf1, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
			(uint8_t)n},
		6);
}

// An address of the /24 that the target is in, the target's and the neighbor's own apart.
static struct addr on_link(struct flood *f)
{
	struct addr a = f->target;

	do
		a.bytes[3] = (uint8_t)(100 + rng_below(&f->rng, 150));
	while (addr_eq(&a, &f->target) || addr_eq(&a, &f->from));
	return a;
}

static struct addr anywhere(struct flood *f)
{
	return v4(0x17000000 + (uint32_t)rng_below(&f->rng, 0x60000000)); // 23.0.0.0 upwards
}

// Who has the appliance's address? asked by somebody new each time.
static size_t make_arp(struct flood *f, uint64_t i, uint8_t buf[FRAME_MAX])
{
	uint8_t mac[6];
	struct frame fr;
	struct addr from = on_link(f);

	mac_of((uint32_t)i, mac);
	fr = frame_begin(buf, broadcast, mac);
	frame_type(&fr, ETHERTYPE_ARP);
	wr_be32(&fr.w, 0x00010800);
	wr_be32(&fr.w, 0x06040001);
	wr_copy(&fr.w, mac, 6);
	wr_copy(&fr.w, from.bytes, 4);
	wr_copy(&fr.w, (uint8_t[6]){0}, 6);
	wr_copy(&fr.w, f->target.bytes, 4);
	return frame_end(&fr);
}

static struct addr link_local(uint32_t n)
{
	struct addr a = {.family = ADDR_V6, .bytes = {0xfe, 0x80, [8] = 0x06, 0xf1, 0xff, 0xfe}};

	memcpy(a.bytes + 12, (uint8_t[]){n >> 24, n >> 16, n >> 8, n}, 4);
	return a;
}

// The same in IPv6: Neighbor Solicitations (RFC 4861 section 4.3).
static size_t make_nd(struct flood *f, uint64_t i, uint8_t buf[FRAME_MAX])
{
	struct addr from = link_local((uint32_t)i),
		    to = {.family = ADDR_V6, .bytes = {0xff, 0x02, [11] = 0x01, 0xff}};
	uint8_t mac[6], group[6];
	struct frame fr;

	memcpy(to.bytes + 13, f->target.bytes + 13, 3);
	mac_of((uint32_t)i, mac);
	frame_mcast_mac(&to, group);
	fr = frame_begin(buf, group, mac);
	frame_ip(&fr, &from, &to, IP_PROTO_ICMPV6, 255, 0);
	wr_be32(&fr.w, 135u << 24);
	wr_be32(&fr.w, 0);
	wr_copy(&fr.w, f->target.bytes, 16);
	wr_be16(&fr.w, 0x0101);
	wr_copy(&fr.w, mac, 6);
	return frame_end(&fr);
}

static struct frame pim_begin(uint8_t buf[FRAME_MAX], const struct addr *from, uint32_t n)
{
	struct addr all = {.family = ADDR_V4, .bytes = {224, 0, 0, 13}};
	uint8_t mac[6], group[6];
	struct frame fr;

	if (from->family == ADDR_V6)
		all = (struct addr){.family = ADDR_V6, .bytes = {0xff, 0x02, [15] = 0x0d}};
	mac_of(n, mac);
	frame_mcast_mac(&all, group);
	fr = frame_begin(buf, group, mac);
	frame_ip(&fr, from, &all, IP_PROTO_PIM, 1, 0);
	return fr;
}

// Joins for channels that nobody has heard of, by a neighbor that says Hello now and then.
static size_t make_joins(struct flood *f, uint64_t i, uint8_t buf[FRAME_MAX])
{
	struct frame fr = pim_begin(buf, &f->from, 0xffff);
	struct sg sg[ENTRIES_MAX];

	if (i % 10000 == 0) {
		frame_pim_hello(&fr, 105, 0x5eed0f1d);
		return frame_end(&fr);
	}
	for (unsigned int k = 0; k < f->entries; k++) {
		sg[k].s = anywhere(f);
		sg[k].g = v4(0xe8010000 + (uint32_t)rng_below(&f->rng, 0x10000));
	}
	frame_pim_join(&fr, &f->target, JOIN_HOLDTIME, true, sg, f->entries);
	return frame_end(&fr);
}

static struct addr hello_from(uint32_t n)
{
	return v4(0x0a090a00 + (n / 250 << 8) + 1 + n % 250); // 10.9.10.1 upwards
}

// Hellos from 10,000 neighbors, each of which never says the same GenID again.
static size_t make_hellos(struct flood *f, uint64_t i, uint8_t buf[FRAME_MAX])
{
	uint32_t n = (uint32_t)(i % NEIGHBORS);
	struct addr from = hello_from(n);
	struct frame fr = pim_begin(buf, &from, n);

	frame_pim_hello(&fr, 105, rng_u32(&f->rng));
	return frame_end(&fr);
}

static void inner(struct flood *f, struct frame *fr)
{
	uint8_t buf[FRAME_MAX];
	struct addr s = anywhere(f), g = v4(0xe8010000 + (uint32_t)rng_below(&f->rng, 0x10000));
	struct frame in = {.w = wr_init(buf, sizeof(buf))};

	frame_ip(&in, &s, &g, IP_PROTO_UDP, 32, 0);
	frame_udp(&in, 5001, 5001);
	wr_copy(&in.w, (uint8_t[PAYLOAD_OCTETS]){0}, PAYLOAD_OCTETS);
	frame_end(&in);
	wr_be16(&fr->w, AMT_MULTICAST_DATA << 8);
	wr_copy(&fr->w, buf + 2, wr_len(&in.w) - 2); // without the type that frame_ip() began with
}

static struct frame outer(struct flood *f, uint8_t buf[FRAME_MAX], const struct addr *from,
	uint16_t port, uint16_t fragment)
{
	uint8_t mac[6];
	struct frame fr;

	mac_of(0xbeef, mac);
	fr = frame_begin(buf, f->mac, mac);
	frame_ip(&fr, from, &f->target, IP_PROTO_UDP, 64, fragment);
	frame_udp(&fr, AMT_PORT, port);
	return fr;
}

// AMT data of relays and ports that no tunnel has: by turns a random relay and port, the relay of a
// tunnel with a random port, and a random relay with the port of a tunnel.
static size_t make_amt_data(struct flood *f, uint64_t i, uint8_t buf[FRAME_MAX])
{
	struct addr from = i % 3 == 1 ? f->from : anywhere(f);
	uint16_t port = f->port;
	struct frame fr;

	while (i % 3 != 2 && port == f->port)
		port = (uint16_t)rng_between(&f->rng, PORT_LOW, 65535);
	fr = outer(f, buf, &from, port, 0);
	inner(f, &fr);
	return frame_end(&fr);
}

// Membership Queries in the name of the relay to the port of its tunnel; no nonce is right.
static size_t make_amt_queries(struct flood *f, uint64_t i, uint8_t buf[FRAME_MAX])
{
	struct addr any = v4(0), all = v4(0xe0000001);
	struct frame fr = outer(f, buf, &f->from, f->port, 0);
	uint8_t query[FRAME_MAX];
	struct frame in = {.w = wr_init(query, sizeof(query))};

	(void)i;
	frame_ip(&in, &any, &all, IP_PROTO_IGMP, 1, 0);
	wr_be32(&in.w, 0x11640000);
	wr_be32(&in.w, 0);
	wr_be32(&in.w, 0x02140000); // robustness 2, 20 s
	frame_end(&in);
	wr_be16(&fr.w, AMT_MEMBERSHIP_QUERY << 8);
	wr_be32(&fr.w, rng_u32(&f->rng)); // MAC and nonce
	wr_be16(&fr.w, (uint16_t)rng_u32(&f->rng));
	wr_be32(&fr.w, rng_u32(&f->rng));
	wr_copy(&fr.w, query + 2, wr_len(&in.w) - 2);
	return frame_end(&fr);
}

// Queries of IGMPv3 and of MLDv2 from routers that are none.
static size_t make_queries(struct flood *f, uint64_t i, uint8_t buf[FRAME_MAX])
{
	struct addr all4 = v4(0xe0000001),
		    all6 = {.family = ADDR_V6, .bytes = {0xff, 0x02, [15] = 1}};
	struct addr from4 = on_link(f), from6 = link_local((uint32_t)i);
	bool v6 = i & 1;
	uint8_t mac[6], group[6];
	struct frame fr;

	mac_of((uint32_t)i, mac);
	frame_mcast_mac(v6 ? &all6 : &all4, group);
	fr = frame_begin(buf, group, mac);
	if (v6) {
		frame_ip_alert(&fr, &from6, &all6, IP_PROTO_ICMPV6);
		wr_be32(&fr.w, 130u << 24);
		wr_be32(&fr.w, 1000u << 16);
		wr_copy(&fr.w, (uint8_t[16]){0}, 16);
	} else {
		frame_ip_alert(&fr, &from4, &all4, IP_PROTO_IGMP);
		wr_be32(&fr.w, 0x11640000);
		wr_be32(&fr.w, 0);
	}
	wr_be32(&fr.w, 0x02140000);
	return frame_end(&fr);
}

// First fragments in the name of the relay of a tunnel, of datagrams that never become whole.
static size_t make_fragments(struct flood *f, uint64_t i, uint8_t buf[FRAME_MAX])
{
	struct frame fr = outer(f, buf, &f->from, f->port, IPV4_MF);
	uint8_t *id = buf + FRAME_ETH + 4;
	size_t pad;

	inner(f, &fr);
	id[0] = (uint8_t)(i >> 8);
	id[1] = (uint8_t)i;
	// All but the last fragment are a multiple of 8 octets long.
	pad = (8 - (wr_len(&fr.w) - fr.l3 - 20) % 8) % 8;
	wr_copy(&fr.w, (uint8_t[8]){0}, pad);
	return frame_end(&fr);
}

// So that nothing of the flood is left when it is over: Goodbyes of those who said Hello.
static size_t make_goodbye(struct flood *f, uint64_t i, uint8_t buf[FRAME_MAX])
{
	struct addr from = f->from;
	struct frame fr;

	if (strcmp(f->kind, "joins") != 0)
		from = hello_from((uint32_t)i);
	fr = pim_begin(buf, &from, (uint32_t)i);
	frame_pim_hello(&fr, 0, 0);
	return frame_end(&fr);
}

flood_make_cb flood_goodbyes(const char *kind, uint64_t *n)
{
	if (strcmp(kind, "joins") == 0)
		*n = 1;
	else if (strcmp(kind, "hellos") == 0)
		*n = NEIGHBORS;
	else
		return NULL;
	return make_goodbye;
}

static const struct {
	const char *kind, *text;
	flood_make_cb make;
} kinds[] = {
	{"arp", "requests for --target by a new asker each", make_arp},
	{"nd", "Neighbor Solicitations for --target, likewise", make_nd},
	{"joins", "PIM Joins of neighbor --from to --target for random (S,G), --entries each",
		make_joins},
	{"hellos", "PIM Hellos from 10,000 neighbors", make_hellos},
	{"amt-data", "AMT data for no tunnel; --from and --port are of one that is there",
		make_amt_data},
	{"amt-queries", "Membership Queries of relay --from to --port with wrong nonces",
		make_amt_queries},
	{"queries", "IGMPv3 and MLDv2 Queries from many routers", make_queries},
	{"fragments", "first fragments of relay --from", make_fragments},
};

flood_make_cb flood_frames(const char *kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			return kinds[i].make;
	return NULL;
}

void flood_list(void)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		printf("  %-14s  %s\n", kinds[i].kind, kinds[i].text);
	puts("  console         connections to --path: held, slow and with garbage\n"
	     "  metrics         connections to --target and --port, likewise");
}
