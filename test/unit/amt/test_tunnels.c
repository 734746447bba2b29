// SPDX-License-Identifier: BSD-3-Clause
// Many tunnels, many channels in one, many messages: what belongs to each alone.
#include "../wire/vectors.h"
#include "lab.h"
#include "wire/ip.h"

#define S    USEC_PER_SEC
#define MANY 1000

// I-01: nonce, MAC, QRV, QQI, timers and reports are a tunnel's own.
static void each_has_its_own_state(void **state)
{
	static struct amt_tunnel *tunnels[MANY];
	static uint32_t nonces[MANY];
	struct sg c = lab_sg("192.0.2.12", "232.252.0.2");
	struct amt_tunnel_view v;
	struct lab lab;

	(void)state;
	lab_open(&lab);
	for (uint32_t i = 0; i < MANY; i++) {
		lab.relay = addr_from_v4(__builtin_bswap32(0xcb007100u + i));
		lab_tunnel(&lab);
		tunnels[i] = lab.t;
		nonces[i] = lab_nonce(&lab);
		for (uint32_t k = 0; k < i; k++)
			assert_int_not_equal(nonces[i], nonces[k]);
	}
	// All but each fourth are answered, with intervals of their own.
	for (uint32_t i = 0; i < MANY; i++) {
		struct lab_query q = {.nonce = nonces[i],
			.qrv = (uint8_t)(1 + i % 3),
			.qqic = (uint8_t)(20 + i % 100)};

		lab.t = tunnels[i];
		lab.relay = addr_from_v4(__builtin_bswap32(0xcb007100u + i));
		lab.n_events = 0;
		if (i % 4 == 0)
			continue;
		// That of the tunnel before is none of its.
		q.nonce = nonces[i - 1];
		lab_answer(&lab, &q);
		assert_int_equal(lab.n_events, 0);
		q.nonce = nonces[i];
		lab_answer(&lab, &q);
		assert_int_equal(lab.events[0], AMT_EV_UP);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		amt_tunnel_view(tunnels[i], &v);
		assert_int_equal(v.state, i % 4 ? AMT_UP : AMT_REQUESTING);
		if (i % 4 == 0)
			continue;
		assert_int_equal(v.ipv4.qrv, 1 + i % 3);
		assert_int_equal(v.ipv4.query_interval_s, 20 + i % 100);
		assert_true(v.ipv4.next_request_us == lab.now + (20 + i % 100) * S);
		lab_forget(&lab);
		lab.t = tunnels[i];
		assert_int_equal(amt_tunnel_join(tunnels[i], &c, lab.now), 0);
		assert_int_equal(lab.n_sent, 1);
		assert_int_equal(lab.sent[0].msg.nonce, nonces[i]);
		assert_memory_equal(lab.sent[0].msg.mac, &nonces[i], 4);
	}
	for (uint32_t i = 0; i < MANY; i++)
		amt_tunnel_close(tunnels[i], lab.now);
	lab.t = NULL;
	lab_close(&lab);
}

// T-06: a Teardown would end the others' memberships as well.
static void one_of_several_leaves_by_block(void **state)
{
	struct lab_query q = {
		.g = true, .gateway = "198.51.100.10", .port = 32768, .qrv = 2, .qqic = 125};
	struct sg c = lab_sg("192.0.2.12", "232.252.0.2"), d = lab_sg("192.0.2.13", "232.252.0.2");
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_tunnel(&lab);
	lab_answer(&lab, &q);
	amt_tunnel_join(lab.t, &c, lab.now);
	amt_tunnel_join(lab.t, &d, lab.now);
	lab_run(&lab, lab.now + 10 * S);
	lab_forget(&lab);
	amt_tunnel_leave(lab.t, &c, lab.now);
	lab_run(&lab, lab.now + 10 * S);
	assert_int_equal(lab_count(&lab, AMT_TEARDOWN), 0);
	assert_int_equal(lab.n_sent, 2); // QRV times
	for (size_t i = 0; i < 2; i++)
		lab_expect_record(&lab.sent[i], IGMP_BLOCK, &c);
	// What is left is said in the next cycle, and that alone.
	lab_run(&lab, lab.now + 105 * S);
	lab_forget(&lab);
	q.nonce = 0;
	while (lab_count(&lab, AMT_REQUEST) == 0)
		lab_run(&lab, lab.now + S);
	lab_answer(&lab, &q);
	lab_expect_record(lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, 0), IGMP_IS_IN, &d);
	lab_close(&lab);
}

// G-04: whatever follows a message in its datagram is not a second one.
static void one_message_a_datagram(void **state)
{
	struct addr to = lab_addr("203.0.113.15");
	uint8_t buf[512];
	struct vector v;
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_tunnel(&lab);
	vector_get("A05", &v);
	memcpy(v.amt + 8, lab.sent[0].buf + 4, 4);
	// A Query behind a Query that is refused, and one behind one that is taken.
	memcpy(buf, v.amt, v.len);
	memcpy(buf + v.len, v.amt, v.len);
	buf[8] ^= 1;
	amt_tunnel_input(lab.t, &to, AMT_PORT, buf, 2 * v.len, lab.now);
	assert_int_equal(amt_gateway_stats(lab.gw)->drops[AMT_DROP_NONCE], 1);
	assert_int_equal(lab.n_events, 0);
	buf[8] ^= 1;
	amt_tunnel_input(lab.t, &to, AMT_PORT, buf, 2 * v.len, lab.now);
	assert_int_equal(amt_gateway_stats(lab.gw)->query_rx, 1);
	assert_int_equal(lab_drops(&lab), 1);
	// And what we say is one message, to its last octet.
	for (uint32_t i = 0; i < 300; i++) {
		struct sg sg = lab_sg_nth(i, 3);

		amt_tunnel_join(lab.t, &sg, lab.now);
	}
	lab_run(&lab, lab.now + 300 * S);
	assert_true(lab.n_sent > 300);
	for (size_t i = 0; i < lab.n_sent; i++) {
		const struct lab_sent *m = &lab.sent[i];
		const uint8_t *ip = m->msg.inner;

		if (m->msg.type == AMT_REQUEST)
			assert_int_equal(m->len, 8);
		else
			assert_int_equal(m->len, 12 + (size_t)(ip[2] << 8 | ip[3]));
	}
	lab_close(&lab);
}

static void nothing_cb(void *arg, const struct addr *relay, uint64_t now_us)
{
	(void)arg;
	(void)relay;
	(void)now_us;
}

// E-02: though RFC 9601 says "Discovery" once, E is the Request's; Discovery's reserved bits stay
// 0.
static void discovery_has_no_flag(void **state)
{
	struct amt_discovery *d;
	struct addr to;
	struct lab lab;

	(void)state;
	lab_open_ecn(&lab, 1280);
	to = lab_addr("192.52.193.1");
	d = amt_discovery_start(lab.gw, &to, nothing_cb, NULL, lab.now);
	assert_non_null(d);
	lab_run(&lab, lab.now + 3 * S);
	assert_true(lab.n_sent > 1);
	for (size_t i = 0; i < lab.n_sent; i++) {
		assert_int_equal(lab.sent[i].len, 8);
		assert_memory_equal(lab.sent[i].buf, "\1\0\0\0", 4);
	}
	amt_discovery_cancel(lab.gw, d);
	lab_close(&lab);
}

// The ICMPv6 checksum of a datagram whose extension headers take eight octets.
static void fix_icmpv6(uint8_t *ip, size_t hdr_len)
{
	size_t len = (size_t)(ip[4] << 8 | ip[5]) - (hdr_len - 40);
	uint8_t *icmp = ip + hdr_len;
	uint32_t sum;

	icmp[2] = icmp[3] = 0;
	sum = ip_cksum_add(0, ip + 8, 32);
	sum = ip_cksum_add(sum, (const uint8_t[]){0, (uint8_t)len, 0, 58}, 4);
	sum = ip_cksum_add(sum, icmp, len);
	icmp[2] = (uint8_t)(ip_cksum_fold(sum) >> 8);
	icmp[3] = (uint8_t)ip_cksum_fold(sum);
}

// Q-08, Q-08b: the inner General Query is taken from any source, and without what a router would
// ask of it on a link: Router Alert, hop limit, traffic class. A15 and A36, changed.
static void inner_query_of_any_kind(void **state)
{
	static const char *const sources[] = {
		"::", "fe80::1", "2001:db8::1", "fd00::1", "2001:db8:2::15", "::1"};
	struct vector v;
	struct lab lab;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		for (int what = 0; what < 5; what++) {
			struct addr src = lab_addr(sources[i]);
			uint8_t *ip = v.amt + 12;
			static const uint8_t pad_n[] = {1, 4, 0, 0, 0, 0};
			size_t hdr_len = 48;

			lab_open(&lab);
			lab.t = amt_tunnel_open_for(
				lab.gw, &lab.relay, ADDR_V6, &lab, &lab.local, lab.now);
			assert_non_null(lab.t);
			vector_get("A15", &v);
			memcpy(v.amt + 8, lab.sent[0].buf + 4, 4);
			memcpy(ip + 8, src.bytes, 16);
			if (what == 1)
				memset(ip + 46, 0, 2); // Linux: Pad1 Pad1
			if (what == 2)
				memcpy(ip + 42, pad_n, sizeof(pad_n));
			if (what == 3)
				ip[7] = 64;
			if (what == 4) { // no extension header at all
				memmove(ip + 40, ip + 48, v.len - 12 - 48);
				v.len -= 8;
				ip[5] = (uint8_t)(ip[5] - 8);
				ip[6] = 58;
				hdr_len = 40;
			}
			fix_icmpv6(ip, hdr_len);
			amt_tunnel_input(lab.t, &lab.relay, AMT_PORT, v.amt, v.len, lab.now);
			if (lab.n_events != 1 || lab.events[0] != AMT_EV_UP)
				fail_msg("from %s, %d", sources[i], what);
			lab_close(&lab);
		}
	}
	// Over IPv6 the same.
	lab_open(&lab);
	lab.relay = lab_addr("2001:db8:2::15");
	lab.t = amt_tunnel_open_for(lab.gw, &lab.relay, ADDR_V6, &lab, &lab.local, lab.now);
	vector_get("A36", &v);
	memcpy(v.amt + 8, lab.sent[0].buf + 4, 4);
	amt_tunnel_input(lab.t, &v.src, v.src_port, v.amt, v.len, lab.now);
	assert_int_equal(lab.n_events, 1);
	lab_close(&lab);
}

// Q-04, HR-10 for MLD: queries that are for a group, for sources, of MLDv1, or wrong.
static void mld_queries_refused(void **state)
{
	static const struct {
		const char *what;
		enum amt_drop drop;
	} rows[] = {{"for a group", AMT_DROP_QUERY_NOT_GENERAL},
		{"for a source", AMT_DROP_QUERY_NOT_GENERAL}, {"MLDv1", AMT_DROP_QUERY_LENGTH},
		{"between the two", AMT_DROP_QUERY_LENGTH}, {"no query", AMT_DROP_QUERY_PROTOCOL},
		{"checksum", AMT_DROP_QUERY_CHECKSUM}, {"overrun", AMT_DROP_QUERY_IP}};
	struct vector v;
	struct lab lab;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t *ip = v.amt + 12, *icmp = ip + 48;
		struct addr g = lab_addr("ff3e::8000:d");

		lab_open(&lab);
		lab.t = amt_tunnel_open_for(lab.gw, &lab.relay, ADDR_V6, &lab, &lab.local, lab.now);
		assert_non_null(lab.t);
		vector_get("A15", &v);
		memcpy(v.amt + 8, lab.sent[0].buf + 4, 4);
		v.amt[1] = 0; // without gateway fields
		v.len -= 18;
		switch (i) {
		case 0:
			memcpy(icmp + 8, g.bytes, 16);
			break;
		case 1:
			memcpy(icmp + 28, g.bytes, 16);
			icmp[27] = 1;
			v.len += 16;
			ip[5] = (uint8_t)(ip[5] + 16);
			break;
		case 2:
			v.len -= 4;
			ip[5] = (uint8_t)(ip[5] - 4);
			break;
		case 3:
			v.len -= 2;
			ip[5] = (uint8_t)(ip[5] - 2);
			break;
		case 4:
			icmp[0] = 143;
			break;
		case 6:
			ip[5]++;
			break;
		default:
			break;
		}
		if (i < 5)
			fix_icmpv6(ip, 48);
		if (i == 5)
			icmp[2] ^= 1;
		amt_tunnel_input(lab.t, &lab.relay, AMT_PORT, v.amt, v.len, lab.now);
		if (lab.n_events != 0 || amt_gateway_stats(lab.gw)->drops[rows[i].drop] != 1)
			fail_msg("%s", rows[i].what);
		assert_int_equal(lab_drops(&lab), 1);
		lab_close(&lab);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_has_its_own_state),
		cmocka_unit_test(one_of_several_leaves_by_block),
		cmocka_unit_test(one_message_a_datagram),
		cmocka_unit_test(discovery_has_no_flag),
		cmocka_unit_test(inner_query_of_any_kind),
		cmocka_unit_test(mld_queries_refused),
	};

	return RUN_TESTS(tests);
}
