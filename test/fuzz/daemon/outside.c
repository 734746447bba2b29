// SPDX-License-Identifier: BSD-3-Clause
#include "outside.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cursor.h"
#include "floodnet.h"
#include "labutil.h"
#include "wire/amt.h"
#include "wire/ip.h"

#define KIND	    0x0f
#define OTHER	    0x10
#define RIGHT_NONCE 0x20
#define AS_IT_IS    0x80

#define MAX_ACTIONS    64
#define MAX_WAIT_MS    400 // an input
#define MAX_CONSOLE    200
#define CLIENT_MS      500
#define PLAYED_HOST    12 // of 203.0.113.12: what another relay is asked is its own affair
#define NONCE_LEN      4
#define MCAST_TTL      1
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_VLAN 0x8100
#define IPV4_HDR_MIN   20
#define NS_PER_MS      1000000l

enum kind {
	FRAME_DOWN, // an Ethernet frame at the downstream port
	FRAME_UP,
	PIM4, // a PIM message of the router 10.9.1.1 or 10.9.1.3 to all PIM routers
	PIM6,
	IGMP, // of a host to 224.0.0.22
	MLD,
	AMT,	 // of the relay 203.0.113.11 or .12 to the port that asked last
	HTTP,	 // octets to the metrics endpoint
	CONSOLE, // a line to the console, if it only shows
	WAIT,	 // octets of it in ms
	KINDS,
};

static struct addr address(const char *text)
{
	struct addr a = {0};

	addr_parse(text, &a);
	return a;
}

static void pause_ms(unsigned int ms)
{
	const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * NS_PER_MS};

	nanosleep(&t, NULL);
}

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

// ---- frames: what no fuzzer guesses is made right

// `sum`: of the pseudo-header, 0 where there is none.
static void fix_payload(uint8_t proto, uint8_t *p, size_t len, uint32_t sum, bool v6)
{
	size_t at = proto == IP_PROTO_UDP ? 6 : 2;

	if (len < at + 2)
		return;
	if (proto == IP_PROTO_IGMP || proto == IP_PROTO_PIM || proto == IP_PROTO_ICMPV6 ||
		(proto == IP_PROTO_UDP && v6)) {
		if (proto == IP_PROTO_IGMP || !v6)
			sum = 0;
		put16(p + at, 0);
		put16(p + at, ip_cksum_fold(ip_cksum_add(sum, p, len)));
	} else if (proto == IP_PROTO_UDP) {
		put16(p + at, 0); // there is none
	}
}

static void fix_ipv4(uint8_t *ip, size_t len)
{
	size_t hdr = len >= IPV4_HDR_MIN ? (ip[0] & 15u) * 4u : 0, total;

	if (hdr < IPV4_HDR_MIN || hdr > len)
		return;
	total = get16(ip + 2);
	put16(ip + 10, 0);
	put16(ip + 10, ip_cksum(ip, hdr));
	if (total >= hdr && total <= len)
		fix_payload(ip[9], ip + hdr, total - hdr, 0, false);
}

static void fix_ipv6(uint8_t *ip, size_t len)
{
	uint8_t pseudo[8] = {0}, proto, *p = ip + IPV6_HDR_LEN;
	size_t left;
	uint32_t sum;

	if (len < IPV6_HDR_LEN || get16(ip + 4) > len - IPV6_HDR_LEN)
		return;
	proto = ip[6];
	left = get16(ip + 4);
	if (proto == IP_PROTO_HOPOPTS && left >= 8 && (p[1] + 1u) * 8 <= left) {
		size_t skip = (p[1] + 1u) * 8;

		proto = p[0];
		p += skip;
		left -= skip;
	}
	put16(pseudo + 2, (uint16_t)left);
	pseudo[7] = proto;
	sum = ip_cksum_add(ip_cksum_add(0, ip + 8, 32), pseudo, sizeof(pseudo));
	fix_payload(proto, p, left, sum, true);
}

static void fix_frame(const struct outside *o, int port, uint8_t *frame, size_t len)
{
	size_t at = 12;

	if (len < FRAME_ETH)
		return;
	if (!(frame[0] & 1))
		memcpy(frame, o->mac[port], 6);
	while (at + 6 <= len && get16(frame + at) == ETHERTYPE_VLAN)
		at += 4;
	if (get16(frame + at) == ETHERTYPE_IPV4)
		fix_ipv4(frame + at + 2, len - at - 2);
	else if (get16(frame + at) == ETHERTYPE_IPV6)
		fix_ipv6(frame + at + 2, len - at - 2);
}

static void send_frame(const struct outside *o, int port, const uint8_t *frame, size_t len)
{
	// A frame that the interface does not take is none.
	if (len >= FRAME_ETH)
		(void)send(o->port[port], frame, len, MSG_DONTWAIT);
}

static void raw(const struct outside *o, int port, uint8_t how, const uint8_t *p, size_t n)
{
	uint8_t frame[FRAME_MAX];

	n = n < sizeof(frame) ? n : sizeof(frame);
	memcpy(frame, p, n);
	if (!(how & AS_IT_IS))
		fix_frame(o, port, frame, n);
	send_frame(o, port, frame, n);
}

// A message in the datagram that it comes in.
static void message(const struct outside *o, const char *from, const char *to, uint8_t proto,
	uint8_t how, const uint8_t *p, size_t n)
{
	static const uint8_t sender[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
	struct addr src = address(from), dst = address(to);
	uint8_t buf[FRAME_MAX] = {0}, mac[6], keep[2] = {0};
	struct frame f;
	size_t len;

	frame_mcast_mac(&dst, mac);
	f = frame_begin(buf, mac, sender[how & OTHER ? 1 : 0]);
	if (proto == IP_PROTO_PIM)
		frame_ip(&f, &src, &dst, proto, MCAST_TTL, 0);
	else
		frame_ip_alert(&f, &src, &dst, proto);
	n = n < FRAME_MAX - wr_len(&f.w) ? n : FRAME_MAX - wr_len(&f.w);
	wr_copy(&f.w, p, n);
	if (n >= 4)
		memcpy(keep, p + 2, 2);
	len = frame_end(&f);
	if (how & AS_IT_IS && n >= 4)
		memcpy(buf + f.l4 + 2, keep, 2);
	send_frame(o, OUTSIDE_DOWNSTREAM, buf, len);
}

// ---- the relay

static void seen(struct outside *o, const uint8_t *f, size_t len)
{
	size_t hdr = len > FRAME_ETH + IPV4_HDR_MIN ? (f[FRAME_ETH] & 15u) * 4u : 0;
	const uint8_t *udp = f + FRAME_ETH + hdr;

	if (hdr < IPV4_HDR_MIN || len < FRAME_ETH + hdr + 16 || get16(f + 12) != ETHERTYPE_IPV4 ||
		f[FRAME_ETH + 9] != IP_PROTO_UDP || f[FRAME_ETH + 19] != PLAYED_HOST ||
		get16(udp + 2) != AMT_PORT)
		return;
	o->amt_port = get16(udp);
	if (udp[8] == AMT_RELAY_DISCOVERY)
		memcpy(o->discovery_nonce, udp + 12, NONCE_LEN);
	else if (udp[8] == AMT_REQUEST)
		memcpy(o->request_nonce, udp + 12, NONCE_LEN);
}

static void listen_upstream(struct outside *o)
{
	uint8_t frame[2048];
	ssize_t n;

	while ((n = recv(o->port[OUTSIDE_UPSTREAM], frame, sizeof(frame), MSG_DONTWAIT)) > 0)
		seen(o, frame, (size_t)n);
}

static void amt(struct outside *o, uint8_t how, const uint8_t *p, size_t n)
{
	static const uint8_t router[6] = {2, 0, 0, 0, 0, 3};
	struct addr src = address(how & OTHER ? "203.0.113.12" : "203.0.113.11");
	struct addr dst = address("192.0.2.2");
	uint8_t buf[FRAME_MAX] = {0}, *payload;
	struct frame f;
	size_t len;

	listen_upstream(o);
	f = frame_begin(buf, o->mac[OUTSIDE_UPSTREAM], router);
	frame_ip(&f, &src, &dst, IP_PROTO_UDP, 60, 0);
	frame_udp(&f, AMT_PORT, o->amt_port);
	payload = buf + wr_len(&f.w);
	n = n < FRAME_MAX - wr_len(&f.w) ? n : FRAME_MAX - wr_len(&f.w);
	wr_copy(&f.w, p, n);
	if (how & RIGHT_NONCE && n >= 8 && payload[0] == AMT_RELAY_ADVERTISEMENT)
		memcpy(payload + 4, o->discovery_nonce, NONCE_LEN);
	if (how & RIGHT_NONCE && n >= 12 && payload[0] == AMT_MEMBERSHIP_QUERY)
		memcpy(payload + 8, o->request_nonce, NONCE_LEN);
	len = frame_end(&f);
	send_frame(o, OUTSIDE_UPSTREAM, buf, len);
}

// ---- clients

// Says the octets, and reads until the other end closes or the time is over. Whether it closed.
static bool client(int fd, const void *text, size_t len, unsigned int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t end = lab_mono_ns() + ms * (uint64_t)NS_PER_MS;
	char buf[4096];
	ssize_t n = -1;

	if (send(fd, text, len, MSG_NOSIGNAL) < 0)
		return false;
	while (lab_mono_ns() < end && n != 0) {
		if (poll(&p, 1, (int)((end - lab_mono_ns()) / NS_PER_MS) + 1) <= 0)
			continue;
		n = read(fd, buf, sizeof(buf));
		if (n < 0 && errno != EINTR)
			break;
	}
	return n == 0;
}

// client() of a server at this address.
static bool visit(
	const void *address, socklen_t address_len, const void *text, size_t len, unsigned int ms)
{
	const struct sockaddr *sa = address;
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool closed = fd >= 0 && connect(fd, sa, address_len) == 0 && client(fd, text, len, ms);

	if (fd >= 0)
		close(fd);
	return closed;
}

static bool console(const struct outside *o, const void *text, size_t len, unsigned int ms)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", o->console);
	return visit(&sa, sizeof(sa), text, len, ms);
}

bool outside_answers(const struct outside *o, unsigned int ms)
{
	static const char line[] = "run show health\n";

	return console(o, line, sizeof(line) - 1, ms);
}

// Only what shows: another verb may write a file, or end the appliance.
static void console_line(const struct outside *o, const uint8_t *p, size_t n)
{
	static const char *const verbs[] = {"show ", "help ", "explain "};
	char line[MAX_CONSOLE + 8] = "run ";
	size_t at = 4;

	for (size_t i = 0; i < n && at < MAX_CONSOLE; i++)
		line[at++] = p[i] && p[i] != '\n' ? (char)p[i] : ' ';
	line[at++] = '\n';
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strncmp(line + 4, verbs[i], strlen(verbs[i])) == 0)
			console(o, line, at, CLIENT_MS);
}

static void http(const struct outside *o, const uint8_t *p, size_t n)
{
	struct sockaddr_in sa = {.sin_family = AF_INET,
		.sin_port = htons(o->metrics),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};

	if (o->metrics)
		visit(&sa, sizeof(sa), p, n, 20); // one that is not whole has no answer
}

void outside_play(struct outside *o, const uint8_t *data, size_t size)
{
	struct rd r = rd_init(data, size);
	unsigned int waited = 0;

	for (int i = 0; i < MAX_ACTIONS && rd_left(&r) >= 3; i++) {
		uint8_t how = rd_u8(&r);
		size_t n = rd_be16(&r);
		const uint8_t *p;

		n = n < rd_left(&r) ? n : rd_left(&r);
		p = rd_bytes(&r, n);
		switch ((enum kind)((how & KIND) % KINDS)) {
		case FRAME_DOWN:
			raw(o, OUTSIDE_DOWNSTREAM, how, p, n);
			break;
		case FRAME_UP:
			raw(o, OUTSIDE_UPSTREAM, how, p, n);
			break;
		case PIM4:
			message(o, how & OTHER ? "10.9.1.3" : "10.9.1.1", "224.0.0.13",
				IP_PROTO_PIM, how, p, n);
			break;
		case PIM6:
			message(o, how & OTHER ? "fe80::3" : "fe80::1", "ff02::d", IP_PROTO_PIM,
				how, p, n);
			break;
		case IGMP:
			message(o, how & OTHER ? "10.9.1.10" : "10.9.1.9", "224.0.0.22",
				IP_PROTO_IGMP, how, p, n);
			break;
		case MLD:
			message(o, how & OTHER ? "fe80::10" : "fe80::9", "ff02::16",
				IP_PROTO_ICMPV6, how, p, n);
			break;
		case AMT:
			amt(o, how, p, n);
			break;
		case HTTP:
			http(o, p, n);
			break;
		case CONSOLE:
			console_line(o, p, n);
			break;
		default:
			n = n < MAX_WAIT_MS - waited ? n : MAX_WAIT_MS - waited;
			waited += (unsigned int)n;
			pause_ms((unsigned int)n);
			break;
		}
	}
	listen_upstream(o);
}
