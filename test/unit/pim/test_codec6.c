// SPDX-License-Identifier: BSD-3-Clause
// The codec of PIMv6: pseudo-header, encoded addresses of family 2, Address List; against the
// golden vectors P15 to P17 and a capture of FRR's pim6d.
#include "harness.h"

#include <errno.h>
#include <string.h>

#include "unit/unit.h"
#include "wire/ip.h"

static struct frame vectors[FRAMES_MAX];

static int load(void **state)
{
	(void)state;
	return frames_load("pim-igmp-dns-vectors.pcap", vectors) == 20 ? 0 : -1;
}

static struct addr router(unsigned int n)
{
	struct addr a = addr_of("fe80::");

	a.bytes[15] = (uint8_t)n;
	return a;
}

// PF-02: the sum covers addresses, length and next header 103.
static void checksum_with_pseudo_header(void **state)
{
	uint8_t type;

	(void)state;
	for (unsigned int i = 14; i < 17; i++) {
		const struct frame *f = &vectors[i];
		struct addr other = f->src;
		uint8_t buf[256];

		assert_int_equal(
			pim_header_decode6(f->pim, f->len, &f->src, &f->dst, &type), PIM_OK);
		assert_int_equal(type, i == 14 ? PIM_HELLO : i == 15 ? PIM_JOIN_PRUNE : PIM_ASSERT);
		other.bytes[15] ^= 4;
		assert_int_equal(pim_header_decode6(f->pim, f->len, &other, &f->dst, &type),
			PIM_ERR_CHECKSUM);
		assert_int_equal(pim_header_decode(f->pim, f->len, &type), PIM_ERR_CHECKSUM);
		memcpy(buf, f->pim, f->len);
		buf[2] = buf[3] = 0x55;
		pim_cksum6(buf, f->len, &f->src, &f->dst);
		assert_memory_equal(buf, f->pim, f->len);
		buf[0] = 0x30;
		assert_int_equal(
			pim_header_decode6(buf, f->len, &f->src, &f->dst, &type), PIM_ERR_VERSION);
		for (size_t len = 0; len < 4; len++)
			assert_int_equal(pim_header_decode6(buf, len, &f->src, &f->dst, &type),
				PIM_ERR_SHORT);
	}
}

// PF-05, PH-10: P15 is what we would say as fe80::1 with a global address.
static void hello_with_address_list(void **state)
{
	const struct frame *f = &vectors[14];
	struct addr global = addr_of("2001:db8:1::1");
	uint8_t buf[PIM_HELLO_MAX_LEN];
	struct pim_hello h;
	int len;

	(void)state;
	assert_int_equal(pim_hello_decode(f->pim, f->len, &h), PIM_OK);
	assert_int_equal(h.n_secondaries, 1);
	assert_true(addr_eq(&h.secondaries[0], &global));
	assert_int_equal(h.holdtime_s, 105);
	len = pim_hello_encode(&h, buf, sizeof(buf));
	assert_int_equal(len, f->len);
	pim_cksum6(buf, (size_t)len, &f->src, &f->dst);
	assert_memory_equal(buf, f->pim, f->len);
	for (size_t size = PIM_HELLO_LEN; size < (size_t)len; size++)
		assert_int_equal(pim_hello_encode(&h, buf, size), -ENOSPC);
	// Cut within the list, its length made to fit: whole addresses are a list, others are not.
	for (uint8_t cut = 0; cut <= 18; cut++) {
		memcpy(buf, f->pim, f->len);
		buf[PIM_HELLO_LEN + 3] = cut;
		assert_int_equal(pim_hello_decode(buf, PIM_HELLO_LEN + 4u + cut, &h),
			cut % 18 == 0 ? PIM_OK : PIM_ERR_MALFORMED);
	}
	buf[PIM_HELLO_LEN + 4] = 9; // a family of unknown size
	assert_int_equal(pim_hello_decode(buf, f->len, &h), PIM_ERR_MALFORMED);
}

static void lists_of_any_length(void **state)
{
	struct pim_hello in = {.holdtime_s = 105}, out;
	uint8_t buf[PIM_HELLO_MAX_LEN + 18];

	(void)state;
	for (unsigned int n = 0; n <= PIM_SECONDARIES_MAX; n++) {
		int len;

		in.n_secondaries = n;
		for (unsigned int i = 0; i < n; i++)
			in.secondaries[i] = i % 2 ? router(i) : neighbor_addr(i);
		len = pim_hello_encode(&in, buf, sizeof(buf));
		assert_in_range(len, PIM_HELLO_LEN, PIM_HELLO_MAX_LEN);
		assert_int_equal(pim_hello_decode(buf, (size_t)len, &out), PIM_OK);
		assert_int_equal(out.n_secondaries, n);
		assert_memory_equal(out.secondaries, in.secondaries, n * sizeof(struct addr));
	}
	// One more than are kept: checked, and left out.
	in.n_secondaries = PIM_SECONDARIES_MAX;
	for (unsigned int i = 0; i < PIM_SECONDARIES_MAX; i++)
		in.secondaries[i] = router(i);
	assert_int_equal(pim_hello_encode(&in, buf, sizeof(buf)), PIM_HELLO_MAX_LEN);
	memcpy(buf + PIM_HELLO_MAX_LEN, buf + PIM_HELLO_LEN + 4, 18);
	buf[PIM_HELLO_LEN + 2] = (uint8_t)((PIM_SECONDARIES_MAX + 1) * 18 >> 8);
	buf[PIM_HELLO_LEN + 3] = (uint8_t)((PIM_SECONDARIES_MAX + 1) * 18);
	assert_int_equal(pim_hello_decode(buf, sizeof(buf), &out), PIM_OK);
	assert_int_equal(out.n_secondaries, PIM_SECONDARIES_MAX);
	assert_memory_equal(out.secondaries, in.secondaries, sizeof(in.secondaries));
}

static void entry_cb(void *arg, const struct pim_jp_entry *e)
{
	*(struct pim_jp_entry *)arg = *e;
}

static void join_prune(void **state)
{
	const struct frame *f = &vectors[15];
	struct pim_jp_item item = {.join = true};
	struct addr upstream = router(1), v4 = neighbor_addr(1);
	struct pim_jp_entry e;
	struct pim_jp jp;
	uint8_t buf[128];
	int len;

	(void)state;
	assert_int_equal(pim_jp_decode(f->pim, f->len, &jp), PIM_OK);
	assert_true(addr_eq(&jp.upstream, &upstream));
	pim_jp_walk(&jp, entry_cb, &e);
	assert_true(e.join);
	assert_int_equal(e.g_mask_len, 128);
	assert_int_equal(e.s_mask_len, 128);
	item.sg = (struct sg){.s = e.s, .g = e.g};
	len = pim_jp_encode(&upstream, 210, &item, 1, buf, sizeof(buf));
	assert_int_equal(len, f->len);
	pim_cksum6(buf, (size_t)len, &f->src, &f->dst);
	assert_memory_equal(buf, f->pim, f->len);
	for (size_t cut = 4; cut < f->len; cut++)
		assert_int_equal(pim_jp_decode(f->pim, cut, &jp), PIM_ERR_MALFORMED);
	assert_int_equal(pim_jp_encode(&v4, 210, &item, 1, buf, sizeof(buf)), -EINVAL);
	assert_int_equal(
		pim_jp_encode(&(struct addr){0}, 210, &item, 1, buf, sizeof(buf)), -EINVAL);
}

static void asserts(void **state)
{
	const struct frame *f = &vectors[16];
	struct pim_assert_msg m;
	uint8_t buf[PIM_ASSERT_MAX_LEN];
	int len;

	(void)state;
	assert_int_equal(pim_assert_decode(f->pim, f->len, &m), PIM_OK);
	assert_int_equal(m.g_mask_len, 128);
	assert_false(m.rpt);
	assert_int_equal(m.preference, 110);
	assert_int_equal(m.metric, 10);
	len = pim_assert_encode(&m, buf, sizeof(buf));
	assert_int_equal(len, PIM_ASSERT_MAX_LEN);
	pim_cksum6(buf, (size_t)len, &f->src, &f->dst);
	assert_memory_equal(buf, f->pim, f->len);
	for (size_t size = 0; size < PIM_ASSERT_MAX_LEN; size++)
		assert_int_equal(pim_assert_encode(&m, buf, size), -ENOSPC);
	for (size_t cut = 4; cut < f->len; cut++)
		assert_int_equal(pim_assert_decode(f->pim, cut, &m), PIM_ERR_MALFORMED);
	m.sg.s = neighbor_addr(1);
	assert_int_equal(pim_assert_encode(&m, buf, sizeof(buf)), -EINVAL);
	// P14, over IPv4: the AssertCancel.
	assert_int_equal(pim_assert_decode(vectors[13].pim, vectors[13].len, &m), PIM_OK);
	assert_true(m.rpt && m.preference == PIM_PREFERENCE_INFINITE &&
		    m.metric == PIM_METRIC_INFINITE);
}

static void capture_of_frr(void **state)
{
	static struct frame frames[FRAMES_MAX];
	size_t n = frames_load("frr-pim6-join.pcap", frames);
	unsigned int types[16] = {0};

	(void)state;
	assert_in_range(n, 1, FRAMES_MAX);
	for (size_t i = 0; i < n; i++) {
		const struct frame *f = &frames[i];
		struct pim_hello h;
		struct pim_jp jp;
		uint8_t type;

		assert_int_equal(
			pim_header_decode6(f->pim, f->len, &f->src, &f->dst, &type), PIM_OK);
		types[type]++;
		if (type == PIM_HELLO)
			assert_int_equal(pim_hello_decode(f->pim, f->len, &h), PIM_OK);
		else if (type == PIM_JOIN_PRUNE)
			assert_int_equal(pim_jp_decode(f->pim, f->len, &jp), PIM_OK);
	}
	assert_true(types[PIM_HELLO] > 0 && types[PIM_JOIN_PRUNE] > 0);
}

// The IPv6 header in front: length before anything else.
static void ip_headers(void **state)
{
	uint8_t ip[48] = {0x6c, 0, [5] = 8, [6] = 103, [7] = 1, [8] = 0xfe,
		0x80, [23] = 2, [24] = 0xff, 2, [39] = 13};
	struct addr src = addr_of("fe80::2"), dst = addr_of("ff02::d");
	struct ipv6_hdr h;

	(void)state;
	assert_int_equal(ipv6_decode(ip, sizeof(ip), &h), 0);
	assert_true(addr_eq(&h.src, &src) && addr_eq(&h.dst, &dst));
	assert_int_equal(h.tclass, 0xc0);
	assert_int_equal(h.hop_limit, 1);
	assert_int_equal(h.next, IP_PROTO_PIM);
	assert_int_equal(h.payload_len, 8);
	for (size_t len = 0; len < sizeof(ip); len++)
		assert_int_equal(ipv6_decode(ip, len, &h), -EINVAL);
	ip[5] = 9; // past the end
	assert_int_equal(ipv6_decode(ip, sizeof(ip), &h), -EINVAL);
	ip[5] = 0;
	assert_int_equal(ipv6_decode(ip, 40, &h), 0);
	ip[0] = 0x45;
	assert_int_equal(ipv6_decode(ip, sizeof(ip), &h), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksum_with_pseudo_header),
		cmocka_unit_test(hello_with_address_list),
		cmocka_unit_test(lists_of_any_length),
		cmocka_unit_test(join_prune),
		cmocka_unit_test(asserts),
		cmocka_unit_test(capture_of_frr),
		cmocka_unit_test(ip_headers),
	};

	return cmocka_run_group_tests_name(__FILE__, tests, load, NULL);
}
