// SPDX-License-Identifier: BSD-3-Clause
// Native multicast that comes in on a downstream interface (JP-10, JP-11, AS-01): a sample of it is
// for PIM, the rest is dropped and counted.
#include <string.h>

#include "fastpath/worker.h"
#include "rig.h"
#include "unit/unit.h"

static struct rig rig;

// A UDP datagram of flow number `flow`.
static size_t native_frame(uint8_t *p, bool v6, unsigned int flow)
{
	static const uint8_t ip4[20] = {
		0x45, [3] = 48, [8] = 5, [9] = 17, [12] = 192, 0, 2, 1, 232};
	static const uint8_t ip6[40] = {
		0x60, [5] = 8, [6] = 17, [7] = 5, [8] = 0x20, 1, 0xd, 0xb8, [24] = 0xff, 0x3e};

	memset(p, 0, 62);
	p[12] = v6 ? 0x86 : 0x08;
	p[13] = v6 ? 0xdd : 0x00;
	if (v6)
		memcpy(p + 14, ip6, sizeof(ip6));
	else
		memcpy(p + 14, ip4, sizeof(ip4));
	p[14 + (v6 ? 38 : 18)] = (uint8_t)(flow >> 8);
	p[14 + (v6 ? 39 : 19)] = (uint8_t)flow;
	return 62;
}

// 'c': punted as control, 'o': as other, 'd': dropped as NATIVE.
static void expect(const uint8_t *p, char what)
{
	struct outcome o;

	rig_run(&rig, p, 62, &o);
	assert_int_equal(o.forwarded, 0);
	assert_int_equal(o.punted[RIG_CONTROL], what == 'c');
	assert_int_equal(o.punted[RIG_OTHER], what == 'o');
	assert_int_equal(o.drops, what == 'd');
	if (what == 'd')
		assert_int_equal(o.reason, DROP_NATIVE);
	assert_int_equal(rig_mbufs_in_use(&rig), 0);
}

static void each_flow_once_a_window(void **state)
{
	struct worker_native *n = &rig.worker.native;
	uint8_t p[64];

	(void)state;
	assert_true(n->window > 0);
	n->window = UINT64_MAX / 4; // as long as the test takes
	for (int v6 = 0; v6 < 2; v6++) {
		native_frame(p, v6, 1);
		expect(p, 'c');
		expect(p, 'd');
		native_frame(p, v6, 2);
		expect(p, 'c');
		expect(p, 'd');
		native_frame(p, v6, 1);
		expect(p, 'd');
		n->since -= n->window;
		expect(p, 'c');
	}
}

static void so_many_flows_a_window(void **state)
{
	struct worker_native *n = &rig.worker.native;
	unsigned int punted = 0;
	struct outcome o;
	uint8_t p[64];

	(void)state;
	n->window = UINT64_MAX / 4;
	for (unsigned int flow = 0; flow < 1000; flow++) {
		native_frame(p, false, flow);
		rig_run(&rig, p, 62, &o);
		punted += o.punted[RIG_CONTROL];
		assert_int_equal(o.drops + o.punted[RIG_CONTROL], 1);
	}
	assert_int_equal(punted, WORKER_NATIVE_FLOWS);
}

static void the_rest_is_the_kernels(void **state)
{
	uint8_t p[64];

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		native_frame(p, v6, 1);
		p[14 + (v6 ? 25 : 16)] = v6 ? 2 : 224; // link-local
		expect(p, 'o');
		native_frame(p, v6, 1);
		p[14 + (v6 ? 24 : 16)] = 10; // unicast
		expect(p, 'o');
		native_frame(p, v6, 1);
		p[14] = 0x10; // no such version
		expect(p, 'o');
	}
	native_frame(p, false, 1);
	p[14 + 9] = 2; // an IGMPv2 report goes to its group
	expect(p, 'c');
	expect(p, 'c');
	rig.worker.ifs[0].downstream = false;
	native_frame(p, false, 1);
	expect(p, 'o');
	expect(p, 'o');
}

static int setup(void **state)
{
	(void)state;
	rig_setup(&rig, 1u << 1);
	memset(&rig.worker.native.seen, 0, sizeof(rig.worker.native.seen));
	rig.worker.native.since = 0;
	rig.worker.native.left = WORKER_NATIVE_FLOWS;
	rig.worker.ifs[0].downstream = true;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_teardown(&rig);
	return 0;
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_flow_once_a_window),
		T(so_many_flows_a_window),
		T(the_rest_is_the_kernels),
	};

	rig_eal_init("t_native");
	return RUN_TESTS(tests);
}
