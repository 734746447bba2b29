// SPDX-License-Identifier: BSD-3-Clause
// MLDv2, IPv6 data, and what real relays do against the RFC.
#include <string.h>

#include "harness.h"
#include "wire/gm.h"

#define GW "198.51.100.10"
#define S1 "192.0.2.12"
#define G1 "232.252.0.2"

static const char *const s6 = "2001:db8:a::a", *const g6 = "ff3e::8000:d";

// A Request with this second octet; true when it is answered, the answer then in *out.
static bool request(
	struct harness *h, uint16_t port, uint8_t flags, uint32_t nonce, struct amt_msg *out)
{
	uint8_t buf[8] = {3, flags, 0, 0, (uint8_t)(nonce >> 24), (uint8_t)(nonce >> 16),
		(uint8_t)(nonce >> 8), (uint8_t)nonce};
	struct addr gw = ip4(GW);
	bool mirrored = h->opt.quirks & AMT_QUIRK_P80;

	h->n_sent = 0;
	input(h, &gw, port, buf, sizeof(buf));
	memset(out, 0, sizeof(*out));
	if (h->n_sent == 0)
		return false;
	assert_int_equal(
		(mirrored ? amt_decode_mirrored : amt_decode)(h->sent[0].buf, h->sent[0].len, out),
		AMT_OK);
	assert_int_equal(out->nonce, nonce);
	return true;
}

static bool is_mld(const struct amt_msg *query)
{
	struct gm_msg gm;

	assert_int_equal(gm_decode(query->inner, query->inner_len, &gm), GM_OK);
	assert_int_equal(gm.type, GM_QUERY);
	assert_true(addr_is_none(&gm.group));
	assert_int_equal(gm.qrv, 2);
	assert_int_equal(gm.qqi_s, 125);
	assert_int_equal(gm.ttl, 1);
	return gm.dst.family == ADDR_V6;
}

static void mld_update(struct harness *h, uint16_t port, const struct amt_msg *query, size_t n)
{
	static uint8_t ip[4000], buf[4096];
	struct amt_msg msg = {.type = AMT_MEMBERSHIP_UPDATE, .nonce = query->nonce, .inner = ip};
	struct addr gw = ip4(GW);
	struct gm_report r;

	memcpy(msg.mac, query->mac, sizeof(msg.mac));
	gm_report_begin(&r, ADDR_V6, ip, sizeof(ip));
	for (size_t i = 0; i < n; i++) {
		struct sg sg = sg4(s6, g6);

		sg.g.bytes[14] = (uint8_t)i;
		assert_int_equal(gm_report_add(&r, IGMP_ALLOW, &sg), 0);
	}
	msg.inner_len = (size_t)gm_report_end(&r);
	input(h, &gw, port, buf, (size_t)amt_encode(&msg, buf, sizeof(buf)));
}

// P selects the protocol; R-04: an MLDv2 report joins.
static void mld(void **state)
{
	struct harness *h = *state;
	struct sg sg = sg4(s6, g6);
	struct amt_msg query;

	assert_true(request(h, 1000, 0, 1, &query));
	assert_false(is_mld(&query));
	assert_true(request(h, 1000, 1, 2, &query));
	assert_true(is_mld(&query));
	assert_true(query.g);
	sg.g.bytes[14] = 0;
	mld_update(h, 1000, &query, 1);
	assert_int_equal(relay_channel_count(h->r), 1);
	assert_true(relay_has_channel(h->r, &sg));
	h->opt.igmp = false;
	assert_false(request(h, 1000, 0, 3, &query));
	assert_int_equal(only_drops(h, RELAY_DROP_IGMP), 1);
}

static void ipv6_data(void **state)
{
	struct harness *h = *state;
	struct sg sg = sg4(s6, g6), got;
	uint8_t ip[60] = {0x60, [5] = 15, 17, 2};
	uint8_t icmp[1300];
	size_t total;

	memcpy(ip + 8, sg.s.bytes, 16);
	memcpy(ip + 24, sg.g.bytes, 16);
	assert_int_equal(relay_data_check(ip, sizeof(ip), &got, &total), RELAY_DATA_OK);
	assert_true(sg_eq(&got, &sg));
	assert_int_equal(total, 55);
	assert_int_equal(relay_data_check(ip, 54, &got, &total), RELAY_DATA_BAD);
	assert_int_equal(relay_data_check(ip, 39, &got, &total), RELAY_DATA_BAD);
	assert_true(relay_data_ttl(ip));
	assert_int_equal(ip[7], 1);
	assert_false(relay_data_ttl(ip));
	ip[25] = 2; // link-local scope
	assert_int_equal(relay_data_check(ip, sizeof(ip), &got, &total), RELAY_DATA_ADDRESS);
	// Packet Too Big quotes what fits into 1280 octets.
	assert_int_equal(relay_icmp6_too_big(ip, sizeof(ip), 1450, icmp, sizeof(icmp)), 68);
	assert_int_equal(icmp[0], 2);
	assert_int_equal(icmp[6] << 8 | icmp[7], 1450);
	assert_memory_equal(icmp + 8, ip, sizeof(ip));
	assert_int_equal(h->n_data, 0);
}

static void p80(void **state)
{
	struct harness *h = *state;
	struct amt_msg query;

	h->opt.quirks = AMT_QUIRK_P80;
	h->opt.limit = true;
	assert_false(request(h, 1000, 0x01, 1, &query));
	assert_false(request(h, 1000, 0x02, 1, &query));
	assert_false(request(h, 1000, 0x81, 1, &query));
	assert_int_equal(only_drops(h, RELAY_DROP_QUIRK_BITS), 3);
	assert_true(request(h, 1000, 0x80, 1, &query));
	assert_true(is_mld(&query));
	assert_int_equal(h->sent[0].buf[1], 0xc0);
	assert_true(query.g && query.l);
	assert_int_equal(query.gateway_port, 1000);
	assert_true(request(h, 1000, 0, 2, &query));
	assert_false(is_mld(&query));
}

static void no_e(void **state)
{
	struct harness *h = *state;
	struct amt_msg query;

	h->opt.quirks = AMT_QUIRK_NO_E;
	assert_false(request(h, 1000, 0x02, 1, &query));
	assert_false(request(h, 1000, 0x03, 1, &query));
	assert_true(request(h, 1000, 0x01, 1, &query));
	assert_int_equal(only_drops(h, RELAY_DROP_QUIRK_E), 2);
}

// The latest Request's nonce is the one that counts, whichever protocol it asked for.
static void one_nonce(void **state)
{
	struct harness *h = *state;
	struct gateway gw;
	struct amt_msg query;

	h->opt.quirks = AMT_QUIRK_ONE_NONCE;
	gw = gateway_request(h, GW, 1000, 1);
	update(h, &gw, IGMP_ALLOW, S1, G1);
	assert_int_equal(relay_channel_count(h->r), 1);
	assert_true(request(h, 1000, 0x01, 2, &query));
	update(h, &gw, IGMP_BLOCK, S1, G1);
	assert_int_equal(relay_channel_count(h->r), 1);
	assert_int_equal(only_drops(h, RELAY_DROP_QUIRK_NONCE), 1);
	mld_update(h, 1000, &query, 1);
	assert_int_equal(relay_channel_count(h->r), 2);
	// Another port is another tunnel, without the other quirk.
	gw = gateway_request(h, GW, 2000, 3);
	mld_update(h, 1000, &query, 2);
	assert_int_equal(relay_channel_count(h->r), 3);
	// Both protocols by one nonce.
	gw = gateway_request(h, GW, 1000, 9);
	assert_true(request(h, 1000, 0x01, 9, &query));
	update(h, &gw, IGMP_BLOCK, S1, G1);
	assert_int_equal(relay_channel_count(h->r), 2);
	// What a Request left is forgotten.
	advance(h, relay_membership_s(&h->opt) + 1);
	assert_int_equal(h->timers.count, 1);
}

// Everything goes to the first port.
static void one_endpoint(void **state)
{
	struct harness *h = *state;
	struct gateway gw, second;

	h->opt.quirks = AMT_QUIRK_ONE_ENDPOINT;
	gw = gateway_request(h, GW, 1000, 1);
	second = gateway_request(h, GW, 2000, 2);
	assert_int_equal(h->sent[0].port, 1000);
	update(h, &second, IGMP_ALLOW, S1, G1);
	assert_int_equal(relay_endpoint_count(h->r), 1);
	assert_true(gets(h, &gw, S1, G1));
}

static void short_updates(void **state)
{
	struct harness *h = *state;
	struct amt_msg query;

	h->opt.quirks = AMT_QUIRK_SHORT_UPDATES;
	assert_true(request(h, 1000, 0x01, 1, &query));
	mld_update(h, 1000, &query, 37); // 12 + 56 + 36 * 37 = 1400
	assert_int_equal(relay_channel_count(h->r), 37);
	mld_update(h, 1000, &query, 38);
	assert_int_equal(relay_channel_count(h->r), 37);
	assert_int_equal(only_drops(h, RELAY_DROP_QUIRK_LENGTH), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(mld, harness_setup, harness_teardown),
		cmocka_unit_test_setup_teardown(ipv6_data, harness_setup, harness_teardown),
		cmocka_unit_test_setup_teardown(p80, harness_setup, harness_teardown),
		cmocka_unit_test_setup_teardown(no_e, harness_setup, harness_teardown),
		cmocka_unit_test_setup_teardown(one_nonce, harness_setup, harness_teardown),
		cmocka_unit_test_setup_teardown(one_endpoint, harness_setup, harness_teardown),
		cmocka_unit_test_setup_teardown(short_updates, harness_setup, harness_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
