// SPDX-License-Identifier: BSD-3-Clause
#include "floodnet.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "labutil.h"
#include "wire/ip.h"

#define PIM_VERSION	 0x20
#define PIM_TYPE_JP	 3
#define SEND_BUFFER	 (4 << 20)
#define CKSUM_OFFSET	 2
#define UDP_CKSUM_OFFSET 6

void net_enter(const char *ns)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", ns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		lab_fail("network namespace %s: %s", ns, strerror(errno));
	close(fd);
}

int net_packet_socket(const char *at, bool receive)
{
	const int one = 1, size = SEND_BUFFER;
	struct sockaddr_ll sa = {.sll_family = AF_PACKET};
	const char *colon = strchr(at, ':');
	char ns[64];
	int fd;

	if (!colon || (size_t)(colon - at) >= sizeof(ns))
		lab_usage("\"%s\" is not NAMESPACE:INTERFACE", at);
	memcpy(ns, at, (size_t)(colon - at));
	ns[colon - at] = '\0';
	net_enter(ns);
	sa.sll_ifindex = (int)lab_ifindex(colon + 1);
	sa.sll_protocol = receive ? htons(ETH_P_ALL) : 0;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
		lab_fail("%s: %s", at, strerror(errno));
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return fd;
}

void net_parse_mac(const char *option, const char *text, uint8_t mac[6])
{
	unsigned int b[6];

	if (sscanf(text, "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6)
		lab_usage("%s: \"%s\" is no MAC address", option, text);
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
}

struct addr net_parse_addr(const char *option, const char *text)
{
	struct addr a;

	if (addr_parse(text, &a) < 0)
		lab_usage("%s: \"%s\" is no address", option, text);
	return a;
}

void net_foreground(void)
{
	FILE *file;

	// Of a session of its own, which the scheduler sees as one group.
	setsid();
	file = fopen("/proc/self/autogroup", "we");
	if (file) {
		fputs("-20", file);
		fclose(file);
	}
	if (setpriority(PRIO_PROCESS, 0, -20) < 0)
		fprintf(stderr, "%s: no priority: %s\n", lab_name, strerror(errno));
}

void net_realtime(int priority)
{
	const struct sched_param p = {.sched_priority = priority};

	if (sched_setscheduler(0, SCHED_FIFO, &p) < 0)
		fprintf(stderr, "%s: no real-time priority: %s\n", lab_name, strerror(errno));
}

unsigned int batch_send(int fd, struct batch *b)
{
	struct mmsghdr msgs[FRAME_BATCH];
	struct iovec iov[FRAME_BATCH];
	unsigned int done = 0, sent = 0;

	memset(msgs, 0, sizeof(msgs));
	for (unsigned int i = 0; i < b->n; i++) {
		iov[i] = (struct iovec){.iov_base = b->frame[i], .iov_len = b->len[i]};
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	while (done < b->n) {
		int n = sendmmsg(fd, msgs + done, b->n - done, 0);

		if (n > 0) {
			done += (unsigned int)n;
			sent += (unsigned int)n;
		} else if (errno == ENOBUFS || errno == EAGAIN) {
			done++; // this one had no room
		} else if (errno != EINTR) {
			lab_fail("cannot send: %s", strerror(errno));
		}
	}
	b->n = 0;
	return sent;
}

struct frame frame_begin(uint8_t buf[FRAME_MAX], const uint8_t dst[6], const uint8_t src[6])
{
	struct frame f = {.w = wr_init(buf, FRAME_MAX)};

	wr_copy(&f.w, dst, 6);
	wr_copy(&f.w, src, 6);
	return f;
}

void frame_type(struct frame *f, uint16_t type)
{
	wr_be16(&f->w, type);
}

void frame_ip(struct frame *f, const struct addr *src, const struct addr *dst, uint8_t proto,
	uint8_t ttl, uint16_t fragment)
{
	bool v6 = src->family == ADDR_V6;

	frame_type(f, v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
	f->l3 = wr_len(&f->w);
	f->proto = proto;
	f->src = *src;
	f->dst = *dst;
	if (v6) {
		wr_be32(&f->w, 6u << 28);
		wr_be16(&f->w, 0); // frame_end() knows it
		wr_u8(&f->w, proto);
		wr_u8(&f->w, ttl);
	} else {
		wr_be32(&f->w, 0x45000000);
		wr_be16(&f->w, 0);
		wr_be16(&f->w, fragment);
		wr_u8(&f->w, ttl);
		wr_u8(&f->w, proto);
		wr_be16(&f->w, 0);
	}
	wr_copy(&f->w, src->bytes, v6 ? 16 : 4);
	wr_copy(&f->w, dst->bytes, v6 ? 16 : 4);
	f->l4 = wr_len(&f->w);
}

void frame_ip_alert(struct frame *f, const struct addr *src, const struct addr *dst, uint8_t proto)
{
	static const uint8_t hop_by_hop[6] = {0, 5, 2, 0, 0, 1};
	static const uint8_t option[4] = {0x94, 4, 0, 0};

	frame_ip(f, src, dst, src->family == ADDR_V6 ? IP_PROTO_HOPOPTS : proto, 1, 0);
	f->proto = proto;
	if (src->family == ADDR_V6) {
		wr_u8(&f->w, proto);
		wr_copy(&f->w, hop_by_hop, sizeof(hop_by_hop));
		wr_u8(&f->w, 0);
	} else {
		f->w.base[f->l3] = 0x46;
		wr_copy(&f->w, option, sizeof(option));
	}
	f->l4 = wr_len(&f->w);
}

void frame_udp(struct frame *f, uint16_t from, uint16_t to)
{
	f->l4 = wr_len(&f->w);
	wr_be16(&f->w, from);
	wr_be16(&f->w, to);
	wr_be32(&f->w, 0);
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t pseudo(const struct frame *f, size_t len)
{
	const uint8_t tail[8] = {0, 0, (uint8_t)(len >> 8), (uint8_t)len, 0, 0, 0, f->proto};
	uint32_t sum;

	if (f->src.family != ADDR_V6)
		return 0;
	sum = ip_cksum_add(0, f->src.bytes, 16);
	sum = ip_cksum_add(sum, f->dst.bytes, 16);
	return ip_cksum_add(sum, tail, sizeof(tail));
}

size_t frame_end(struct frame *f)
{
	size_t len = wr_len(&f->w), body = len - f->l4;
	uint8_t *p = f->w.base;

	if (f->w.bad)
		lab_fail("a frame is too long");
	if (f->l3 == 0)
		return len;
	if (f->src.family == ADDR_V6) {
		put16(p + f->l3 + 4, len - f->l3 - IPV6_HDR_LEN);
	} else {
		put16(p + f->l3 + 2, len - f->l3);
		put16(p + f->l3 + 10, 0);
		put16(p + f->l3 + 10, ip_cksum(p + f->l3, (size_t)(p[f->l3] & 0xf) * 4));
	}
	if (f->proto == IP_PROTO_UDP) {
		put16(p + f->l4 + 4, body);
		if (f->src.family == ADDR_V6)
			put16(p + f->l4 + UDP_CKSUM_OFFSET,
				ip_cksum_fold(ip_cksum_add(pseudo(f, body), p + f->l4, body)));
	} else if (body > CKSUM_OFFSET + 2) {
		put16(p + f->l4 + CKSUM_OFFSET,
			ip_cksum_fold(ip_cksum_add(pseudo(f, body), p + f->l4, body)));
	}
	return len;
}

void frame_mcast_mac(const struct addr *group, uint8_t mac[6])
{
	const uint8_t *g = group->bytes;

	if (group->family == ADDR_V6)
		memcpy(mac, (uint8_t[]){0x33, 0x33, g[12], g[13], g[14], g[15]}, 6);
	else
		memcpy(mac, (uint8_t[]){0x01, 0x00, 0x5e, g[1] & 0x7f, g[2], g[3]}, 6);
}

void frame_pim_unicast(struct frame *f, const struct addr *a)
{
	wr_u8(&f->w, a->family == ADDR_V6 ? 2 : 1);
	wr_u8(&f->w, 0);
	wr_copy(&f->w, a->bytes, addr_size(a));
}

void frame_pim_masked(struct frame *f, const struct addr *a, uint8_t flags)
{
	wr_u8(&f->w, a->family == ADDR_V6 ? 2 : 1);
	wr_u8(&f->w, 0);
	wr_u8(&f->w, flags);
	wr_u8(&f->w, (uint8_t)(8 * addr_size(a)));
	wr_copy(&f->w, a->bytes, addr_size(a));
}

void frame_pim_hello(struct frame *f, uint16_t holdtime, uint32_t genid)
{
	wr_be32(&f->w, (uint32_t)PIM_VERSION << 24);
	wr_be32(&f->w, 1 << 16 | 2);
	wr_be16(&f->w, holdtime);
	wr_be32(&f->w, 19 << 16 | 4);
	wr_be32(&f->w, 1);
	wr_be32(&f->w, 20 << 16 | 4);
	wr_be32(&f->w, genid);
}

void frame_pim_join(struct frame *f, const struct addr *upstream, uint16_t holdtime, bool join,
	const struct sg *sg, unsigned int n)
{
	wr_be32(&f->w, (uint32_t)(PIM_VERSION | PIM_TYPE_JP) << 24);
	frame_pim_unicast(f, upstream);
	wr_u8(&f->w, 0);
	wr_u8(&f->w, (uint8_t)n);
	wr_be16(&f->w, holdtime);
	for (unsigned int i = 0; i < n; i++) {
		frame_pim_masked(f, &sg[i].g, 0);
		wr_be16(&f->w, join ? 1 : 0);
		wr_be16(&f->w, join ? 0 : 1);
		frame_pim_masked(f, &sg[i].s, 4); // S: sparse
	}
}
