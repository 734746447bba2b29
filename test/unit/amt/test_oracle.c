// SPDX-License-Identifier: BSD-3-Clause
// tshark reads what the gateway sends: an implementation that shares nothing with ours.
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cursor.h"
#include "lab.h"
#include "wire/ip.h"

#define S USEC_PER_SEC

static const char *const fields[] = {"amt.type", "amt.discovery_nonce", "amt.request_nonce",
	"amt.response_mac", "amt.request.p", "amt.gateway.port_number", "amt.gateway.ip_address",
	"igmp.type", "igmp.num_grp_recs", "igmp.record_type", "igmp.aux_data_len", "igmp.maddr",
	"igmp.saddr", "igmp.checksum.status", "ip.checksum.status", "udp.checksum.status",
	"ip.opt.ra", "ip.ttl", "ip.dsfield", "_ws.malformed"};

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

// Ethernet, IPv4 and UDP as the kernel would put them in front.
static void frame_write(pcap_dumper_t *out, const struct lab *lab, const struct lab_sent *s)
{
	uint8_t f[1600] = {[12] = 8, [14] = 0x45, [15] = 0xc0, [22] = 64, [23] = 17};
	uint8_t *ip = f + 14, *udp = f + 34;
	uint16_t udp_len = (uint16_t)(8 + s->len);
	struct pcap_pkthdr hdr = {
		.ts.tv_sec = (time_t)(s->at_us / S), .ts.tv_usec = (suseconds_t)(s->at_us % S)};
	uint32_t sum;

	put16(ip + 2, (uint16_t)(20 + udp_len));
	memcpy(ip + 12, lab->local.bytes, 4);
	memcpy(ip + 16, s->dst.bytes, 4);
	put16(ip + 10, ip_cksum(ip, 20));
	put16(udp, 32768);
	put16(udp + 2, AMT_PORT);
	put16(udp + 4, udp_len);
	memcpy(udp + 8, s->buf, s->len);
	sum = ip_cksum_add(0, ip + 12, 8);
	sum = ip_cksum_add(sum, (const uint8_t[]){0, 17, udp[4], udp[5]}, 4);
	put16(udp + 6, ip_cksum_fold(ip_cksum_add(sum, udp, udp_len)));
	hdr.caplen = hdr.len = 14 + 20 + udp_len;
	pcap_dump((uint8_t *)out, &hdr, f);
}

static void dump(const struct lab *lab, const char *path)
{
	pcap_t *p = pcap_open_dead(DLT_EN10MB, 65535);
	pcap_dumper_t *out = pcap_dump_open(p, path);

	assert_non_null(out);
	for (size_t i = 0; i < lab->n_sent; i++)
		frame_write(out, lab, &lab->sent[i]);
	pcap_dump_close(out);
	pcap_close(p);
}

static FILE *oracle(const char *path)
{
	char cmd[2048];
	int n = snprintf(cmd, sizeof(cmd),
		"tshark -n -r %s -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE "
		"-T fields -E separator='|'",
		path);

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		n += snprintf(cmd + n, sizeof(cmd) - (size_t)n, " -e %s", fields[i]);
	snprintf(cmd + n, sizeof(cmd) - (size_t)n, " 2>/dev/null");
	return popen(cmd, "r"); // NOLINT: a fixed command line
}

static void expect(FILE *f, const char *want)
{
	char line[65536];

	assert_non_null(fgets(line, sizeof(line), f));
	line[strcspn(line, "\n")] = 0;
	assert_string_equal(line, want);
}

static void expect_update(FILE *f, const struct lab_sent *s, const char *records)
{
	char want[512];

	snprintf(want, sizeof(want),
		"5||0x%08x|0x0000%02x%02x%02x%02x%02x%02x||||0x22|%s|1|1,1|1|0|64,1|0xc0,0xc0|",
		s->msg.nonce, s->msg.mac[0], s->msg.mac[1], s->msg.mac[2], s->msg.mac[3],
		s->msg.mac[4], s->msg.mac[5], records);
	expect(f, want);
}

static void discovered_cb(void *arg, const struct addr *relay, uint64_t now_us)
{
	(void)arg;
	(void)relay;
	(void)now_us;
}

// Discovery, Request, current state, ALLOW, BLOCK and Teardown.
static void scenario(struct lab *lab)
{
	struct sg c = lab_sg("192.0.2.12", "232.252.0.2"), d = lab_sg("192.0.2.13", "232.252.0.2"),
		  e = lab_sg("192.0.2.12", "232.252.0.3");
	struct addr anycast = lab_addr("192.52.193.1");
	struct lab_query q = {
		.g = true, .gateway = "198.51.100.10", .port = 32768, .qrv = 1, .qqic = 125};
	struct amt_discovery *disc;

	lab_open(lab);
	disc = amt_discovery_start(lab->gw, &anycast, discovered_cb, NULL, lab->now);
	amt_discovery_cancel(lab->gw, disc);
	lab_tunnel(lab);
	amt_tunnel_join(lab->t, &c, lab->now);
	amt_tunnel_join(lab->t, &d, lab->now);
	lab_answer(lab, &q);
	amt_tunnel_join(lab->t, &e, lab->now);
	amt_tunnel_leave(lab->t, &d, lab->now);
	amt_tunnel_close(lab->t, lab->now);
	lab->t = NULL;
}

static void test_what_is_sent(void **state)
{
	char path[] = "/tmp/amt-oracle-XXXXXX", want[512];
	int fd = mkstemp(path);
	struct lab lab;
	FILE *f;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	if (system("command -v tshark >/dev/null") != 0) { // NOLINT: a fixed command line
		unlink(path);
		print_message("tshark is not installed\n");
		skip();
	}
	scenario(&lab);
	assert_int_equal(lab.n_sent, 6);
	dump(&lab, path);
	f = oracle(path);
	assert_non_null(f);
	snprintf(want, sizeof(want), "1|0x%08x|||||||||||||1|1||64|0xc0|", lab.sent[0].msg.nonce);
	expect(f, want);
	snprintf(want, sizeof(want), "3||0x%08x||0||||||||||1|1||64|0xc0|", lab.sent[1].msg.nonce);
	expect(f, want);
	expect_update(f, &lab.sent[2], "1|1|0|232.252.0.2|192.0.2.12,192.0.2.13");
	expect_update(f, &lab.sent[3], "1|5|0|232.252.0.3|192.0.2.12");
	expect_update(f, &lab.sent[4], "1|6|0|232.252.0.2|192.0.2.13");
	snprintf(want, sizeof(want),
		"7||0x%08x|0x0000%02x%02x%02x%02x%02x%02x||32768|::198.51.100.10||||||||1|1||64|"
		"0xc0|",
		lab.sent[5].msg.nonce, lab.sent[5].msg.mac[0], lab.sent[5].msg.mac[1],
		lab.sent[5].msg.mac[2], lab.sent[5].msg.mac[3], lab.sent[5].msg.mac[4],
		lab.sent[5].msg.mac[5]);
	expect(f, want);
	assert_int_equal(pclose(f), 0);
	unlink(path);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_sent),
	};

	return RUN_TESTS(tests);
}
