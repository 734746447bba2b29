// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdlib.h>

#include "../wire/vectors.h"
#include "lab.h"

#define S USEC_PER_SEC

static const struct lab_query plain = {.qrv = 2, .qqic = 125};

// The Update must be the golden one, but for the nonce and MAC of this run.
static void expect_vector(const struct lab_sent *s, const char *id)
{
	struct vector v;

	vector_get(id, &v);
	memcpy(v.amt + 2, s->buf + 2, 10);
	assert_int_equal(s->len, v.len);
	assert_memory_equal(s->buf, v.amt, v.len);
}

static void test_vectors(void **state)
{
	struct sg c = lab_sg("192.0.2.12", "232.252.0.2"), d = lab_sg("192.0.2.13", "232.252.0.2"),
		  e = lab_sg("192.0.2.12", "232.252.0.3");
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_up(&lab);
	assert_int_equal(amt_tunnel_join(lab.t, &c, lab.now), 0);
	assert_int_equal(lab.n_sent, 2);
	expect_vector(&lab.sent[1], "A08");
	assert_int_equal(lab.sent[1].msg.nonce, lab.sent[0].msg.nonce);
	assert_memory_equal(lab.sent[1].msg.mac, &lab.sent[0].msg.nonce, 4);
	assert_int_equal(amt_tunnel_join(lab.t, &c, lab.now), -EEXIST);
	assert_int_equal(amt_tunnel_leave(lab.t, &c, lab.now), 0);
	assert_int_equal(lab.n_sent, 3);
	expect_vector(&lab.sent[2], "A10");
	assert_int_equal(amt_tunnel_leave(lab.t, &c, lab.now), -ENOENT);
	assert_int_equal(amt_tunnel_leave(lab.t, &d, lab.now), -ENOENT);
	lab_close(&lab);

	// Joined before the first Query: one current-state report (U-07).
	lab_open(&lab);
	lab_tunnel(&lab);
	amt_tunnel_join(lab.t, &c, lab.now);
	amt_tunnel_join(lab.t, &d, lab.now);
	amt_tunnel_join(lab.t, &e, lab.now);
	assert_int_equal(lab.n_sent, 1);
	lab_answer(&lab, &plain);
	assert_int_equal(lab.n_sent, 2);
	expect_vector(&lab.sent[1], "A09");
	// Addresses of two families are no channel.
	struct sg mixed = lab_sg("2001:db8::1", "232.1.1.1");
	assert_int_equal(amt_tunnel_join(lab.t, &mixed, lab.now), -EINVAL);
	mixed = lab_sg("192.0.2.1", "ff3e::8000:d");
	assert_int_equal(amt_tunnel_join(lab.t, &mixed, lab.now), -EINVAL);
	lab_close(&lab);

	lab_open(&lab);
	lab_tunnel(&lab);
	amt_tunnel_join(lab.t, &c, lab.now);
	assert_int_equal(amt_tunnel_leave(lab.t, &c, lab.now), 0);
	lab_answer(&lab, &plain);
	lab_run(&lab, lab.now + 10 * S);
	assert_int_equal(lab.n_sent, 1);
	lab_close(&lab);
}

// HR-05, HR-09: QRV transmissions, the repeats within a second of the one before.
static void test_repeats(void **state)
{
	struct sg c = lab_sg("192.0.2.12", "232.252.0.2");

	(void)state;
	for (uint8_t qrv = 1; qrv <= 7; qrv++) {
		struct lab lab;

		lab_open_with(&lab, 1280, qrv);
		lab_tunnel(&lab);
		lab_answer(&lab, &(struct lab_query){.qrv = qrv, .qqic = 125});
		for (int leave = 0; leave < 2; leave++) {
			lab_forget(&lab);
			if (leave)
				amt_tunnel_leave(lab.t, &c, lab.now);
			else
				amt_tunnel_join(lab.t, &c, lab.now);
			lab_run(&lab, lab.now + 20 * S);
			assert_int_equal(lab.n_sent, qrv);
			for (size_t i = 0; i < lab.n_sent; i++) {
				lab_expect_record(
					&lab.sent[i], leave ? IGMP_BLOCK : IGMP_ALLOW, &c);
				if (i > 0)
					assert_in_range(
						lab.sent[i].at_us - lab.sent[i - 1].at_us, 1, S);
			}
		}
		lab_close(&lab);
	}
}

// A change merges into what is being repeated: no stale record is ever sent again.
static void test_merge(void **state)
{
	struct sg c = lab_sg("192.0.2.12", "232.252.0.2"), d = lab_sg("192.0.2.13", "232.252.0.2");

	(void)state;
	for (uint64_t seed = 1; seed < 30; seed++) {
		struct lab lab;
		size_t n;

		lab_open_with(&lab, 1280, seed);
		lab_tunnel(&lab);
		lab_answer(&lab, &(struct lab_query){.qrv = 3, .qqic = 125});
		lab_forget(&lab);
		amt_tunnel_join(lab.t, &c, lab.now);
		amt_tunnel_leave(lab.t, &c, lab.now);
		n = lab.n_sent;
		lab_run(&lab, lab.now + 100000);
		for (; n < lab.n_sent; n++)
			lab_expect_record(&lab.sent[n], IGMP_BLOCK, &c);
		amt_tunnel_join(lab.t, &c, lab.now);
		n = lab.n_sent - 1;
		lab_run(&lab, lab.now + 10 * S);
		// The count starts over with the last change.
		assert_int_equal(lab.n_sent - n, 3);
		for (; n < lab.n_sent; n++)
			lab_expect_record(&lab.sent[n], IGMP_ALLOW, &c);
		// Two channels changed at different times share their repeats.
		lab_forget(&lab);
		amt_tunnel_leave(lab.t, &c, lab.now);
		amt_tunnel_join(lab.t, &d, lab.now);
		lab_run(&lab, lab.now + 10 * S);
		assert_int_equal(lab.n_sent, 2 + 2);
		for (n = 2; n < 4; n++) {
			struct lab_record r[4];

			assert_int_equal(lab_records(&lab.sent[n], r, 4), 2);
			assert_int_equal(r[0].type, IGMP_BLOCK);
			assert_true(sg_eq(&r[0].sg, &c));
			assert_int_equal(r[1].type, IGMP_ALLOW);
			assert_true(sg_eq(&r[1].sg, &d));
		}
		lab_close(&lab);
	}
}

// What is due when the Query comes goes out as current state, and is repeated as a change.
static void test_joined_from_callback(void **state)
{
	struct sg c = lab_sg("192.0.2.12", "232.252.0.2");
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab.join_on_up = c;
	lab_tunnel(&lab);
	lab_answer(&lab, &plain);
	assert_int_equal(lab.n_sent, 2);
	lab_expect_record(&lab.sent[1], IGMP_IS_IN, &c);
	lab_run(&lab, lab.now + 5 * S);
	assert_int_equal(lab.n_sent, 3);
	lab_expect_record(&lab.sent[2], IGMP_ALLOW, &c);
	// Later Queries are answered once, at once (U-06).
	lab_run(&lab, lab.now + 120 * S);
	lab_forget(&lab);
	lab_run(&lab, lab.now + 125 * S);
	assert_int_equal(lab_count(&lab, AMT_MEMBERSHIP_UPDATE), 0);
	lab_close(&lab);
}

// while the next Request is unanswered, Updates carry the last Query's nonce and MAC.
static void test_old_mac(void **state)
{
	struct sg c = lab_sg("192.0.2.12", "232.252.0.2"), d = lab_sg("192.0.2.13", "232.252.0.2");
	uint32_t old;
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_up(&lab);
	old = lab_nonce(&lab);
	lab_run(&lab, lab.now + 125 * S);
	assert_int_equal(lab.n_sent, 2);
	assert_int_not_equal(lab_nonce(&lab), old);
	amt_tunnel_join(lab.t, &c, lab.now);
	assert_int_equal(lab.n_sent, 3);
	assert_int_equal(lab.sent[2].msg.nonce, old);
	assert_memory_equal(lab.sent[2].msg.mac, &old, 4);
	lab_answer(&lab, &plain);
	assert_int_equal(lab.n_sent, 4);
	lab_expect_record(&lab.sent[3], IGMP_IS_IN, &c);
	assert_int_equal(lab.sent[3].msg.nonce, lab_nonce(&lab));
	amt_tunnel_join(lab.t, &d, lab.now);
	assert_int_equal(lab.sent[4].msg.nonce, lab_nonce(&lab));
	lab_close(&lab);
}

// the relay does not answer, the MAC grows old: changes wait for the next Query.
static void test_stale_mac(void **state)
{
	struct sg c = lab_sg("192.0.2.12", "232.252.0.2"), d = lab_sg("192.0.2.13", "232.252.0.2"),
		  e = lab_sg("192.0.2.14", "232.252.0.2");
	struct lab_record r[4];
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_tunnel(&lab);
	lab_answer(&lab, &(struct lab_query){.qrv = 2, .qqic = 1});
	amt_tunnel_join(lab.t, &c, lab.now);
	amt_tunnel_join(lab.t, &d, lab.now);
	lab_run(&lab, lab.now + 2300000);
	lab_forget(&lab);
	amt_tunnel_leave(lab.t, &c, lab.now);
	amt_tunnel_join(lab.t, &e, lab.now);
	assert_int_equal(lab.n_sent, 0);
	// The next try of the Request is answered.
	while (lab_count(&lab, AMT_REQUEST) == 0)
		lab_run(&lab, lab.now + 100000);
	assert_int_equal(lab_count(&lab, AMT_MEMBERSHIP_UPDATE), 0);
	lab_answer(&lab, &plain);
	assert_int_equal(lab_count(&lab, AMT_MEMBERSHIP_UPDATE), 2);
	assert_int_equal(lab_records(lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, 0), r, 4), 2);
	assert_int_equal(r[0].type, IGMP_IS_IN);
	assert_true(sg_eq(&r[0].sg, &d) && sg_eq(&r[1].sg, &e));
	lab_expect_record(lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, 1), IGMP_BLOCK, &c);
	// And both changes are repeated once.
	lab_run(&lab, lab.now + 5 * S);
	assert_int_equal(lab_count(&lab, AMT_MEMBERSHIP_UPDATE), 3);
	assert_int_equal(lab_records(lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, 2), r, 4), 2);
	lab_close(&lab);
}

// Repeats that fall due when the MAC is too old wait as well.
static void test_stale_repeat(void **state)
{
	struct sg c = lab_sg("192.0.2.12", "232.252.0.2");
	size_t updates = 0;

	(void)state;
	for (uint64_t seed = 1; seed < 20; seed++) {
		struct lab lab;

		lab_open_with(&lab, 1280, seed);
		lab_tunnel(&lab);
		lab_answer(&lab, &(struct lab_query){.qrv = 7, .qqic = 1});
		lab_run(&lab, lab.now + 1900000);
		amt_tunnel_join(lab.t, &c, lab.now);
		lab_run(&lab, lab.now + 100 * S);
		for (size_t i = 0; i < lab.n_sent; i++) {
			if (lab.sent[i].msg.type == AMT_MEMBERSHIP_UPDATE)
				assert_true(lab.sent[i].at_us <= 1000000 + 2250000);
		}
		updates += lab_count(&lab, AMT_MEMBERSHIP_UPDATE);
		assert_int_equal(lab.events[1], AMT_EV_DOWN);
		lab_close(&lab);
	}
	assert_in_range(updates, 20, 19 * 6);
}

static void test_batch(void **state)
{
	struct lab_record r[400];
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_up(&lab);
	amt_tunnel_batch_begin(lab.t);
	for (uint32_t i = 0; i < 250; i++) {
		struct sg sg = lab_sg_nth(i, 1);

		assert_int_equal(amt_tunnel_join(lab.t, &sg, lab.now), 0);
	}
	assert_int_equal(lab.n_sent, 1);
	amt_tunnel_batch_end(lab.t, lab.now);
	// 100 one-source channels fit an Update of 1280 octets.
	assert_int_equal(lab.n_sent, 4);
	assert_int_equal(lab_records(&lab.sent[1], r, 400), 100);
	assert_int_equal(lab_records(&lab.sent[2], r, 400), 100);
	assert_int_equal(lab_records(&lab.sent[3], r, 400), 50);
	lab_run(&lab, lab.now + 5 * S);
	assert_int_equal(lab.n_sent, 7);
	lab_forget(&lab);
	amt_tunnel_batch_begin(lab.t);
	for (uint32_t i = 0; i < 250; i++) {
		struct sg sg = lab_sg_nth(i, 1);

		assert_int_equal(amt_tunnel_leave(lab.t, &sg, lab.now), 0);
	}
	amt_tunnel_batch_end(lab.t, lab.now);
	assert_int_equal(lab.n_sent, 3);
	assert_int_equal(r[0].type, IGMP_ALLOW);
	assert_int_equal(lab_records(&lab.sent[0], r, 400), 100);
	assert_int_equal(r[0].type, IGMP_BLOCK);
	lab_close(&lab);
}

// A thousand joins one by one: one Update each, and the repeats packed.
static void test_thousand(void **state)
{
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_up(&lab);
	for (uint32_t i = 0; i < 1000; i++) {
		struct sg sg = lab_sg_nth(i, 1);

		assert_int_equal(amt_tunnel_join(lab.t, &sg, lab.now), 0);
	}
	lab_run(&lab, lab.now + 5 * S);
	assert_int_equal(lab_count(&lab, AMT_MEMBERSHIP_UPDATE), 1000 + 10);
	assert_int_equal(amt_gateway_stats(lab.gw)->records_tx, 2000);
	lab_close(&lab);
}

// HR-07: 10,000 channels, by the table of standards 4.1; each reported once, none twice.
static void split(uint16_t mtu, uint32_t sources, size_t want)
{
	static uint8_t seen[10000];
	struct lab_record r[400];
	struct amt_tunnel_view v;
	struct lab lab;

	memset(seen, 0, sizeof(seen));
	lab_open_with(&lab, mtu, 3);
	lab_tunnel(&lab);
	for (uint32_t i = 0; i < 10000; i++) {
		struct sg sg = lab_sg_nth(i, sources);

		assert_int_equal(amt_tunnel_join(lab.t, &sg, lab.now), 0);
	}
	amt_tunnel_view(lab.t, &v);
	assert_int_equal(v.channels, 10000);
	lab_answer(&lab, &(struct lab_query){.qrv = 1, .qqic = 125});
	assert_int_equal(lab_count(&lab, AMT_MEMBERSHIP_UPDATE), want);
	for (size_t i = 0; i < want; i++) {
		const struct lab_sent *s = lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, i);
		size_t n = lab_records(s, r, 400);

		assert_true(28 + s->len <= mtu);
		for (size_t j = 0; j < n; j++) {
			uint32_t at = (__builtin_bswap32(addr_to_v4(&r[j].sg.g)) - 0xe8010000u) *
					      sources +
				      __builtin_bswap32(addr_to_v4(&r[j].sg.s)) - 0x0a000001u;

			assert_int_equal(r[j].type, IGMP_IS_IN);
			assert_true(at < 10000);
			seen[at]++;
		}
	}
	for (size_t i = 0; i < 10000; i++)
		assert_int_equal(seen[i], 1);
	lab_close(&lab);
}

static void test_split(void **state)
{
	(void)state;
	split(1500, 1, 85);	// 119 channels each
	split(1280, 1, 100);	// 100
	split(1500, 10000, 29); // 355 sources each
	split(1280, 10000, 34); // 300
	split(152, 1, 1667);	// 6
}

// U-08, HR-01: the inner header is the same always, whatever is reported.
static void test_inner_header(void **state)
{
	struct sg c = lab_sg("192.0.2.12", "232.252.0.2");
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_up(&lab);
	amt_tunnel_join(lab.t, &c, lab.now);
	amt_tunnel_leave(lab.t, &c, lab.now);
	for (size_t i = 1; i < lab.n_sent; i++) {
		const uint8_t *ip = lab.sent[i].msg.inner;

		assert_int_equal(ip[0], 0x46);
		assert_int_equal(ip[1], 0xc0);
		assert_int_equal(ip[8], 1);
		assert_memory_equal(ip + 12, "\0\0\0\0\xe0\0\0\x16\x94\x04\0\0", 12);
	}
	lab_close(&lab);
}

// T-05: with G a Teardown, without it BLOCKs; with nothing at the relay, nothing.
static void test_close(void **state)
{
	struct lab_query g = {
		.g = true, .gateway = "198.51.100.10", .port = 32768, .qrv = 2, .qqic = 125};
	struct sg c = lab_sg("192.0.2.12", "232.252.0.2");
	struct lab_record r[400];
	const struct lab_sent *s;
	struct vector v;
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_tunnel(&lab);
	lab_answer(&lab, &g);
	amt_tunnel_join(lab.t, &c, lab.now);
	lab_forget(&lab);
	amt_tunnel_close(lab.t, lab.now);
	lab.t = NULL;
	assert_int_equal(lab.n_sent, 1);
	vector_get("A13", &v);
	memcpy(v.amt + 2, lab.sent[0].buf + 2, 10);
	assert_int_equal(lab.sent[0].len, v.len);
	assert_memory_equal(lab.sent[0].buf, v.amt, v.len);
	lab_close(&lab);

	lab_open(&lab);
	lab_up(&lab);
	amt_tunnel_batch_begin(lab.t);
	for (uint32_t i = 0; i < 120; i++) {
		struct sg sg = lab_sg_nth(i, 1);

		amt_tunnel_join(lab.t, &sg, lab.now);
	}
	amt_tunnel_batch_end(lab.t, lab.now);
	lab_forget(&lab);
	amt_tunnel_close(lab.t, lab.now);
	lab.t = NULL;
	assert_int_equal(lab.n_sent, 2);
	s = lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, 0);
	assert_int_equal(lab_records(s, r, 400), 100);
	assert_int_equal(r[99].type, IGMP_BLOCK);
	s = lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, 1);
	assert_int_equal(lab_records(s, r, 400), 20);
	lab_close(&lab);

	// The last channel left a moment ago: its BLOCK is said once more.
	lab_open(&lab);
	lab_up(&lab);
	amt_tunnel_join(lab.t, &c, lab.now);
	amt_tunnel_leave(lab.t, &c, lab.now);
	lab_forget(&lab);
	amt_tunnel_close(lab.t, lab.now);
	lab.t = NULL;
	assert_int_equal(lab.n_sent, 1);
	lab_expect_record(&lab.sent[0], IGMP_BLOCK, &c);
	lab_close(&lab);

	lab_open(&lab);
	lab_tunnel(&lab);
	amt_tunnel_join(lab.t, &c, lab.now);
	amt_tunnel_close(lab.t, lab.now);
	lab.t = NULL;
	assert_int_equal(lab.n_sent, 1);
	lab_close(&lab);
}

static void test_send_errors(void **state)
{
	struct sg c = lab_sg("192.0.2.12", "232.252.0.2");
	const struct amt_stats *st;
	struct lab lab;

	(void)state;
	lab_open(&lab);
	st = amt_gateway_stats(lab.gw);
	lab.send_result = -ENETUNREACH;
	lab_tunnel(&lab);
	assert_int_equal(st->send_errors, 1);
	assert_int_equal(st->request_tx, 0);
	// The next try goes through.
	lab.send_result = 0;
	lab_run(&lab, lab.now + S);
	assert_int_equal(st->request_tx, 1);
	lab_answer(&lab, &plain);
	lab.send_result = -ENOBUFS;
	assert_int_equal(amt_tunnel_join(lab.t, &c, lab.now), 0);
	assert_int_equal(st->send_errors, 2);
	lab.send_result = 0;
	lab_run(&lab, lab.now + S);
	assert_int_equal(st->update_tx, 1);
	lab_close(&lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_joined_from_callback),
		cmocka_unit_test(test_old_mac),
		cmocka_unit_test(test_stale_mac),
		cmocka_unit_test(test_stale_repeat),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_thousand),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_inner_header),
		cmocka_unit_test(test_close),
		cmocka_unit_test(test_send_errors),
	};

	return RUN_TESTS(tests);
}
