// SPDX-License-Identifier: BSD-3-Clause
// What the gateway learns of relays that do not keep to the RFC, and how it deals with them.
#include <errno.h>

#include "lab.h"

#define S USEC_PER_SEC

static const struct lab_query v4 = {.qrv = 2, .qqic = 125};
static const struct lab_query v6 = {.mld = true, .qrv = 2, .qqic = 125};

static unsigned int quirks(const struct lab *lab)
{
	return amt_relay_quirks(lab->gw, &lab->relay, NULL);
}

static void open_mld(struct lab *lab)
{
	lab->t = amt_tunnel_open_for(lab->gw, &lab->relay, ADDR_V6, lab, &lab->local, lab->now);
	assert_non_null(lab->t);
}

// The second octets of the Requests sent since lab_forget().
static size_t flags(const struct lab *lab, uint8_t *out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < lab->n_sent && n < max; i++) {
		if (lab->sent[i].msg.type == AMT_REQUEST)
			out[n++] = lab->sent[i].buf[1];
	}
	return n;
}

static void next_cycle(struct lab *lab)
{
	lab_forget(lab);
	for (int i = 0; i < 200 && lab_count(lab, AMT_REQUEST) == 0; i++)
		lab_run(lab, lab->now + S);
}

// E-01, E-02: E is set in Requests, never in Discovery.
static void test_e(void **state)
{
	struct amt_tunnel_view v;
	struct lab lab;

	(void)state;
	lab_open_ecn(&lab, 1280);
	lab_tunnel(&lab);
	assert_int_equal(lab.sent[0].buf[1], 0x02);
	lab_answer(&lab, &v4);
	amt_tunnel_view(lab.t, &v);
	assert_true(v.ecn);
	assert_int_equal(quirks(&lab), 0);
	amt_tunnel_close(lab.t, lab.now);
	lab_forget(&lab);
	open_mld(&lab);
	assert_int_equal(lab.sent[0].buf[1], 0x03);
	lab_close(&lab);
}

// A relay that answers only without E: known after the second time, since one packet may be lost.
static void test_no_e(void **state)
{
	struct amt_tunnel_view v;
	struct lab lab;

	(void)state;
	lab_open_ecn(&lab, 1280);
	lab_tunnel(&lab);
	lab_run(&lab, lab.now + S);
	assert_int_equal(lab.sent[1].buf[1], 0x00);
	assert_int_not_equal(lab.sent[0].msg.nonce, lab.sent[1].msg.nonce);
	lab_answer(&lab, &v4);
	assert_int_equal(lab.events[0], AMT_EV_UP);
	assert_int_equal(quirks(&lab), 0);
	next_cycle(&lab);
	assert_int_equal(lab.sent[0].buf[1], 0x02);
	lab_run(&lab, lab.now + S);
	lab_answer(&lab, &v4);
	assert_int_equal(quirks(&lab), AMT_QUIRK_NO_E);
	amt_tunnel_view(lab.t, &v);
	assert_false(v.ecn);
	assert_int_equal(v.quirks, AMT_QUIRK_NO_E);
	next_cycle(&lab);
	assert_int_equal(lab.sent[0].buf[1], 0x00);
	// It is known of the relay, not of the tunnel.
	amt_tunnel_close(lab.t, lab.now);
	lab_forget(&lab);
	lab_tunnel(&lab);
	assert_int_equal(lab.sent[0].buf[1], 0x00);
	lab_close(&lab);

	// One that answered with E in between is not suspected.
	lab_open_ecn(&lab, 1280);
	lab_tunnel(&lab);
	for (int i = 0; i < 6; i++) {
		if (i % 2 == 0)
			lab_run(&lab, lab.now + S);
		lab_answer(&lab, &v4);
		assert_int_equal(quirks(&lab), 0);
		next_cycle(&lab);
		assert_int_equal(lab.sent[0].buf[1], 0x02);
	}
	lab_close(&lab);
}

// An outage says nothing of E, whichever form's Request is the first to be answered after it.
static void test_outage(void **state)
{
	struct lab lab;

	(void)state;
	lab_open_ecn(&lab, 1280);
	lab_tunnel(&lab);
	lab_answer(&lab, &v4);
	for (int outage = 0; outage < 4; outage++) {
		next_cycle(&lab);
		assert_int_equal(lab.sent[lab.n_sent - 1].buf[1], 0x02);
		// E, without, E, without: the first one without was lost as well.
		for (int i = 0; i < 20 && lab_count(&lab, AMT_REQUEST) < 4; i++)
			lab_run(&lab, lab.now + S);
		assert_int_equal(lab_count(&lab, AMT_REQUEST), 4);
		assert_int_equal(lab.sent[lab.n_sent - 1].buf[1], 0x00);
		lab_answer(&lab, &v4);
		assert_int_equal(quirks(&lab), 0);
	}
	lab_close(&lab);
}

// P at 0x80 is tried after the RFC's form. An answer to an earlier form is told by its nonce.
static void test_p80(void **state)
{
	const struct lab_query mirrored = {.mld = true,
		.mirrored = true,
		.g = true,
		.gateway = "198.51.100.9",
		.port = 7,
		.qrv = 2,
		.qqic = 125};
	struct sg a = lab_sg("192.0.2.12", "232.252.0.2");
	struct amt_tunnel_view v;
	struct lab lab;
	uint8_t f[8];

	(void)state;
	lab_open_ecn(&lab, 1280);
	open_mld(&lab);
	lab_run(&lab, lab.now + 20 * S);
	assert_true(flags(&lab, f, 8) >= 3);
	assert_int_equal(f[0], 0x03);
	assert_int_equal(f[1], 0x01);
	assert_int_equal(f[2], 0x80);
	amt_tunnel_close(lab.t, lab.now);
	lab_forget(&lab);
	lab.n_events = 0;
	open_mld(&lab);
	while (lab_count(&lab, AMT_REQUEST) < 3)
		lab_run(&lab, lab.now + S / 2);
	lab_answer(&lab, &mirrored);
	assert_int_equal(lab.events[lab.n_events - 1], AMT_EV_UP);
	assert_int_equal(quirks(&lab), AMT_QUIRK_P80);
	amt_tunnel_view(lab.t, &v);
	assert_true(v.gateway_flag);
	assert_true(v.nat);
	assert_int_equal(v.gateway_port, 7);
	// No E to such a relay, and IPv4 Requests have no flag at all.
	next_cycle(&lab);
	assert_int_equal(lab.sent[0].buf[1], 0x80);
	lab_answer(&lab, &mirrored);
	lab_forget(&lab);
	amt_tunnel_join(lab.t, &a, lab.now);
	assert_int_equal(lab.sent[0].buf[1], 0x00);
	lab_answer(&lab, &v4);
	// The address has another relay now: the quirk goes.
	next_cycle(&lab);
	while (flags(&lab, f, 8) < 2 || f[1] != 0x01)
		lab_run(&lab, lab.now + S / 2);
	assert_int_equal(f[0], 0x80);
	lab_answer(&lab, &(struct lab_query){.mld = true,
				 .nonce = lab_request(&lab, true)->msg.nonce,
				 .qrv = 2,
				 .qqic = 125});
	assert_int_equal(quirks(&lab), 0);
	lab_close(&lab);
}

// A late answer to the RFC's form is not taken for one to the other.
static void test_late_answer(void **state)
{
	struct lab_query q = v6;
	struct lab lab;

	(void)state;
	lab_open(&lab);
	open_mld(&lab);
	while (lab_count(&lab, AMT_REQUEST) < 2)
		lab_run(&lab, lab.now + S / 2);
	assert_int_equal(lab.sent[1].buf[1], 0x80);
	q.nonce = lab.sent[0].msg.nonce;
	lab_answer(&lab, &q);
	assert_int_equal(lab.events[0], AMT_EV_UP);
	assert_int_equal(quirks(&lab), 0);
	lab_close(&lab);
}

// Pinned: nothing else is tried, and nothing learned.
static void test_pinned(void **state)
{
	struct lab lab;
	uint8_t f[16];
	bool pinned;
	size_t n;

	(void)state;
	lab_open_ecn(&lab, 1280);
	amt_relay_pin(lab.gw, &lab.relay, AMT_QUIRK_P80 | AMT_QUIRK_NO_E);
	assert_int_equal(
		amt_relay_quirks(lab.gw, &lab.relay, &pinned), AMT_QUIRK_P80 | AMT_QUIRK_NO_E);
	assert_true(pinned);
	open_mld(&lab);
	lab_run(&lab, lab.now + 30 * S);
	n = flags(&lab, f, 16);
	assert_int_equal(n, 4);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(f[i], 0x80);
	amt_tunnel_close(lab.t, lab.now);
	amt_relay_pin(lab.gw, &lab.relay, 0);
	lab_forget(&lab);
	lab_tunnel(&lab);
	lab_run(&lab, lab.now + 30 * S);
	n = flags(&lab, f, 16);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(f[i], 0x02);
	assert_int_equal(quirks(&lab), 0);
	lab_close(&lab);
}

// One nonce a tunnel: a family falls silent though the relay answers; one nonce for both is tried,
// and when that brings packets, the relay is known for it.
static void test_one_nonce(void **state)
{
	struct sg a = lab_sg("192.0.2.12", "232.252.0.2"),
		  b = lab_sg("2001:db8::1", "ff3e::8000:1");
	struct sg c = lab_sg("192.0.2.12", "232.252.0.3");
	struct lab_query q4 = v4, q6 = v6;
	struct lab lab;

	(void)state;
	lab_open(&lab);
	lab_up(&lab);
	amt_tunnel_join(lab.t, &a, lab.now);
	amt_tunnel_join(lab.t, &b, lab.now);
	lab_answer(&lab, &v6);
	lab_run(&lab, lab.now + 2 * S);
	lab_forget(&lab);
	// A fresh Request first, as for a relay with a new secret.
	amt_tunnel_silent(lab.t, ADDR_V4, lab.now);
	assert_int_equal(lab_count(&lab, AMT_REQUEST), 1);
	lab_answer(&lab, &v4);
	lab_expect_record(lab_nth(&lab, AMT_MEMBERSHIP_UPDATE, 0), IGMP_IS_IN, &a);
	lab_forget(&lab);
	lab_run(&lab, lab.now + 13 * S / 10);
	assert_int_equal(lab_count(&lab, AMT_REQUEST), 2);
	assert_int_equal(lab.sent[0].msg.nonce, lab.sent[1].msg.nonce);
	assert_int_not_equal(lab.sent[0].msg.p, lab.sent[1].msg.p);
	// The MAC of before is void at such a relay: nothing is said under it.
	amt_tunnel_join(lab.t, &c, lab.now);
	assert_int_equal(lab_count(&lab, AMT_MEMBERSHIP_UPDATE), 0);
	q4.nonce = q6.nonce = lab.sent[0].msg.nonce;
	lab_answer(&lab, &q4);
	lab_answer(&lab, &q6);
	assert_int_equal(lab_count(&lab, AMT_MEMBERSHIP_UPDATE), 2);
	assert_int_equal(quirks(&lab), 0);
	amt_tunnel_heard(lab.t, ADDR_V4);
	assert_int_equal(quirks(&lab), AMT_QUIRK_ONE_NONCE);
	// From now on both have one cycle.
	next_cycle(&lab);
	assert_int_equal(lab_count(&lab, AMT_REQUEST), 2);
	assert_int_equal(
		lab_nth(&lab, AMT_REQUEST, 0)->msg.nonce, lab_nth(&lab, AMT_REQUEST, 1)->msg.nonce);
	lab_close(&lab);

	// What a fresh Request repairs is no quirk.
	lab_open(&lab);
	lab_up(&lab);
	amt_tunnel_join(lab.t, &a, lab.now);
	amt_tunnel_join(lab.t, &b, lab.now);
	lab_answer(&lab, &v6);
	lab_run(&lab, lab.now + 2 * S);
	amt_tunnel_silent(lab.t, ADDR_V4, lab.now);
	lab_answer(&lab, &v4);
	amt_tunnel_heard(lab.t, ADDR_V4);
	lab_run(&lab, lab.now + 10 * S);
	assert_int_equal(quirks(&lab), 0);
	// The other family was silent as well: the relay was restarted.
	amt_tunnel_silent(lab.t, ADDR_V6, lab.now);
	lab_answer(&lab, &v6);
	amt_tunnel_heard(lab.t, ADDR_V6);
	lab_run(&lab, lab.now + 10 * S);
	assert_int_equal(quirks(&lab), 0);
	// It went on all the time: then it was its Request that made the relay forget.
	amt_tunnel_silent(lab.t, ADDR_V4, lab.now);
	lab_answer(&lab, &v4);
	amt_tunnel_heard(lab.t, ADDR_V4);
	assert_int_equal(quirks(&lab), 0);
	amt_tunnel_heard(lab.t, ADDR_V6);
	assert_int_equal(quirks(&lab), AMT_QUIRK_ONE_NONCE);
	lab_close(&lab);

	// One source of several has nothing: the same question, when it was the other side's turn.
	lab_open(&lab);
	lab_up(&lab);
	amt_tunnel_join(lab.t, &a, lab.now);
	assert_false(amt_tunnel_ask(lab.t, ADDR_V4, lab.now));
	lab_run(&lab, lab.now + 2 * S);
	amt_tunnel_join(lab.t, &b, lab.now);
	lab_answer(&lab, &v6);
	lab_run(&lab, lab.now + 2 * S);
	lab_forget(&lab);
	assert_true(amt_tunnel_ask(lab.t, ADDR_V4, lab.now));
	assert_int_equal(lab_count(&lab, AMT_REQUEST), 1);
	lab_answer(&lab, &v4);
	lab_run(&lab, lab.now + 2 * S);
	assert_false(amt_tunnel_ask(lab.t, ADDR_V4, lab.now));
	assert_int_equal(quirks(&lab), 0);
	amt_tunnel_answered(lab.t);
	assert_int_equal(quirks(&lab), AMT_QUIRK_ONE_NONCE);
	lab_close(&lab);
}

// Long Updates bring nothing: shorter ones are tried.
static void test_short_updates(void **state)
{
	struct lab lab;
	size_t longest = 0;

	(void)state;
	lab_open_with(&lab, 1500, 42);
	lab_tunnel(&lab);
	for (uint32_t i = 0; i < 400; i++) {
		struct sg sg = lab_sg_nth(i, 1);

		amt_tunnel_join(lab.t, &sg, lab.now);
	}
	lab_answer(&lab, &(struct lab_query){.qrv = 1, .qqic = 125});
	lab_run(&lab, lab.now + 2 * S);
	amt_tunnel_silent(lab.t, ADDR_V4, lab.now);
	lab_answer(&lab, &(struct lab_query){.qrv = 1, .qqic = 125});
	lab_run(&lab, lab.now + S);
	lab_forget(&lab);
	lab_run(&lab, lab.now + S / 2);
	assert_int_equal(lab_count(&lab, AMT_REQUEST), 1);
	lab_answer(&lab, &(struct lab_query){.qrv = 1, .qqic = 125});
	for (size_t i = 0; i < lab.n_sent; i++) {
		if (lab.sent[i].len > longest)
			longest = lab.sent[i].len;
	}
	assert_in_range(longest, 1300, 1400 - 28);
	amt_tunnel_heard(lab.t, ADDR_V4);
	assert_int_equal(quirks(&lab), AMT_QUIRK_SHORT_UPDATES);
	lab_close(&lab);
}

// One endpoint an address: the answer to one tunnel's Request comes to another's port.
static void test_one_endpoint(void **state)
{
	struct amt_tunnel *first;
	struct lab lab;
	uint32_t nonce;

	(void)state;
	lab_open(&lab);
	lab_up(&lab);
	first = lab.t;
	lab_run(&lab, lab.now + 2 * S);
	lab_tunnel(&lab);
	nonce = lab_nonce(&lab);
	struct amt_tunnel *second = lab.t;
	lab.t = first;
	lab_answer(&lab, &(struct lab_query){.nonce = nonce, .qrv = 2, .qqic = 125});
	assert_int_equal(quirks(&lab), AMT_QUIRK_ONE_ENDPOINT);
	assert_int_equal(lab.n_events, 1);
	assert_int_equal(lab.events[0], AMT_EV_DOWN);
	assert_int_equal(amt_tunnel_side(second, ADDR_V4), AMT_FAILED);
	assert_int_equal(amt_tunnel_side(first, ADDR_V4), AMT_UP);
	// What the relay knew of the first may be gone: it asks again.
	assert_int_not_equal(lab_nonce(&lab), nonce);
	amt_tunnel_close(second, lab.now);
	lab_close(&lab);

	// A Query that answers nobody teaches nothing.
	lab_open(&lab);
	lab_up(&lab);
	lab_answer(&lab, &(struct lab_query){.nonce = 77, .qrv = 2, .qqic = 125});
	assert_int_equal(quirks(&lab), 0);
	lab_close(&lab);
}

// T-02, T-03: the local address went, so Teardown could not be sent: the next tunnel to the relay
// sends it, with the old values.
static void test_owed_teardown(void **state)
{
	struct lab_query q = {
		.g = true, .gateway = "198.51.100.10", .port = 1000, .qrv = 2, .qqic = 125};
	struct sg a = lab_sg("192.0.2.12", "232.252.0.2");
	const struct amt_msg *m;
	struct lab lab;
	uint32_t nonce;

	(void)state;
	lab_open(&lab);
	lab_tunnel(&lab);
	lab_answer(&lab, &q);
	amt_tunnel_join(lab.t, &a, lab.now);
	nonce = lab_nonce(&lab);
	lab.send_result = -EADDRNOTAVAIL;
	amt_tunnel_close(lab.t, lab.now);
	lab.send_result = 0;
	lab_forget(&lab);
	lab_run(&lab, lab.now + 5 * S);
	lab_tunnel(&lab);
	q.gateway = "198.51.100.20";
	q.port = 2000;
	lab_answer(&lab, &q);
	m = &lab_nth(&lab, AMT_TEARDOWN, 0)->msg;
	assert_int_equal(m->nonce, nonce);
	assert_int_equal(m->gateway_port, 1000);
	assert_int_equal(lab_count(&lab, AMT_TEARDOWN), 1);
	lab_run(&lab, lab.now + 5 * S); // T-04: QRV of them
	assert_int_equal(lab_count(&lab, AMT_TEARDOWN), 2);
	amt_tunnel_close(lab.t, lab.now);
	// Said once.
	lab_forget(&lab);
	lab_tunnel(&lab);
	lab_answer(&lab, &q);
	assert_int_equal(lab_count(&lab, AMT_TEARDOWN), 0);
	lab_close(&lab);
}

static void test_names(void **state)
{
	char buf[AMT_QUIRKS_STRLEN];
	unsigned int all = 0;

	(void)state;
	for (unsigned int i = 0; i < AMT_QUIRK_COUNT; i++) {
		assert_int_equal(amt_quirk_parse(amt_quirk_names[i]), 1u << i);
		all |= 1u << i;
	}
	assert_int_equal(amt_quirk_parse("odd"), 0);
	assert_string_equal(amt_quirks_format(0, buf), "");
	assert_string_equal(
		amt_quirks_format(all, buf), "p-0x80 no-e one-nonce one-endpoint short-updates");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_e),
		cmocka_unit_test(test_no_e),
		cmocka_unit_test(test_outage),
		cmocka_unit_test(test_p80),
		cmocka_unit_test(test_late_answer),
		cmocka_unit_test(test_pinned),
		cmocka_unit_test(test_one_nonce),
		cmocka_unit_test(test_short_updates),
		cmocka_unit_test(test_one_endpoint),
		cmocka_unit_test(test_owed_teardown),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
