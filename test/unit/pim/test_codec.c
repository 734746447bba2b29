// SPDX-License-Identifier: BSD-3-Clause
// The PIM codec alone, and what tshark makes of what we send.
#include "harness.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/unit.h"
#include "wire/ip.h"

static struct frame vectors[FRAMES_MAX];

static int load(void **state)
{
	(void)state;
	return frames_load("pim-igmp-dns-vectors.pcap", vectors) == 20 ? 0 : -1;
}

// PF-01, PF-02.
static void header_errors(void **state)
{
	uint8_t buf[8] = {0x20, 0xff};
	uint8_t type;

	(void)state;
	for (size_t len = 0; len < 4; len++)
		assert_int_equal(pim_header_decode(buf, len, &type), PIM_ERR_SHORT);
	pim_seal(buf, 7); // an odd length is padded for the sum; the reserved octet is ignored
	assert_int_equal(pim_header_decode(buf, 7, &type), PIM_OK);
	assert_int_equal(type, PIM_HELLO);
	buf[6] ^= 1;
	assert_int_equal(pim_header_decode(buf, 7, &type), PIM_ERR_CHECKSUM);
	buf[0] = 0x30;
	assert_int_equal(pim_header_decode(buf, 7, &type), PIM_ERR_VERSION);
	for (unsigned int i = 0; i < 14; i++)
		assert_int_equal(pim_header_decode(vectors[i].pim, vectors[i].len, &type), PIM_OK);
}

static void hello_values(void **state)
{
	struct pim_hello h;

	(void)state;
	assert_int_equal(pim_hello_decode(vectors[3].pim, vectors[3].len, &h), PIM_OK);
	assert_true(h.has_genid && h.has_dr_priority && h.has_lan_prune_delay);
	assert_false(h.tracking);
	assert_int_equal(h.holdtime_s, 105);
	assert_int_equal(h.genid, 0x5eed0001);
	assert_int_equal(h.dr_priority, 1);
	assert_int_equal(h.propagation_delay_ms, 500);
	assert_int_equal(h.override_interval_ms, 2500);
}

// PF-04.
static void hello_option_lengths(void **state)
{
	static const uint16_t options[] = {1, 2, 19, 20};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (uint8_t size = 0; size < 8; size++) {
			uint8_t buf[16] = {0x20, 0, 0, 0, 0, (uint8_t)options[i], 0, size};
			uint8_t right = options[i] == 1 ? 2 : 4;
			struct pim_hello h;

			assert_int_equal(pim_hello_decode(buf, 8 + size, &h),
				size == right ? PIM_OK : PIM_ERR_MALFORMED);
		}
	}
}

static void hello_round_trip(void **state)
{
	struct pim_hello in = {.holdtime_s = 0xffff,
		.has_genid = true,
		.has_dr_priority = true,
		.has_lan_prune_delay = true,
		.genid = 0xdeadbeef,
		.dr_priority = 0xffffffff,
		.tracking = true,
		.propagation_delay_ms = 0x7fff,
		.override_interval_ms = 0xffff};
	struct pim_hello out;
	uint8_t buf[PIM_HELLO_LEN], type;

	(void)state;
	for (size_t size = 0; size < PIM_HELLO_LEN; size++)
		assert_int_equal(pim_hello_encode(&in, buf, size), -ENOSPC);
	assert_int_equal(pim_hello_encode(&in, buf, sizeof(buf)), PIM_HELLO_LEN);
	assert_int_equal(pim_header_decode(buf, sizeof(buf), &type), PIM_OK);
	assert_int_equal(pim_hello_decode(buf, sizeof(buf), &out), PIM_OK);
	assert_true(out.has_genid && out.has_dr_priority && out.has_lan_prune_delay);
	assert_true(out.tracking);
	assert_int_equal(out.holdtime_s, in.holdtime_s);
	assert_int_equal(out.genid, in.genid);
	assert_int_equal(out.dr_priority, in.dr_priority);
	assert_int_equal(out.propagation_delay_ms, in.propagation_delay_ms);
	assert_int_equal(out.override_interval_ms, in.override_interval_ms);
}

static void prune_echo_is_the_golden_one(void **state)
{
	struct pim_jp_item item = {.sg = {addr_of("192.0.2.12"), addr_of("232.252.0.2")}};
	struct addr us = neighbor_addr(1);
	uint8_t buf[64];

	(void)state;
	assert_int_equal(pim_jp_encode(&us, 210, &item, 1, buf, sizeof(buf)), vectors[11].len);
	assert_memory_equal(buf, vectors[11].pim, vectors[11].len);
}

struct walked {
	struct pim_jp_item items[8];
	size_t n;
};

static void walk_cb(void *arg, const struct pim_jp_entry *e)
{
	struct walked *w = arg;

	assert_true(w->n < 8);
	assert_false(e->wildcard || e->rpt || e->attributes);
	assert_int_equal(e->g_mask_len, 32);
	assert_int_equal(e->s_mask_len, 32);
	w->items[w->n++] = (struct pim_jp_item){.sg = {e->s, e->g}, .join = e->join};
}

static void jp_round_trip(void **state)
{
	struct pim_jp_item items[6];
	struct addr us = neighbor_addr(1);
	struct walked w = {0};
	struct pim_jp jp;
	uint8_t buf[128];
	int len;

	(void)state;
	// Sets: {1 join, 1 prune}, {prune} {join} of one group as the order is kept, {2 joins}.
	for (unsigned int i = 0; i < 6; i++) {
		items[i].sg = channel_sg(10 + i);
		items[i].sg.g = channel_sg(i / 2).g;
		items[i].join = i != 1 && i != 2;
	}
	len = pim_jp_encode(&us, 17, items, 6, buf, sizeof(buf));
	assert_int_equal(len, 14 + 4 * 12 + 6 * 8);
	assert_int_equal(pim_jp_decode(buf, (size_t)len, &jp), PIM_OK);
	assert_int_equal(jp.n_groups, 4);
	assert_int_equal(jp.holdtime_s, 17);
	assert_true(addr_eq(&jp.upstream, &us));
	pim_jp_walk(&jp, walk_cb, &w);
	assert_int_equal(w.n, 6);
	for (unsigned int i = 0; i < 6; i++) {
		assert_true(sg_eq(&w.items[i].sg, &items[i].sg));
		assert_int_equal(w.items[i].join, items[i].join);
	}
	for (size_t size = 0; size < (size_t)len; size++)
		assert_int_equal(pim_jp_encode(&us, 17, items, 6, buf, size), -ENOSPC);
}

static void jp_encode_limits(void **state)
{
	static struct pim_jp_item items[256];
	static uint8_t buf[8192];
	struct addr us = neighbor_addr(1), v6 = addr_of("2001:db8::1");
	struct pim_jp jp;

	(void)state;
	for (unsigned int i = 0; i < 256; i++)
		items[i] = (struct pim_jp_item){.sg = channel_sg(i), .join = true};
	assert_int_equal(pim_jp_encode(&us, 210, items, 255, buf, sizeof(buf)), 14 + 255 * 20);
	assert_int_equal(pim_jp_encode(&us, 210, items, 256, buf, sizeof(buf)), -ENOSPC);
	assert_int_equal(pim_jp_encode(&v6, 210, items, 1, buf, sizeof(buf)), -EINVAL);
	items[0].sg.s = v6;
	assert_int_equal(pim_jp_encode(&us, 210, items, 1, buf, sizeof(buf)), -EINVAL);
	assert_int_equal(pim_jp_encode(&us, 210, items, 0, buf, sizeof(buf)), 14);
	assert_int_equal(pim_jp_decode(buf, 14, &jp), PIM_OK);
	assert_int_equal(jp.n_groups, 0);
}

static void attribute_cb(void *arg, const struct pim_jp_entry *e)
{
	*(struct pim_jp_entry *)arg = *e;
}

// PF-07, PF-08.
static void sizes_that_cannot_be_known(void **state)
{
	const struct frame *join = &vectors[4], *attr = &vectors[19];
	struct pim_jp_entry e = {0};
	struct pim_jp jp;
	uint8_t buf[64];

	(void)state;
	assert_int_equal(pim_jp_decode(attr->pim, attr->len, &jp), PIM_OK);
	pim_jp_walk(&jp, attribute_cb, &e);
	assert_true(e.attributes && e.join);
	// The last attribute does not say that it is the last.
	memcpy(buf, attr->pim, attr->len);
	buf[attr->len - 4] = 0x01;
	assert_int_equal(pim_jp_decode(buf, attr->len, &jp), PIM_ERR_MALFORMED);
	// Family and encoding of upstream, group, source.
	for (unsigned int at = 4; at <= 26; at += at == 4 ? 10 : 12) {
		memcpy(buf, join->pim, join->len);
		buf[at] = 3;
		assert_int_equal(pim_jp_decode(buf, join->len, &jp), PIM_ERR_FAMILY);
		buf[at] = 1;
		buf[at + 1] = 2;
		assert_int_equal(pim_jp_decode(buf, join->len, &jp), PIM_ERR_ENCODING);
	}
	// Counts at their largest.
	memcpy(buf, join->pim, join->len);
	memset(buf + 22, 0xff, 4);
	assert_int_equal(pim_jp_decode(buf, join->len, &jp), PIM_ERR_MALFORMED);
	memcpy(buf, join->pim, join->len);
	buf[11] = 255;
	assert_int_equal(pim_jp_decode(buf, join->len, &jp), PIM_ERR_MALFORMED);
}

static void dump_ip(pcap_dumper_t *out, const uint8_t *pim, size_t len)
{
	static const uint8_t header[20] = {
		0x45, 0xc0, 0, 0, 0, 0, 0, 0, 1, IP_PROTO_PIM, 0, 0, 10, 1, 1, 1, 224, 0, 0, 13};
	struct pcap_pkthdr hdr = {.caplen = (bpf_u_int32)len + 20, .len = (bpf_u_int32)len + 20};
	uint8_t ip[512];
	uint16_t sum;

	assert_true(len <= sizeof(ip) - 20);
	memcpy(ip, header, 20);
	ip[3] = (uint8_t)(20 + len);
	sum = ip_cksum(ip, 20);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
	memcpy(ip + 20, pim, len);
	pcap_dump((u_char *)out, &hdr, ip);
}

// Hello, PruneEcho and Goodbye as the speaker sends them.
static void dump_speaker(const char *path, char genid[32])
{
	struct bench b;
	pcap_t *dead = pcap_open_dead(DLT_RAW, 65535);
	pcap_dumper_t *out = pcap_dump_open(dead, path);

	assert_non_null(out);
	bench_begin(&b);
	b.log_hellos = true;
	bench_until(&b, 5000);
	bench_expect(&b, "hello-105");
	dump_ip(out, b.last, b.last_len);
	snprintf(genid, 32, "%u", pim_if_genid(b.pif));
	bench_hello(&b, 2, 0xffff, 1);
	bench_hello(&b, 3, 0xffff, 1);
	bench_until(&b, 10000);
	bench_join(&b, 2, 12, 210);
	bench_prune(&b, 2, 12);
	bench_until(&b, 13000);
	assert_int_equal(pim_if_stats(b.pif)->prune_echo_tx, 1);
	dump_ip(out, b.last, b.last_len);
	bench_end(&b); // the harness is not gone: what was sent last is in it
	dump_ip(out, b.last, b.last_len);
	pcap_dump_close(out);
	pcap_close(dead);
}

static void tshark_reads_what_we_send(void **state)
{
	char path[] = "/tmp/inlet-pim-XXXXXX", command[512], genid[32], line[256], expect[256];
	int fd = mkstemp(path);
	FILE *f;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	if (system("command -v tshark >/dev/null 2>&1") != 0) { // NOLINT(cert-env33-c)
		unlink(path);
		print_message("# skipped: tshark is not installed\n");
		skip();
	}
	dump_speaker(path, genid);
	snprintf(command, sizeof(command),
		"tshark -r %s -T fields -E separator=: -e pim.type -e pim.cksum.status "
		"-e pim.holdtime -e pim.propagation_delay -e pim.override_interval "
		"-e pim.dr_priority -e pim.generation_id -e pim.upstream_neighbor "
		"-e pim.numjoins -e pim.numprunes -e pim.prune_ip -e _ws.malformed 2>/dev/null",
		path);
	f = popen(command, "r"); // NOLINT(cert-env33-c)
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	snprintf(expect, sizeof(expect), "0:1:105:500:2500:1:%s:::::\n", genid);
	assert_string_equal(line, expect);
	assert_non_null(fgets(line, sizeof(line), f));
	assert_string_equal(line, "3:1:210:::::10.1.1.1:0:1:192.0.2.12:\n");
	assert_non_null(fgets(line, sizeof(line), f));
	snprintf(expect, sizeof(expect), "0:1:0:500:2500:1:%s:::::\n", genid);
	assert_string_equal(line, expect);
	assert_null(fgets(line, sizeof(line), f));
	pclose(f);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_errors),
		cmocka_unit_test(hello_values),
		cmocka_unit_test(hello_option_lengths),
		cmocka_unit_test(hello_round_trip),
		cmocka_unit_test(prune_echo_is_the_golden_one),
		cmocka_unit_test(jp_round_trip),
		cmocka_unit_test(jp_encode_limits),
		cmocka_unit_test(sizes_that_cannot_be_known),
		cmocka_unit_test(tshark_reads_what_we_send),
	};

	return cmocka_run_group_tests_name(__FILE__, tests, load, NULL);
}
