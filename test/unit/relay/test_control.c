// SPDX-License-Identifier: BSD-3-Clause
// Discovery, Request, MACs, Teardown, switches (RFC 7450 section 5.3.3).
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "amt/relay_internal.h"

#define S  "192.0.2.12"
#define G  "232.252.0.2"
#define GW "198.51.100.10"

static void siphash_is_the_published_one(void **state)
{
	uint8_t key[16], in[15];

	(void)state;
	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	for (uint8_t i = 0; i < 15; i++)
		in[i] = i;
	// The example at the end of the SipHash paper.
	assert_true(relay_siphash(key, in, sizeof(in)) == 0xa129ca6149be45e5ull);
}

static void discovery_is_answered_from_where_it_went(void **state)
{
	struct harness *h = *state;
	struct vector disc, adv;

	vector_get("A01", &disc);
	vector_get("A02", &adv);
	input_vector(h, &disc);
	assert_int_equal(h->n_sent, 1);
	assert_int_equal(h->sent[0].len, adv.len);
	assert_memory_equal(h->sent[0].buf, adv.amt, adv.len);
	assert_true(addr_eq(&h->sent[0].local, &adv.src));
	assert_true(addr_eq(&h->sent[0].dst, &adv.dst));
	assert_int_equal(h->sent[0].port, adv.dst_port);
	h->opt.advertise = ip4("192.0.2.99");
	input_vector(h, &disc);
	assert_memory_equal(h->sent[1].buf + 8, h->opt.advertise.bytes, 4);
	h->opt.discovery = false;
	input_vector(h, &disc);
	assert_int_equal(h->n_sent, 2);
	assert_int_equal(only_drops(h, RELAY_DROP_SWITCHED_OFF), 1);
}

// The Query of the golden exchange, octet for octet but for the MAC, which is each relay's own.
static void query_is_the_golden_one(void **state)
{
	static const char *const expect[] = {"A04", "A05", "A06"};
	struct harness *h = *state;
	struct vector req, query;

	vector_get("A03", &req);
	for (unsigned int i = 0; i < 3; i++) {
		h->opt.gateway = i != 1;
		h->opt.limit = i == 2;
		h->n_sent = 0;
		vector_get(expect[i], &query);
		input_vector(h, &req);
		assert_int_equal(h->n_sent, 1);
		assert_int_equal(h->sent[0].len, query.len);
		memcpy(query.amt + 2, h->sent[0].buf + 2, 6);
		assert_memory_equal(h->sent[0].buf, query.amt, query.len);
		assert_int_equal(h->sent[0].port, query.dst_port);
	}
	assert_int_equal(relay_endpoint_count(h->r), 0); // no state of a Request
	assert_int_equal(h->timers.count, 1);		 // the secret's
	vector_get("A18", &req);			 // E: reserved to us, ignored
	input_vector(h, &req);
	assert_int_equal(h->n_sent, 2);
	vector_get("A14", &req);
	h->opt.mld = false;
	input_vector(h, &req);
	assert_int_equal(h->n_sent, 2);
	assert_int_equal(only_drops(h, RELAY_DROP_MLD), 1);
}

static void query_says_the_options(void **state)
{
	static const struct {
		uint32_t qi;
		uint8_t qrv, qqic;
	} rows[] = {{0, 0, 0}, {1, 1, 1}, {127, 7, 127}, {128, 2, 0x80}, {31744, 2, 0xff},
		{131, 2, 0x80}};
	struct harness *h = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		h->opt.query_interval_s = rows[i].qi;
		h->opt.qrv = rows[i].qrv;
		gateway_request(h, GW, 32768, 1);
		assert_int_equal(h->sent[0].buf[12 + 24 + 8], rows[i].qrv);
		assert_int_equal(h->sent[0].buf[12 + 24 + 9], rows[i].qqic);
	}
}

static void mac_depends_on_everything(void **state)
{
	struct harness *h = *state;
	struct gateway gw = gateway_request(h, GW, 32768, 7), other;

	other = gateway_request(h, GW, 32768, 7);
	assert_memory_equal(gw.mac, other.mac, 6);
	other = gateway_request(h, GW, 32769, 7);
	assert_memory_not_equal(gw.mac, other.mac, 6);
	other = gateway_request(h, "198.51.100.11", 32768, 7);
	assert_memory_not_equal(gw.mac, other.mac, 6);
	other = gateway_request(h, GW, 32768, 8);
	assert_memory_not_equal(gw.mac, other.mac, 6);
}

static void update_needs_its_mac(void **state)
{
	struct harness *h = *state;
	struct gateway gw = gateway_request(h, GW, 32768, 7), bad;

	bad = gw;
	bad.port++;
	update(h, &bad, IGMP_ALLOW, S, G);
	bad = gw;
	bad.addr = ip4("198.51.100.11");
	update(h, &bad, IGMP_ALLOW, S, G);
	bad = gw;
	bad.nonce++;
	update(h, &bad, IGMP_ALLOW, S, G);
	for (int bit = 0; bit < 48; bit++) {
		bad = gw;
		bad.mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
		update(h, &bad, IGMP_ALLOW, S, G);
	}
	assert_int_equal(only_drops(h, RELAY_DROP_MAC), 51);
	assert_int_equal(relay_endpoint_count(h->r), 0);
	assert_int_equal(h->n_wants, 0);
	update(h, &gw, IGMP_ALLOW, S, G);
	assert_true(gets(h, &gw, S, G));
	assert_int_equal(all_drops(h), 51);
}

static void golden_updates_with_our_mac(void **state)
{
	struct harness *h = *state;
	struct gateway gw = gateway_request(h, GW, 32768, 0xcafef00d);
	static const struct {
		const char *id;
		uint32_t channels;
	} rows[] = {{"A07", 0}, {"A08", 1}, {"A10", 0}, {"A09", 3}, {"A10", 2}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vector v;

		vector_get(rows[i].id, &v);
		memcpy(v.amt + 2, gw.mac, 6);
		input_vector(h, &v);
		assert_int_equal(relay_channel_count(h->r), rows[i].channels);
		assert_int_equal(all_drops(h), 0);
	}
	assert_int_equal(relay_endpoint_count(h->r), 1);
}

static void golden_teardown_with_our_mac(void **state)
{
	struct harness *h = *state;
	struct gateway gw = gateway_request(h, GW, 32768, 0xcafef00d);
	struct vector v;

	update(h, &gw, IGMP_ALLOW, S, G);
	vector_get("A13", &v); // comes from port 32769
	input_vector(h, &v);
	assert_int_equal(only_drops(h, RELAY_DROP_MAC), 1);
	assert_true(gets(h, &gw, S, G));
	memcpy(v.amt + 2, gw.mac, 6);
	input_vector(h, &v);
	assert_false(gets(h, &gw, S, G));
	assert_int_equal(relay_endpoint_count(h->r), 0);
	input_vector(h, &v); // repeated (section 5.2.3.7.2): nothing left to do
	assert_int_equal(only_drops(h, RELAY_DROP_MAC), 1);
}

static void teardown_names_one_endpoint(void **state)
{
	struct harness *h = *state;
	struct gateway a = gateway_request(h, GW, 1000, 1), b = gateway_request(h, GW, 1001, 2);
	struct gateway forged = b;

	update(h, &a, IGMP_ALLOW, S, G);
	update(h, &b, IGMP_ALLOW, S, G);
	update(h, &b, IGMP_ALLOW, S, "232.1.1.1");
	memcpy(forged.mac, a.mac, 6); // a's proof, b's fields
	teardown(h, &forged, 1000);
	assert_int_equal(only_drops(h, RELAY_DROP_MAC), 1);
	h->opt.gateway = false;
	teardown(h, &b, 1001);
	assert_int_equal(relay_stats(h->r)->drops[RELAY_DROP_TEARDOWN], 1);
	assert_int_equal(relay_endpoint_count(h->r), 2);
	h->opt.gateway = true;
	teardown(h, &b, 5555);
	assert_int_equal(relay_endpoint_count(h->r), 1);
	assert_true(gets(h, &a, S, G));
	assert_false(gets(h, &b, S, G));
	assert_int_equal(relay_stats(h->r)->leaves, 2);
}

static void secrets_rotate(void **state)
{
	struct harness *h = *state;
	struct gateway old = gateway_request(h, GW, 1000, 1), now;

	relay_secret_new(h->r, false, h->now_us);
	now = gateway_request(h, GW, 1000, 1);
	assert_memory_not_equal(old.mac, now.mac, 6);
	update(h, &old, IGMP_ALLOW, S, G);
	update(h, &now, IGMP_ALLOW, S, G);
	assert_int_equal(all_drops(h), 0);
	advance(h, 249);
	update(h, &old, IGMP_ALLOW, S, G);
	assert_int_equal(all_drops(h), 0);
	advance(h, 1); // 2 * 125 s: the old one is over
	update(h, &old, IGMP_ALLOW, S, G);
	assert_int_equal(only_drops(h, RELAY_DROP_MAC), 1);
	update(h, &now, IGMP_ALLOW, S, G);
	assert_int_equal(all_drops(h), 1);
	relay_secret_new(h->r, true, h->now_us);
	update(h, &now, IGMP_ALLOW, S, G);
	assert_int_equal(only_drops(h, RELAY_DROP_MAC), 2);
	now = gateway_request(h, GW, 1000, 1);
	advance(h, 7199);
	old = gateway_request(h, GW, 1000, 1);
	assert_memory_equal(now.mac, old.mac, 6);
	advance(h, 1); // by itself after two hours
	now = gateway_request(h, GW, 1000, 1);
	assert_memory_not_equal(now.mac, old.mac, 6);
	update(h, &old, IGMP_ALLOW, S, G);
	assert_int_equal(all_drops(h), 2);
}

static void switches(void **state)
{
	struct harness *h = *state;
	struct gateway gw = gateway_request(h, GW, 1000, 1), late = gateway_request(h, GW, 1001, 2);
	const uint8_t disc[8] = {1, 0, 0, 0, 0, 0, 0, 1}, req[8] = {3, 0, 0, 0, 0, 0, 0, 1};

	update(h, &gw, IGMP_ALLOW, S, G);
	h->n_sent = 0;
	h->opt.refuse = true;
	input(h, &gw.addr, 1000, disc, sizeof(disc));
	assert_int_equal(h->n_sent, 1);
	input(h, &gw.addr, 1000, req, sizeof(req));
	update(h, &late, IGMP_ALLOW, S, G);
	assert_int_equal(h->n_sent, 1);
	assert_int_equal(only_drops(h, RELAY_DROP_SWITCHED_OFF), 2);
	assert_true(gets(h, &gw, S, G));
	h->opt.refuse = false;
	h->opt.drop_updates = true;
	update(h, &late, IGMP_ALLOW, S, G);
	input(h, &gw.addr, 1000, req, sizeof(req));
	assert_int_equal(h->n_sent, 2);
	h->opt.drop_updates = false;
	h->opt.mute = true;
	assert_false(gets(h, &gw, S, G));
	update(h, &late, IGMP_ALLOW, S, G);
	h->opt.mute = false;
	assert_true(gets(h, &late, S, G));
	h->opt.silent = true;
	input(h, &gw.addr, 1000, disc, sizeof(disc));
	input(h, &gw.addr, 1000, req, sizeof(req));
	update(h, &gw, IGMP_BLOCK, S, G);
	teardown(h, &gw, 1000);
	assert_false(gets(h, &gw, S, G));
	assert_int_equal(h->n_sent, 2);
	h->opt.silent = false;
	assert_true(gets(h, &gw, S, G));
	assert_int_equal(only_drops(h, RELAY_DROP_SWITCHED_OFF), 7);
}

// A copy of its own for each length, so that a read past the end is one for the sanitizer too.
static void input_cut(struct harness *h, const struct vector *v, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, v->amt, len);
	relay_input(h->r, &v->dst, &v->src, v->src_port, copy, len, h->now_us);
	free(copy);
}

static void every_truncation_is_one_drop(void **state)
{
	static const char *const ids[] = {"A01", "A03", "A08", "A09", "A13"};
	struct harness *h = *state;
	struct gateway gw = gateway_request(h, GW, 32768, 0xcafef00d);

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct vector v;

		vector_get(ids[i], &v);
		if (v.amt[0] == AMT_MEMBERSHIP_UPDATE || v.amt[0] == AMT_TEARDOWN)
			memcpy(v.amt + 2, gw.mac, 6);
		h->n_sent = 0;
		for (size_t len = 0; len < v.len; len++) {
			uint64_t before = all_drops(h);

			input_cut(h, &v, len);
			assert_int_equal(all_drops(h), before + 1);
		}
		assert_int_equal(h->n_sent, 0);
		assert_int_equal(relay_endpoint_count(h->r), 0);
	}
}

static void what_is_not_for_a_relay(void **state)
{
	struct vector all[VECTORS_MAX];
	struct harness *h = *state;
	size_t n = vectors_load(all);
	struct gateway gw;

	gw = gateway_request(h, GW, 32768, 1);
	update(h, &gw, IGMP_ALLOW, S, G);
	for (size_t i = 0; i < n; i++) {
		uint64_t before = all_drops(h);

		// What a gateway could have sent is N30 alone, among the negative ones.
		if (all[i].name[0] != 'N' && all[i].amt[0] != AMT_MULTICAST_DATA &&
			all[i].amt[0] != AMT_MEMBERSHIP_QUERY)
			continue;
		input_vector(h, &all[i]);
		if (strncmp(all[i].name, "N30", 3) != 0)
			assert_int_equal(all_drops(h), before + 1);
		assert_true(gets(h, &gw, S, G));
	}
	assert_int_equal(relay_endpoint_count(h->r), 1);
}

#define RELAY_TEST(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_is_the_published_one),
		RELAY_TEST(discovery_is_answered_from_where_it_went),
		RELAY_TEST(query_is_the_golden_one),
		RELAY_TEST(query_says_the_options),
		RELAY_TEST(mac_depends_on_everything),
		RELAY_TEST(update_needs_its_mac),
		RELAY_TEST(golden_updates_with_our_mac),
		RELAY_TEST(golden_teardown_with_our_mac),
		RELAY_TEST(teardown_names_one_endpoint),
		RELAY_TEST(secrets_rotate),
		RELAY_TEST(switches),
		RELAY_TEST(every_truncation_is_one_drop),
		RELAY_TEST(what_is_not_for_a_relay),
	};

	return RUN_TESTS(tests);
}
