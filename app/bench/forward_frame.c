// SPDX-License-Identifier: BSD-3-Clause
#include "bench/forward_frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/rng.h"
#include "wire/ip.h"

#define RELAYS	   0x64400000u // 100.64/10: tunnel t is to RELAYS + t
#define PORTS	   4096	       // and from local port PORTS + t
#define SOURCES	   0xc6120000u // 198.18/15
#define GROUPS	   0xe8010000u // 232.1/16
#define PER_SOURCE 16	       // groups of a source
#define UDP_PORT   5001
#define AMT_PORT   2268
#define SEED	   20261125

#define AT_IP	 14
#define AT_UDP	 34
#define AT_AMT	 42
#define AT_INNER 44

uint32_t frame_tunnel(const struct frame_shape *s, uint32_t channel)
{
	return channel % s->tunnels;
}

struct sg frame_sg(uint32_t channel)
{
	return (struct sg){.s = addr_from_v4(htonl(SOURCES + channel / PER_SOURCE)),
		.g = addr_from_v4(htonl(GROUPS + channel % PER_SOURCE))};
}

uint32_t frame_relay(uint32_t tunnel)
{
	return RELAYS + tunnel;
}

uint16_t frame_port(uint32_t tunnel)
{
	return (uint16_t)(PORTS + tunnel);
}

static void put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_ip(uint8_t *p, size_t len, uint8_t ttl, uint32_t src, uint32_t dst)
{
	memset(p, 0, 20);
	p[0] = 0x45;
	put16(p + 2, (unsigned int)len);
	p[8] = ttl;
	p[9] = IP_PROTO_UDP;
	put32(p + 12, src);
	put32(p + 16, dst);
	put16(p + 10, ip_cksum(p, 20));
}

// The checksum of RFC 768, over the pseudo header too; ip: the header in front.
static void put_udp_cksum(uint8_t *ip, size_t udp_len)
{
	uint8_t *udp = ip + 20;
	uint32_t sum = IP_PROTO_UDP + (uint32_t)udp_len;
	uint16_t cksum;

	put16(udp + 6, 0);
	sum = ip_cksum_add(sum, ip + 12, 8);
	sum = ip_cksum_add(sum, udp, udp_len);
	cksum = ip_cksum_fold(sum);
	put16(udp + 6, cksum ? cksum : 0xffff);
}

static void put_udp(uint8_t *p, uint16_t src, uint16_t dst, size_t len)
{
	put16(p, src);
	put16(p + 2, dst);
	put16(p + 4, (unsigned int)len);
	put16(p + 6, 0);
}

size_t frame_build(uint8_t p[FRAME_MAX], const struct frame_shape *s, uint32_t channel)
{
	uint32_t tunnel = frame_tunnel(s, channel);
	size_t inner = 28 + (size_t)s->payload, udp = inner + 10, len = FRAME_OVERHEAD + s->payload;

	memcpy(p, s->dst, 6);
	memcpy(p + 6, s->src, 6);
	put16(p + 12, 0x0800);
	put_ip(p + AT_IP, udp + 20, 60, frame_relay(tunnel), FRAME_LOCAL);
	put_udp(p + AT_UDP, AMT_PORT, frame_port(tunnel), udp);
	p[AT_AMT] = 6;
	p[AT_AMT + 1] = 0;
	put_ip(p + AT_INNER, inner, FRAME_TTL, SOURCES + channel / PER_SOURCE,
		GROUPS + channel % PER_SOURCE);
	put_udp(p + AT_INNER + 20, UDP_PORT, UDP_PORT, inner - 20);
	for (size_t i = 0; i < s->payload; i++)
		p[FRAME_OVERHEAD + i] = (uint8_t)i;
	frame_number(p, len, 0);
	put_udp_cksum(p + AT_INNER, inner - 20);
	if (s->udp_cksum)
		put_udp_cksum(p + AT_IP, udp);
	return len;
}

// The checksum is looked at as a worker's rewrite of it could go wrong.
static bool native_right(const uint8_t *p)
{
	const uint8_t *ip = p + AT_IP;

	return p[0] == 0x01 && p[1] == 0x00 && p[2] == 0x5e && p[3] == (ip[17] & 0x7f) &&
	       p[4] == ip[18] && p[5] == ip[19] && ip[8] == FRAME_TTL - 1 && ip_cksum(ip, 20) == 0;
}

bool frame_read(const uint8_t *p, size_t len, const struct frame_shape *s, bool native,
	uint32_t *channel, uint64_t *seq)
{
	size_t head = native ? FRAME_NATIVE : FRAME_OVERHEAD;
	uint32_t source, group;
	uint64_t mark[2];

	if (len != head + s->payload)
		return false;
	memcpy(mark, p + len - FRAME_MARK, sizeof(mark));
	source = get32(p + head - 28 + 12) - SOURCES;
	group = get32(p + head - 28 + 16) - GROUPS;
	if (mark[0] != ~mark[1] || group >= PER_SOURCE || source >= s->channels)
		return false;
	*channel = source * PER_SOURCE + group;
	*seq = mark[0];
	return *channel < s->channels && (!native || native_right(p));
}

int frame_write(const struct frame_shape *s, unsigned int n, int fd)
{
	struct rng rng = rng_seeded(SEED);
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 65535);
	int copy = dup(fd), rc = -EIO;
	FILE *f = copy >= 0 ? fdopen(copy, "w") : NULL;
	pcap_dumper_t *dump = pcap && f ? pcap_dump_fopen(pcap, f) : NULL;
	uint8_t p[FRAME_MAX];

	if (!dump) {
		if (f)
			fclose(f);
		else if (copy >= 0)
			close(copy);
		goto out;
	}
	for (unsigned int i = 0; i < n; i++) {
		struct pcap_pkthdr h = {.ts = {.tv_usec = (suseconds_t)i}};

		h.len = h.caplen =
			(bpf_u_int32)frame_build(p, s, (uint32_t)rng_below(&rng, s->channels));
		pcap_dump((uint8_t *)dump, &h, p);
	}
	rc = pcap_dump_flush(dump) == 0 ? 0 : -ENOSPC;
	pcap_dump_close(dump);
out:
	if (pcap)
		pcap_close(pcap);
	return rc;
}

int frame_capture(const struct frame_shape *s, unsigned int n, char path[FRAME_PATH_LEN])
{
	int fd = memfd_create("inlet-bench.pcap", MFD_CLOEXEC), rc;

	if (fd < 0)
		return -errno;
	rc = frame_write(s, n, fd);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	snprintf(path, FRAME_PATH_LEN, "/proc/%d/fd/%d", (int)getpid(), fd);
	return fd;
}
