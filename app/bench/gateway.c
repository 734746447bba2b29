// SPDX-License-Identifier: BSD-3-Clause
#include "bench/gateway.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/gateway_table.h"
#include "wire/ip.h"

#define BATCH	  64
#define ROOM	  2048
#define RCVBUF	  (8 << 20)
#define WAIT_US	  100000 // how long a stop may take
#define ANSWER_MS 5000
#define ETH_LEN	  14
// Where a datagram is read to: its inner one begins at a multiple of 4, and the two octets of AMT
// and 12 more in front of it make room for the Ethernet header.
#define AT_UDP 14
#define AT_IP  (AT_UDP + 2)

enum op { OP_START, OP_STOP, OP_COUNTERS };

struct inside {
	const struct gateway_cfg *cfg;
	int udp, raw;
	struct gateway_table *table;
	uint8_t mac[6];
	pthread_t thread;
	bool runs;
	_Atomic bool stop;
	struct gateway_counters c; // the thread's; read when it has stopped
	uint8_t bufs[BATCH][ROOM];
	struct sockaddr_in from[BATCH];
	struct iovec rx_iov[BATCH], tx_iov[BATCH];
	struct mmsghdr rx[BATCH], tx[BATCH];
};

// The native frame of a datagram that was read to p; its length, or 0: dropped.
static size_t forward(struct inside *g, uint8_t *p, size_t len, const struct sockaddr_in *from)
{
	uint8_t *ip = p + AT_IP, *eth = ip - ETH_LEN;
	struct gateway_entry *e;
	size_t header, total;
	uint32_t sum;

	if (len < 2 + 20 || p[AT_UDP] != 0x06) // version 0, Multicast Data
		return 0;
	header = (size_t)(ip[0] & 15) * 4;
	total = (size_t)ip[2] << 8 | ip[3];
	if (ip[0] >> 4 != 4 || header < 20 || total < header || total > len - 2 || ip[8] <= 1 ||
		ip_cksum(ip, header) != 0)
		return 0;
	e = gateway_table_find(g->table, ip + 12);
	if (!e || e->relay != from->sin_addr.s_addr || from->sin_port != htons(2268))
		return 0;
	e->packets++;
	e->bytes += total;
	ip[8]--;
	sum = (uint32_t)(ip[10] << 8 | ip[11]) + 0x0100; // RFC 1141
	sum += sum >= 0xffff;
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
	memcpy(eth, (uint8_t[]){1, 0, 0x5e, ip[17] & 0x7f, ip[18], ip[19]}, 6);
	memcpy(eth + 6, g->mac, 6);
	eth[12] = 8;
	eth[13] = 0;
	return total + ETH_LEN;
}

static void batch(struct inside *g, int n)
{
	unsigned int out = 0;
	int done = 0;

	for (int i = 0; i < n; i++) {
		size_t len = forward(g, g->bufs[i], g->rx[i].msg_len, &g->from[i]);

		g->rx[i].msg_hdr.msg_namelen = sizeof(g->from[i]);
		if (len == 0)
			continue;
		g->tx_iov[out].iov_base = g->bufs[i] + AT_IP - ETH_LEN;
		g->tx_iov[out++].iov_len = len;
	}
	g->c.received += (uint64_t)n;
	g->c.dropped += (uint64_t)n - out;
	while (done < (int)out) {
		int sent = sendmmsg(g->raw, g->tx + done, out - (unsigned int)done, 0);

		if (sent <= 0) {
			g->c.unsent++; // this one cannot be sent; the next one may
			sent = 1;
		} else {
			g->c.sent += (uint64_t)sent;
		}
		done += sent;
	}
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void *run(void *arg)
{
	struct inside *g = arg;
	uint64_t begin = clock_ns(CLOCK_MONOTONIC);
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(g->cfg->cpu, &cpus);
	pthread_setaffinity_np(pthread_self(), sizeof(cpus), &cpus);
	while (recvmmsg(g->udp, g->rx, BATCH, MSG_DONTWAIT, NULL) > 0)
		; // of the time before
	while (!atomic_load_explicit(&g->stop, memory_order_acquire)) {
		int n = recvmmsg(g->udp, g->rx, BATCH, MSG_WAITFORONE, NULL);

		if (n > 0)
			batch(g, n);
	}
	g->c.cpu_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID);
	g->c.ns += clock_ns(CLOCK_MONOTONIC) - begin;
	return NULL;
}

static void messages(struct inside *g)
{
	for (int i = 0; i < BATCH; i++) {
		g->rx_iov[i] = (struct iovec){g->bufs[i] + AT_UDP, ROOM - AT_UDP};
		g->rx[i].msg_hdr.msg_iov = &g->rx_iov[i];
		g->rx[i].msg_hdr.msg_iovlen = 1;
		g->rx[i].msg_hdr.msg_name = &g->from[i];
		g->rx[i].msg_hdr.msg_namelen = sizeof(g->from[i]);
		g->tx[i].msg_hdr.msg_iov = &g->tx_iov[i];
		g->tx[i].msg_hdr.msg_iovlen = 1;
	}
}

static int sockets(struct inside *g)
{
	struct sockaddr_in local = {.sin_family = AF_INET,
		.sin_port = htons(frame_port(0)),
		.sin_addr.s_addr = htonl(FRAME_LOCAL)};
	struct sockaddr_ll out = {
		.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(g->cfg->out)};
	struct timeval wait = {.tv_usec = WAIT_US};
	int room = RCVBUF, one = 1;

	// Protocol 0: it receives nothing.
	g->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	g->raw = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (g->udp < 0 || g->raw < 0 ||
		bind(g->udp, (const struct sockaddr *)&local, sizeof(local)) != 0 ||
		bind(g->raw, (const struct sockaddr *)&out, sizeof(out)) != 0 ||
		setsockopt(g->udp, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0 ||
		setsockopt(g->udp, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0 ||
		setsockopt(g->raw, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) != 0)
		return -errno;
	memcpy(g->mac, g->cfg->shape.dst, sizeof(g->mac));
	return 0;
}

static int start(struct inside *g)
{
	int rc;

	atomic_store_explicit(&g->stop, false, memory_order_release);
	rc = pthread_create(&g->thread, NULL, run, g);
	g->runs = rc == 0;
	return -rc;
}

static void stop(struct inside *g)
{
	if (!g->runs)
		return;
	atomic_store_explicit(&g->stop, true, memory_order_release);
	pthread_join(g->thread, NULL);
	g->runs = false;
}

static int serve_one(struct inside *g, int fd)
{
	enum op op;
	int rc = child_read(fd, &op, sizeof(op), -1);

	if (rc != 0)
		return rc;
	if (op == OP_COUNTERS)
		return child_write(fd, &g->c, sizeof(g->c));
	if (op == OP_START)
		rc = start(g);
	else
		stop(g);
	return child_write(fd, &rc, sizeof(rc));
}

static int child_main(int fd, void *arg)
{
	static struct inside g;
	const struct gateway_cfg *cfg = arg;
	cpu_set_t cpus;
	int rc = 0;

	CPU_ZERO(&cpus);
	CPU_SET(cfg->cpu_control, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	g.cfg = cfg;
	if (cfg->before_cb)
		rc = cfg->before_cb(cfg->arg);
	if (rc == 0) {
		messages(&g);
		g.table = gateway_table_create(&cfg->shape);
		rc = g.table ? sockets(&g) : -ENOMEM;
	}
	if (child_write(fd, &rc, sizeof(rc)) == 0 && rc == 0) {
		while (serve_one(&g, fd) == 0)
			;
	}
	stop(&g);
	free(g.table);
	return rc != 0;
}

int gateway_open(struct gateway *g, const struct gateway_cfg *cfg, char err[GATEWAY_ERR_LEN])
{
	int answer = 0, rc = child_fork(&g->child, child_main, (void *)(uintptr_t)cfg);

	if (rc == 0)
		rc = child_read(g->child.fd, &answer, sizeof(answer), ANSWER_MS);
	if (rc == 0)
		rc = answer;
	if (rc == 0)
		return 0;
	snprintf(err, GATEWAY_ERR_LEN, "socket gateway: %s", strerror(-rc));
	child_end(&g->child);
	return rc;
}

void gateway_close(struct gateway *g)
{
	child_end(&g->child);
}

static int request(struct gateway *g, enum op op, void *answer, size_t len)
{
	int rc = child_write(g->child.fd, &op, sizeof(op));

	return rc != 0 ? rc : child_read(g->child.fd, answer, len, ANSWER_MS);
}

int gateway_start(struct gateway *g)
{
	int answer = 0, rc = request(g, OP_START, &answer, sizeof(answer));

	return rc != 0 ? rc : answer;
}

int gateway_stop(struct gateway *g)
{
	int answer = 0, rc = request(g, OP_STOP, &answer, sizeof(answer));

	return rc != 0 ? rc : answer;
}

int gateway_counters(struct gateway *g, struct gateway_counters *out)
{
	return request(g, OP_COUNTERS, out, sizeof(*out));
}
