// SPDX-License-Identifier: BSD-3-Clause
// Native datagrams: checks, TTL, fragments, ICMP (RFC 7450 section 5.3.3.6).
#include "harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/ip.h"

static void checksum(uint8_t *ip)
{
	size_t hdr_len = (size_t)(ip[0] & 0xf) * 4;
	uint16_t sum;

	ip[10] = ip[11] = 0;
	sum = ip_cksum(ip, hdr_len);
	ip[10] = (uint8_t)(sum >> 8);
	ip[11] = (uint8_t)sum;
}

// A datagram of len octets with ihl words of header, payload octets by place.
static void make(uint8_t *ip, size_t len, uint8_t ihl)
{
	static const uint8_t head[20] = {
		0x45, 0, 0, 0, 0x12, 0x34, 0, 0, 32, 17, 0, 0, 192, 0, 2, 12, 232, 252, 0, 2};

	memset(ip, 1, 60); // no-operation options
	memcpy(ip, head, sizeof(head));
	ip[0] = (uint8_t)(0x40 | ihl);
	ip[2] = (uint8_t)(len >> 8);
	ip[3] = (uint8_t)len;
	for (size_t i = (size_t)ihl * 4; i < len; i++)
		ip[i] = (uint8_t)(i * 13);
	checksum(ip);
}

static void put(uint8_t *at, const uint8_t *octets, size_t n)
{
	memcpy(at, octets, n);
}

static void data_is_checked(void **state)
{
	uint8_t ip[128];
	size_t total = 0;
	struct sg sg;

	(void)state;
	make(ip, 60, 5);
	assert_int_equal(relay_data_check(ip, 64, &sg, &total), RELAY_DATA_OK);
	assert_int_equal(total, 60);
	for (size_t len = 0; len < 60; len++) {
		uint8_t *cut = malloc(len ? len : 1);

		memcpy(cut, ip, len);
		assert_int_equal(relay_data_check(cut, len, &sg, &total), RELAY_DATA_BAD);
		free(cut);
	}
	ip[8]++;
	assert_int_equal(relay_data_check(ip, 60, &sg, &total), RELAY_DATA_BAD);
	make(ip, 60, 5);
	put(ip + 16, (const uint8_t[]){224, 0, 0, 251}, 4);
	checksum(ip);
	assert_int_equal(relay_data_check(ip, 60, &sg, &total), RELAY_DATA_ADDRESS);
	put(ip + 16, (const uint8_t[]){198, 51, 100, 1}, 4);
	checksum(ip);
	assert_int_equal(relay_data_check(ip, 60, &sg, &total), RELAY_DATA_ADDRESS);
	make(ip, 60, 5);
	memset(ip + 12, 0, 4); // from nobody
	checksum(ip);
	assert_int_equal(relay_data_check(ip, 60, &sg, &total), RELAY_DATA_ADDRESS);
}

static void ttl_goes_down_by_one(void **state)
{
	uint8_t ip[64], before[64];

	(void)state;
	make(ip, 60, 5);
	assert_true(relay_data_ttl(ip));
	assert_int_equal(ip[8], 31);
	assert_int_equal(ip_cksum(ip, 20), 0);
	for (uint8_t ttl = 0; ttl < 2; ttl++) {
		ip[8] = ttl;
		checksum(ip);
		memcpy(before, ip, sizeof(ip));
		assert_false(relay_data_ttl(ip));
		assert_memory_equal(ip, before, sizeof(ip));
	}
}

// Cuts the datagram and puts it together again by what the pieces say. Returns their number.
static unsigned int reassemble(const uint8_t *ip, size_t len, size_t mtu, uint8_t *payload,
	size_t *payload_len, size_t later_hdr)
{
	size_t at = 0, first_hdr = (size_t)(ip[0] & 0xf) * 4;
	unsigned int pieces = 0;
	bool more = true;
	uint8_t out[2048];
	int n;

	*payload_len = 0;
	while ((n = relay_fragment(ip, len, mtu, &at, out, sizeof(out))) > 0) {
		struct ipv4_hdr hdr;

		assert_true(more && (size_t)n <= mtu);
		assert_int_equal(ipv4_decode(out, (size_t)n, &hdr), 0);
		assert_int_equal(hdr.total_len, n);
		assert_int_equal(hdr.hdr_len, pieces++ ? later_hdr : first_hdr);
		assert_memory_equal(out + 4, ip + 4, 2); // identification
		assert_int_equal((hdr.frag & 0x1fff) * 8, *payload_len);
		more = hdr.frag & 0x2000;
		memcpy(payload + *payload_len, out + hdr.hdr_len, (size_t)n - hdr.hdr_len);
		*payload_len += (size_t)n - hdr.hdr_len;
	}
	assert_int_equal(n, 0);
	assert_false(more);
	return pieces;
}

static void fragments_make_the_whole(void **state)
{
	uint8_t ip[2048], payload[2048];
	size_t len;

	(void)state;
	for (size_t total = 1471; total < 1600; total++) {
		make(ip, total, 5);
		assert_int_equal(reassemble(ip, total, 1470, payload, &len, 20), 2);
		assert_int_equal(len, total - 20);
		assert_memory_equal(payload, ip + 20, len);
	}
	make(ip, 2000, 5);
	assert_int_equal(reassemble(ip, 2000, 546, payload, &len, 20), 4);
	assert_memory_equal(payload, ip + 20, len);
	make(ip, 1470, 5); // fits: itself
	assert_int_equal(reassemble(ip, 1470, 1470, payload, &len, 20), 1);
}

static void fragments_keep_copied_options(void **state)
{
	uint8_t ip[2048], payload[2048];
	size_t len;

	(void)state;
	make(ip, 1600, 8);
	// Record route, which is not copied; router alert, which is.
	put(ip + 20, (const uint8_t[]){7, 7, 4, 0, 0, 0, 0, 0x94, 4, 0, 0, 0}, 12);
	checksum(ip);
	assert_int_equal(reassemble(ip, 1600, 1470, payload, &len, 24), 2);
	assert_int_equal(len, 1600 - 32);
	assert_memory_equal(payload, ip + 32, len);
	// An option longer than the header.
	put(ip + 20, (const uint8_t[]){0x94, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 12);
	checksum(ip);
	assert_int_equal(reassemble(ip, 1600, 1470, payload, &len, 20), 2);
}

static void a_fragment_is_cut_further(void **state)
{
	uint8_t ip[2048], out[2048];
	size_t at = 0;

	(void)state;
	make(ip, 1600, 5);
	ip[6] = 0x20; // MF
	ip[7] = 100;
	checksum(ip);
	assert_int_equal(relay_fragment(ip, 1600, 1470, &at, out, sizeof(out)), 1468);
	assert_int_equal(out[6] << 8 | out[7], 0x2000 | 100);
	assert_int_equal(relay_fragment(ip, 1600, 1470, &at, out, sizeof(out)), 152);
	assert_int_equal(out[6] << 8 | out[7], 0x2000 | (100 + 181));
	assert_int_equal(relay_fragment(ip, 1600, 1470, &at, out, sizeof(out)), 0);
	at = 0;
	assert_int_equal(relay_fragment(ip, 1600, 27, &at, out, sizeof(out)), -EINVAL);
	assert_int_equal(relay_fragment(ip, 1600, 1470, &at, out, 1467), -ENOSPC);
}

static void icmp_quotes_the_datagram(void **state)
{
	uint8_t ip[128], out[64];

	(void)state;
	make(ip, 100, 5);
	assert_int_equal(relay_icmp_too_big(ip, 100, 1470, out, sizeof(out)), 36);
	assert_memory_equal(out, "\x03\x04", 2);
	assert_memory_equal(out + 4, "\0\0\x05\xbe", 4);
	assert_memory_equal(out + 8, ip, 28);
	assert_int_equal(ip_cksum(out, 36), 0);
	assert_int_equal(relay_icmp_too_big(ip, 24, 1470, out, sizeof(out)), 32);
	assert_int_equal(relay_icmp_too_big(ip, 100, 1470, out, 35), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_is_checked),
		cmocka_unit_test(ttl_goes_down_by_one),
		cmocka_unit_test(fragments_make_the_whole),
		cmocka_unit_test(fragments_keep_copied_options),
		cmocka_unit_test(a_fragment_is_cut_further),
		cmocka_unit_test(icmp_quotes_the_datagram),
	};

	return RUN_TESTS(tests);
}
