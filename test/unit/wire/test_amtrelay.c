// SPDX-License-Identifier: BSD-3-Clause
#include "unit/unit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/amtrelay.h"

struct row {
	const char *hex;
	enum amtrelay_err err;
	enum amtrelay_type type;
	uint8_t precedence;
	bool d, rootless;
	const char *addr;
	size_t name_len;
};

// The rows of amtrelay_rdata in the golden vectors, and what a hostile zone could hold.
static const struct row rows[] = {
	{"0a01cb00710f", AMTRELAY_OK, AMTRELAY_IPV4, 10, false, false, "203.0.113.15", 0},
	{"0a0220010db8000000000000000000000015", AMTRELAY_OK, AMTRELAY_IPV6, 10, false, false,
		"2001:db8::15", 0},
	{"808309616d7472656c617973076578616d706c6503636f6d00", AMTRELAY_OK, AMTRELAY_NAME, 128,
		true, false, NULL, 23},
	{"808309616d7472656c617973076578616d706c6503636f6d", AMTRELAY_OK, AMTRELAY_NAME, 128, true,
		true, NULL, 23},
	{"0000", AMTRELAY_OK, AMTRELAY_NONE, 0, false, false, NULL, 0},
	{"0a80", AMTRELAY_OK, AMTRELAY_NONE, 10, true, false, NULL, 0},
	{"0a0300", AMTRELAY_OK, AMTRELAY_NAME, 10, false, false, NULL, 1},
	{.hex = "", .err = AMTRELAY_ERR_SHORT},
	{.hex = "0a", .err = AMTRELAY_ERR_SHORT},
	{.hex = "0a0401", .err = AMTRELAY_ERR_TYPE},
	{.hex = "0aff", .err = AMTRELAY_ERR_TYPE},
	{.hex = "0a0000", .err = AMTRELAY_ERR_LENGTH},
	{.hex = "0a01cb0071", .err = AMTRELAY_ERR_LENGTH},
	{.hex = "0a01cb00710f00", .err = AMTRELAY_ERR_LENGTH},
	{.hex = "0a0220010db80000000000000000000000", .err = AMTRELAY_ERR_LENGTH},
	{.hex = "0a03", .err = AMTRELAY_ERR_LENGTH},
	{.hex = "0a03c00c", .err = AMTRELAY_ERR_NAME},
	{.hex = "0a0303616d74c00c", .err = AMTRELAY_ERR_NAME},
	{.hex = "0a034161", .err = AMTRELAY_ERR_NAME},
	{.hex = "0a0305616d74", .err = AMTRELAY_ERR_NAME},
	{.hex = "0a0303616d740000", .err = AMTRELAY_ERR_NAME},
};

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		char octet[3] = {hex[2 * i], hex[2 * i + 1], 0};

		out[i] = (uint8_t)strtoul(octet, NULL, 16);
	}
	return n;
}

static void rdata_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		uint8_t in[64];
		size_t len = unhex(row->hex, in);
		// On the heap at its very size, for the sanitizer.
		uint8_t *exact = malloc(len ? len : 1);
		struct amtrelay rr;
		char text[ADDR_STRLEN];

		memcpy(exact, in, len);
		assert_int_equal(amtrelay_decode(exact, len, &rr), row->err);
		if (row->err == AMTRELAY_OK) {
			assert_int_equal(rr.type, row->type);
			assert_int_equal(rr.precedence, row->precedence);
			assert_int_equal(rr.discovery_optional, row->d);
			assert_int_equal(rr.rootless, row->rootless);
			assert_int_equal(rr.name_len, row->name_len);
			if (row->addr)
				assert_string_equal(addr_format(&rr.addr, text), row->addr);
			if (row->name_len)
				assert_int_equal(rr.name[rr.name_len - 1], 0);
		}
		free(exact);
	}
}

static void every_truncation(void **state)
{
	(void)state;
	for (size_t i = 0; i < 7; i++) {
		uint8_t in[64];
		size_t len = unhex(rows[i].hex, in);

		for (size_t n = 0; n < len; n++) {
			uint8_t *exact = malloc(n ? n : 1);
			struct amtrelay rr;
			enum amtrelay_err err;

			memcpy(exact, in, n);
			err = amtrelay_decode(exact, n, &rr);
			// A name cut between two labels is one without its root.
			if (err == AMTRELAY_OK)
				assert_true(rr.type == AMTRELAY_NAME && rr.rootless);
			free(exact);
		}
	}
}

static void longest_name(void **state)
{
	uint8_t in[2 + 300] = {1, 3};
	struct amtrelay rr;
	size_t len = 2;

	(void)state;
	for (int i = 0; i < 127; i++) {
		in[len++] = 1;
		in[len++] = 'a';
	}
	in[len++] = 0;
	assert_int_equal(amtrelay_decode(in, len, &rr), AMTRELAY_OK);
	assert_int_equal(rr.name_len, 255);
	// Without the root it still has to have room for it.
	assert_int_equal(amtrelay_decode(in, len - 1, &rr), AMTRELAY_OK);
	assert_int_equal(rr.name_len, 255);
	in[len - 1] = 1;
	in[len++] = 'a';
	assert_int_equal(amtrelay_decode(in, len, &rr), AMTRELAY_ERR_NAME);
	in[len++] = 0;
	assert_int_equal(amtrelay_decode(in, len, &rr), AMTRELAY_ERR_NAME);
}

static void reverse_names(void **state)
{
	char name[AMTRELAY_REVERSE_LEN];
	struct addr a;

	(void)state;
	assert_int_equal(addr_parse("192.0.2.12", &a), 0);
	assert_int_equal(amtrelay_reverse_name(&a, name), 0);
	assert_string_equal(name, "12.2.0.192.in-addr.arpa.");
	assert_int_equal(addr_parse("255.255.255.255", &a), 0);
	assert_int_equal(amtrelay_reverse_name(&a, name), 0);
	assert_string_equal(name, "255.255.255.255.in-addr.arpa.");
	assert_int_equal(addr_parse("2001:db8:a::a", &a), 0);
	assert_int_equal(amtrelay_reverse_name(&a, name), 0);
	assert_string_equal(name, "a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.a.0.0.0.8.b.d.0.1.0.0.2."
				  "ip6.arpa.");
	a = (struct addr){0};
	assert_int_equal(amtrelay_reverse_name(&a, name), -EINVAL);
}

static void error_names(void **state)
{
	(void)state;
	assert_string_equal(amtrelay_err_name(AMTRELAY_ERR_TYPE), "undefined-type");
	assert_string_equal(amtrelay_err_name(AMTRELAY_OK), "ok");
}

// What is decoded can be encoded again, and a zone file's text into what that is.
static void encoded(void **state)
{
	static const struct {
		const char *relay, *hex;
	} texts[] = {
		{"203.0.113.15", "0a01cb00710f"},
		{"2001:db8::15", "0a0220010db8000000000000000000000015"},
		{"amtrelays.example.com", "0a0309616d7472656c617973076578616d706c6503636f6d00"},
		{"amtrelays.example.com.", "0a0309616d7472656c617973076578616d706c6503636f6d00"},
		{".", "0a00"},
	};
	static const char *const bad[] = {"", "1.2.3", "a..b", ".a", "a b", "a/b", "\303\244.test",
		"a123456789012345678901234567890123456789012345678901234567890123.test"};
	uint8_t rdata[AMTRELAY_RDATA_MAX];
	struct amtrelay rr;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char hex[2 * AMTRELAY_RDATA_MAX + 1];
		struct amtrelay back;
		size_t len;

		rr = (struct amtrelay){.precedence = 10};
		assert_int_equal(amtrelay_relay_parse(texts[i].relay, &rr), 0);
		len = amtrelay_encode(&rr, rdata);
		for (size_t k = 0; k < len; k++)
			snprintf(hex + 2 * k, 3, "%02x", rdata[k]);
		assert_string_equal(hex, texts[i].hex);
		assert_int_equal(amtrelay_decode(rdata, len, &back), AMTRELAY_OK);
		assert_int_equal(back.type, rr.type);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(amtrelay_relay_parse(bad[i], &rr), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rdata_rows),
		cmocka_unit_test(every_truncation),
		cmocka_unit_test(longest_name),
		cmocka_unit_test(reverse_names),
		cmocka_unit_test(error_names),
		cmocka_unit_test(encoded),
	};

	return RUN_TESTS(tests);
}
