// SPDX-License-Identifier: BSD-3-Clause
// The sink: a ring of packets that the kernel fills, walked a block at a time.
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "labutil.h"
#include "stream.h"
#include "wire/ip.h"

#define BLOCK	   (1u << 18)
#define BLOCKS	   256
#define RETIRE_MS  4
#define PAYLOAD_AT (FRAME_ETH + 28) // IPv4 without options, UDP

static uint8_t *ring; // one sink a process

static void attach_filter(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 5),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FRAME_ETH + 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FRAME_ETH + 16),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 232, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0x40000),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog prog = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0)
		lab_fail("filter: %s", strerror(errno));
}

void sink_open(struct sink *s)
{
	const int version = TPACKET_V3;
	const struct tpacket_req3 req = {.tp_block_size = BLOCK,
		.tp_block_nr = BLOCKS,
		.tp_frame_size = 2048,
		.tp_frame_nr = BLOCK / 2048 * BLOCKS,
		.tp_retire_blk_tov = RETIRE_MS};
	struct tpacket_stats_v3 stats;
	socklen_t len = sizeof(stats);

	attach_filter(s->fd);
	if (setsockopt(s->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
		setsockopt(s->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) < 0)
		lab_fail("packet ring: %s", strerror(errno));
	ring = mmap(NULL, (size_t)BLOCK * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		s->fd, 0);
	if (ring == MAP_FAILED)
		lab_fail("packet ring: %s", strerror(errno));
	getsockopt(s->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len); // from here on
}

static struct stream_flow *find(struct sink *s, const uint8_t *ip)
{
	for (unsigned int i = 0; i < s->n_flows; i++) {
		struct stream_flow *f = &s->flows[i];

		if (memcmp(f->sg.s.bytes, ip + 12, 4) == 0 &&
			memcmp(f->sg.g.bytes, ip + 16, 4) == 0)
			return f;
	}
	return NULL;
}

static void note(
	struct sink *s, struct stream_flow *f, uint64_t seq, uint64_t sent_ns, uint64_t now)
{
	uint64_t bit = 1ull << (seq & 63), *word = &f->seen[seq >> 6];

	if (now > sent_ns && now - sent_ns > s->longest_ns)
		s->longest_ns = now - sent_ns;
	if (f->last_ns && now > f->last_ns && now - f->last_ns > f->gap_ns)
		f->gap_ns = now - f->last_ns;
	f->last_ns = now;
	if (*word & bit) {
		f->twice++;
		return;
	}
	*word |= bit;
	f->got++;
	if (seq < f->high)
		f->late++;
	else
		f->high = seq + 1;
}

static void packet(struct sink *s, const struct tpacket3_hdr *h)
{
	const uint8_t *frame = (const uint8_t *)h + h->tp_mac;
	uint64_t seq, sent_ns, now = (uint64_t)h->tp_sec * NS_PER_S + h->tp_nsec;
	struct stream_flow *f;
	size_t len;

	if (h->tp_snaplen < PAYLOAD_AT)
		return;
	f = find(s, frame + FRAME_ETH);
	if (!f)
		return; // a channel of somebody else
	len = (size_t)(frame[FRAME_ETH + 2] << 8 | frame[FRAME_ETH + 3]);
	if (len < 28 || FRAME_ETH + len > h->tp_snaplen || ip_cksum(frame + FRAME_ETH, 20) != 0 ||
		!lab_payload_read(frame + PAYLOAD_AT, len - 28, &seq, &sent_ns) ||
		seq >= s->numbers) {
		s->bad++;
		return;
	}
	if (sent_ns >= s->since_ns)
		note(s, f, seq, sent_ns, now);
}

static void block(struct sink *s, struct tpacket_block_desc *b)
{
	struct tpacket3_hdr *h =
		(struct tpacket3_hdr *)(void *)((uint8_t *)b + b->hdr.bh1.offset_to_first_pkt);

	for (uint32_t i = 0; i < b->hdr.bh1.num_pkts; i++) {
		packet(s, h);
		h = (struct tpacket3_hdr *)(void *)((uint8_t *)h + h->tp_next_offset);
	}
	__atomic_store_n(&b->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

void *sink_run(void *arg)
{
	struct sink *s = arg;
	struct pollfd p = {.fd = s->fd, .events = POLLIN | POLLERR};
	struct tpacket_stats_v3 stats = {0};
	socklen_t len = sizeof(stats);

	net_realtime(11);
	for (unsigned int at = 0;;) {
		struct tpacket_block_desc *b = (void *)(ring + (size_t)at * BLOCK);

		if (__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) {
			block(s, b);
			at = (at + 1) % BLOCKS;
		} else if (atomic_load(&s->stop)) {
			break;
		} else {
			poll(&p, 1, 50);
		}
	}
	if (getsockopt(s->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
		s->kernel_drops = stats.tp_drops;
	return NULL;
}
