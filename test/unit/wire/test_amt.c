// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unit/unit.h"
#include "vectors.h"
#include "wire/amt.h"

// A decode of exactly len octets on the heap, so that a sanitizer sees a read past the end.
static enum amt_decode_err decode(const uint8_t *p, size_t len, struct amt_msg *out, uint8_t **copy)
{
	*copy = malloc(len ? len : 1);
	assert_non_null(*copy);
	memcpy(*copy, p, len);
	return amt_decode(*copy, len, out);
}

static struct addr ip(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void test_vectors_reencode(void **state)
{
	static struct vector v[VECTORS_MAX];
	size_t n = vectors_load(v), valid = 0;

	(void)state;
	for (size_t i = 0; i < n; i++) {
		uint8_t buf[512], *copy;
		struct amt_msg msg;

		if (v[i].name[0] != 'A')
			continue;
		assert_int_equal(decode(v[i].amt, v[i].len, &msg, &copy), AMT_OK);
		assert_int_equal(amt_encode(&msg, buf, sizeof(buf)), v[i].len);
		assert_memory_equal(buf, v[i].amt, v[i].len);
		for (size_t size = 0; size < v[i].len; size++)
			assert_int_equal(amt_encode(&msg, buf, size), -ENOSPC);
		free(copy);
		valid++;
	}
	assert_int_equal(valid, 35);
}

static void test_fields(void **state)
{
	const uint8_t mac[AMT_MAC_LEN] = {0x01, 0x60, 0x2c, 0xa1, 0x53, 0x92};
	struct vector v;
	struct amt_msg m;

	(void)state;
	vector_get("A01", &v);
	assert_int_equal(amt_decode(v.amt, v.len, &m), AMT_OK);
	assert_int_equal(m.type, AMT_RELAY_DISCOVERY);
	assert_int_equal(m.nonce, 0x12345678);
	vector_get("A02", &v);
	assert_int_equal(amt_decode(v.amt, v.len, &m), AMT_OK);
	assert_true(
		addr_eq(&m.relay, &(struct addr){.family = ADDR_V4, .bytes = {203, 0, 113, 15}}));
	vector_get("A19", &v);
	assert_int_equal(amt_decode(v.amt, v.len, &m), AMT_OK);
	assert_true(m.p && m.e);
	vector_get("A14", &v);
	assert_int_equal(amt_decode(v.amt, v.len, &m), AMT_OK);
	assert_true(m.p && !m.e);
	// The inner datagram with what trails it, without the gateway fields (standards Q-09).
	vector_get("A20", &v);
	assert_int_equal(amt_decode(v.amt, v.len, &m), AMT_OK);
	assert_int_equal(m.inner_len, 40);
	assert_true(m.g && !m.l);
	assert_int_equal(m.gateway_port, 32768);
	struct addr gw = ip("198.51.100.10");
	assert_true(addr_eq(&m.gateway_addr, &gw));
	assert_memory_equal(m.mac, mac, sizeof(mac));
	vector_get("A06", &v);
	assert_int_equal(amt_decode(v.amt, v.len, &m), AMT_OK);
	assert_true(m.g && m.l);
	vector_get("A42", &v);
	assert_int_equal(amt_decode(v.amt, v.len, &m), AMT_OK);
	gw = ip("2001:db8:1::10");
	assert_true(addr_eq(&m.gateway_addr, &gw));
}

// A valid message cut short never decodes as more than it holds: an error, or, where the rest is
// an opaque datagram, that datagram cut short.
static void test_truncations(void **state)
{
	static struct vector v[VECTORS_MAX];
	size_t n = vectors_load(v);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		for (size_t len = 0; len < v[i].len && v[i].name[0] == 'A'; len++) {
			struct amt_msg msg;
			uint8_t *copy;
			enum amt_decode_err err = decode(v[i].amt, len, &msg, &copy);

			free(copy);
			switch (v[i].amt[0]) {
			case AMT_RELAY_ADVERTISEMENT:
				// An IPv6 address cut to four octets reads as an IPv4 one.
				assert_int_equal(err, len < 8	  ? AMT_ERR_SHORT
						      : len == 12 ? AMT_OK
								  : AMT_ERR_ADV_LENGTH);
				break;
			case AMT_MEMBERSHIP_QUERY:
				if (len < 12)
					assert_int_equal(err, AMT_ERR_SHORT);
				else if ((v[i].amt[1] & 1) && len < 30)
					assert_int_equal(err, AMT_ERR_GATEWAY);
				break;
			case AMT_MEMBERSHIP_UPDATE:
				assert_int_equal(err, len < 12 ? AMT_ERR_SHORT : AMT_OK);
				break;
			case AMT_MULTICAST_DATA:
				assert_int_equal(err, len < 2 ? AMT_ERR_SHORT : AMT_OK);
				break;
			default:
				assert_int_equal(err, AMT_ERR_SHORT);
			}
		}
	}
}

static void test_negative(void **state)
{
	static const struct {
		const char *id;
		enum amt_decode_err err;
	} cases[] = {
		{"N01", AMT_ERR_VERSION},
		{"N02", AMT_ERR_TYPE},
		{"N03", AMT_ERR_TYPE},
		{"N04", AMT_ERR_SHORT},
		{"N05", AMT_ERR_SHORT},
		{"N06", AMT_ERR_ADV_LENGTH},
		{"N18", AMT_ERR_GATEWAY},
	};
	struct vector v;
	struct amt_msg m;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		vector_get(cases[i].id, &v);
		assert_int_equal(amt_decode(v.amt, v.len, &m), cases[i].err);
	}
}

// G-03: reserved bits are ignored on receive and sent as 0.
static void test_reserved_bits(void **state)
{
	struct vector v;
	struct amt_msg m;
	uint8_t buf[512];

	(void)state;
	vector_get("A02", &v);
	v.amt[1] = v.amt[2] = v.amt[3] = 0xff;
	assert_int_equal(amt_decode(v.amt, v.len, &m), AMT_OK);
	assert_int_equal(amt_encode(&m, buf, sizeof(buf)), v.len);
	assert_int_equal(buf[1] | buf[2] | buf[3], 0);
	vector_get("A05", &v);
	v.amt[1] = 0xfc;
	assert_int_equal(amt_decode(v.amt, v.len, &m), AMT_OK);
	assert_true(!m.l && !m.g);
	assert_int_equal(amt_encode(&m, buf, sizeof(buf)), v.len);
	assert_int_equal(buf[1], 0);
	vector_get("A12", &v);
	v.amt[1] = 0xff;
	assert_int_equal(amt_decode(v.amt, v.len, &m), AMT_OK);
}

// The IPv4-mapped form is not the wire's IPv4 form; it is echoed as it came.
static void test_gateway_forms(void **state)
{
	struct vector v;
	struct amt_msg m;
	uint8_t buf[512];

	(void)state;
	vector_get("A13", &v);
	v.amt[24] = v.amt[25] = 0xff;
	assert_int_equal(amt_decode(v.amt, v.len, &m), AMT_OK);
	assert_int_equal(m.gateway_addr.family, ADDR_V6);
	assert_int_equal(amt_encode(&m, buf, sizeof(buf)), v.len);
	assert_memory_equal(buf, v.amt, v.len);
}

static void test_cannot_encode(void **state)
{
	uint8_t buf[64];

	(void)state;
	assert_int_equal(amt_encode(&(struct amt_msg){.type = 0}, buf, sizeof(buf)), -EINVAL);
	assert_int_equal(amt_encode(&(struct amt_msg){.type = 8}, buf, sizeof(buf)), -EINVAL);
	assert_int_equal(
		amt_encode(&(struct amt_msg){.type = AMT_RELAY_ADVERTISEMENT}, buf, sizeof(buf)),
		-EINVAL);
	assert_int_equal(
		amt_encode(&(struct amt_msg){.type = AMT_TEARDOWN}, buf, sizeof(buf)), -EINVAL);
	assert_int_equal(amt_encode(&(struct amt_msg){.type = AMT_MEMBERSHIP_QUERY, .g = true}, buf,
				 sizeof(buf)),
		-EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors_reencode),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_truncations),
		cmocka_unit_test(test_negative),
		cmocka_unit_test(test_reserved_bits),
		cmocka_unit_test(test_gateway_forms),
		cmocka_unit_test(test_cannot_encode),
	};

	return RUN_TESTS(tests);
}
