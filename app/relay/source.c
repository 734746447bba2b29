// SPDX-License-Identifier: BSD-3-Clause
// The native side: multicast datagrams off one interface, by a packet socket so that they are had
// octet for octet, and the IGMP and MLD joins that make the network send them.
#include <errno.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "base/hmap.h"
#include "base/log.h"

#define ICMP_GAP_US 100000 // one "too big" at most in this time (RFC 1812 section 4.3.2.8)

// A channel that at least one relay wants. A socket each: the kernel allows 20 groups a socket
// (net.ipv4.igmp_max_memberships) and 10 sources a group.
struct joined {
	struct hnode node;
	struct sg sg;
	uint32_t relays;
	int fd; // -1: not joined by IGMP or MLD
};

struct source {
	struct app *app;
	unsigned int ifindex;
	int fd, icmp_fd, icmp6_fd; // packet socket; raw ICMP, -1 without
	struct event *ev;
	struct hmap joined;
	uint64_t received, bad, address, ttl, too_big, fragmented, join_errors;
	uint64_t kernel_drops; // PACKET_STATISTICS starts again at each reading
	uint64_t icmp_next_us;
	bool checksum_warned;
	struct mmsghdr msgs[APP_BATCH];
	struct iovec iov[APP_BATCH];
	uint8_t control[APP_BATCH][64];
	uint8_t bufs[APP_BATCH][APP_DATAGRAM];
	uint8_t fragment[APP_DATAGRAM];
};

// By the relays of one outer family, whose tunnels have one MTU.
static void forward(
	struct source *src, uint8_t outer, const struct sg *sg, uint8_t *buf, size_t len)
{
	struct app *app = src->app;

	for (unsigned int i = 0; i < app->n_servers; i++)
		if (app->servers[i]->address.family == outer)
			relay_forward(app->servers[i]->relay, sg, buf, len + RELAY_HEADROOM);
}

static void flush(struct source *src)
{
	for (unsigned int i = 0; i < src->app->n_servers; i++)
		server_flush(src->app->servers[i]);
}

static void forward_fragments(struct source *src, uint8_t outer, const struct sg *sg,
	const uint8_t *ip, size_t len, size_t mtu)
{
	uint8_t *out = src->fragment + RELAY_HEADROOM;
	size_t at = 0;
	int n;

	while ((n = relay_fragment(
			ip, len, mtu, &at, out, sizeof(src->fragment) - RELAY_HEADROOM)) > 0) {
		forward(src, outer, sg, src->fragment, (size_t)n);
		flush(src); // before the next one takes the buffer
		src->fragmented++;
	}
}

static void tell_source(
	struct source *src, const struct sg *sg, const uint8_t *ip, size_t len, size_t mtu)
{
	uint64_t now_us = clock_mono_us();
	bool v6 = sg->s.family == ADDR_V6;
	int fd = v6 ? src->icmp6_fd : src->icmp_fd;
	struct sockaddr_storage to;
	socklen_t to_len = addr_to_sockaddr(&sg->s, 0, &to);
	uint8_t icmp[1280];
	int n = (v6 ? relay_icmp6_too_big : relay_icmp_too_big)(
		ip, len, (uint16_t)mtu, icmp, sizeof(icmp));

	if (n < 0 || fd < 0 || now_us < src->icmp_next_us)
		return;
	src->icmp_next_us = now_us + ICMP_GAP_US;
	// Lost when there is no way back to the source, as any ICMP error may be.
	(void)sendto(fd, icmp, (size_t)n, MSG_DONTWAIT, (struct sockaddr *)&to, to_len);
}

static bool wanted(const struct source *src, uint8_t outer, const struct sg *sg)
{
	for (unsigned int i = 0; i < src->app->n_servers; i++) {
		const struct server *s = src->app->servers[i];

		if (s->address.family == outer && relay_has_channel(s->relay, sg))
			return true;
	}
	return false;
}

// Into the tunnels over IPv4, or those over IPv6.
static void send_over(
	struct source *src, uint8_t outer, const struct sg *sg, uint8_t *buf, size_t len)
{
	const size_t mtu =
		src->app->mtu - (outer == ADDR_V6 ? RELAY_OVERHEAD_IPV6 : RELAY_OVERHEAD);
	const uint8_t *ip = buf + RELAY_HEADROOM;

	if (len <= mtu) {
		forward(src, outer, sg, buf, len);
	} else if (sg->s.family == ADDR_V6 || ip[6] & 0x40) { // DF
		src->too_big++;
		tell_source(src, sg, ip, len, mtu);
	} else {
		forward_fragments(src, outer, sg, ip, len, mtu);
	}
}

static void datagram(struct source *src, uint8_t *buf, size_t len)
{
	uint8_t *ip = buf + RELAY_HEADROOM;
	bool over4, over6;
	struct sg sg;

	src->received++;
	switch (relay_data_check(ip, len, &sg, &len)) {
	case RELAY_DATA_BAD:
		src->bad++;
		return;
	case RELAY_DATA_ADDRESS:
		src->address++;
		return;
	case RELAY_DATA_OK:
		break;
	}
	over4 = wanted(src, ADDR_V4, &sg);
	over6 = wanted(src, ADDR_V6, &sg);
	if (!over4 && !over6)
		return;
	if (src->app->ttl_decrement && !relay_data_ttl(ip)) {
		src->ttl++;
		return;
	}
	// The smaller MTU first: the source is told once, of that one (section 5.3.3.6.2).
	if (over6)
		send_over(src, ADDR_V6, &sg, buf, len);
	if (over4)
		send_over(src, ADDR_V4, &sg, buf, len);
}

// A veth peer leaves UDP checksums to a card that is not there, and receivers at the far end of the
// tunnel would drop every packet without a word.
static void check_offload(struct source *src, struct msghdr *msg)
{
	struct cmsghdr *cm = CMSG_FIRSTHDR(msg);
	struct tpacket_auxdata aux;

	if (src->checksum_warned || !cm || cm->cmsg_level != SOL_PACKET ||
		cm->cmsg_type != PACKET_AUXDATA)
		return;
	memcpy(&aux, CMSG_DATA(cm), sizeof(aux));
	if (aux.tp_status & TP_STATUS_CSUMNOTREADY) {
		src->checksum_warned = true;
		log_warn("relay",
			"source packets without checksum: ethtool -K PEER tx off "
			"if=%s",
			src->app->source_if);
	}
}

static void readable_cb(evutil_socket_t fd, short what, void *arg)
{
	struct source *src = arg;
	int n;

	(void)what;
	for (int i = 0; i < APP_BATCH; i++)
		src->msgs[i].msg_hdr.msg_controllen = sizeof(src->control[i]);
	n = recvmmsg(fd, src->msgs, APP_BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		check_offload(src, &src->msgs[i].msg_hdr);
		datagram(src, src->bufs[i], src->msgs[i].msg_len);
	}
	flush(src);
	app_run_timers(src->app);
}

static int attach_filter(int fd)
{
	// IP header at 0. To a group that is routed; neither IGMP nor PIM. MLD goes to groups of
	// the link.
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 9),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0000000),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xe0000000, 0, 15),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xffffff00),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xe0000000, 12, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_IGMP, 10, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_PIM, 9, 8),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 8),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 24),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xff, 0, 6),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 25),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x0f),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 2, 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_PIM, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0x40000),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog prog = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

// Bound last, so that nothing comes in before the filter is there.
static int open_packet(struct source *src)
{
	const struct sockaddr_ll sa = {.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)src->ifindex};
	const struct packet_mreq all = {
		.mr_ifindex = (int)src->ifindex, .mr_type = PACKET_MR_ALLMULTI};
	const int one = 1, size = 16 << 20;
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	src->fd = fd;
	if (fd < 0 || attach_filter(fd) < 0)
		return -errno;
	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) < 0 ||
		setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (src->app->all_multicast &&
		setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	return 0;
}

struct source *source_open(struct app *app)
{
	struct source *src = calloc(1, sizeof(*src));
	int ret;

	if (!src)
		return NULL;
	src->app = app;
	src->fd = src->icmp_fd = src->icmp6_fd = -1;
	hmap_init(&src->joined);
	for (int i = 0; i < APP_BATCH; i++) {
		src->iov[i] = (struct iovec){.iov_base = src->bufs[i] + RELAY_HEADROOM,
			.iov_len = APP_DATAGRAM - RELAY_HEADROOM};
		src->msgs[i].msg_hdr = (struct msghdr){
			.msg_iov = &src->iov[i], .msg_iovlen = 1, .msg_control = src->control[i]};
	}
	src->ifindex = if_nametoindex(app->source_if);
	ret = src->ifindex ? open_packet(src) : -errno;
	if (ret < 0) {
		fprintf(stderr, "inlet-relay: source interface %s: %s\n", app->source_if,
			strerror(-ret));
		source_close(src);
		return NULL;
	}
	src->icmp_fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	src->icmp6_fd = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
	src->ev = event_new(app->base, src->fd, EV_READ | EV_PERSIST, readable_cb, src);
	if (!src->ev || event_add(src->ev, NULL) < 0) {
		fprintf(stderr, "inlet-relay: out of memory\n");
		source_close(src);
		return NULL;
	}
	return src;
}

static void joined_free(struct source *src, struct joined *j)
{
	if (j->fd >= 0)
		close(j->fd); // the kernel sends the leave
	hmap_remove(&src->joined, &j->node);
	free(j);
}

void source_close(struct source *src)
{
	struct hnode *n;

	while ((n = hmap_first(&src->joined)))
		joined_free(src, container_of_node(n, struct joined, node));
	hmap_fini(&src->joined);
	if (src->ev)
		event_free(src->ev);
	if (src->fd >= 0)
		close(src->fd);
	if (src->icmp_fd >= 0)
		close(src->icmp_fd);
	if (src->icmp6_fd >= 0)
		close(src->icmp6_fd);
	free(src);
}

// By IGMPv3 or MLDv2.
static int group_join(const struct source *src, const struct sg *sg)
{
	struct group_source_req req = {.gsr_interface = src->ifindex};
	bool v6 = sg->g.family == ADDR_V6;
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), ret;

	if (fd < 0)
		return -errno;
	addr_to_sockaddr(&sg->g, 0, &req.gsr_group);
	addr_to_sockaddr(&sg->s, 0, &req.gsr_source);
	if (setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, &req,
		    sizeof(req)) < 0) {
		ret = -errno;
		close(fd);
		return ret;
	}
	return fd;
}

static struct joined *joined_find(const struct source *src, const struct sg *sg)
{
	struct hnode *n = hmap_find(&src->joined, hmap_hash(sg, sizeof(*sg)));

	for (; n; n = hmap_find_next(n)) {
		struct joined *j = container_of_node(n, struct joined, node);

		if (sg_eq(&j->sg, sg))
			return j;
	}
	return NULL;
}

static void joined_add(struct source *src, const struct sg *sg)
{
	struct joined *j = calloc(1, sizeof(*j));
	char text[SG_STRLEN];

	if (!j || hmap_insert(&src->joined, &j->node, hmap_hash(sg, sizeof(*sg))) < 0) {
		free(j);
		src->join_errors++;
		return;
	}
	j->sg = *sg;
	j->relays = 1;
	j->fd = src->app->all_multicast ? -1 : group_join(src, sg);
	if (j->fd < 0 && !src->app->all_multicast) {
		src->join_errors++;
		log_warn_limited("relay", "join failed channel=%s error=\"%s\"",
			sg_format(sg, text), strerror(-j->fd));
		j->fd = -1;
	}
}

void source_want(struct source *src, const struct sg *sg, bool want)
{
	struct joined *j = joined_find(src, sg);

	if (want && j)
		j->relays++;
	else if (want)
		joined_add(src, sg);
	else if (j && --j->relays == 0)
		joined_free(src, j);
}

void source_status(struct source *src, FILE *out)
{
	struct tpacket_stats stats = {0};
	socklen_t len = sizeof(stats);

	if (getsockopt(src->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
		src->kernel_drops += stats.tp_drops;
	fprintf(out, "{\"interface\":\"%s\",\"channels\":%" PRIu32 ",\"join_errors\":%" PRIu64,
		src->app->source_if, src->joined.count, src->join_errors);
	fprintf(out,
		",\"received\":%" PRIu64 ",\"bad\":%" PRIu64 ",\"address\":%" PRIu64
		",\"ttl\":%" PRIu64 ",\"too_big\":%" PRIu64 ",\"fragmented\":%" PRIu64
		",\"kernel_drops\":%" PRIu64 "}",
		src->received, src->bad, src->address, src->ttl, src->too_big, src->fragmented,
		src->kernel_drops);
}
