// SPDX-License-Identifier: BSD-3-Clause
// What PIM's Asserts ask of the brain: interfaces that are muted, and whether a channel flows.
#include "unit/unit.h"
#include "world.h"

// An interface where another router forwards: it stays wanted, and nothing is sent there.
static void muted_interfaces(void **state)
{
	struct sg sg;

	(void)state;
	assert_int_equal(addr_parse("192.0.2.1", &sg.s), 0);
	assert_int_equal(addr_parse("232.1.1.1", &sg.g), 0);
	world_begin();
	world_dns(1, "203.0.113.1");
	channels_mute(w.cs, &sg, 1, true, w.now); // nobody wants it: nothing
	world_want("192.0.2.1", "232.1.1.1", 1, true);
	world_run(USEC_PER_SEC);
	assert_int_equal(world_oifs("192.0.2.1", "232.1.1.1"), 1u << 1);
	channels_mute(w.cs, &sg, 1, true, w.now);
	assert_int_equal(world_oifs("192.0.2.1", "232.1.1.1"), 0);
	assert_int_equal(world_view("192.0.2.1", "232.1.1.1").oifs, 1u << 1);
	assert_int_equal(world_view("192.0.2.1", "232.1.1.1").muted, 1u << 1);
	world_want("192.0.2.1", "232.1.1.1", 2, true);
	assert_int_equal(world_oifs("192.0.2.1", "232.1.1.1"), 1u << 2);
	world_want_by("192.0.2.1", "232.1.1.1", 1, CHANNEL_BY_STATIC, true);
	assert_int_equal(world_oifs("192.0.2.1", "232.1.1.1"), 1u << 2);
	channels_mute(w.cs, &sg, 1, false, w.now);
	assert_int_equal(world_oifs("192.0.2.1", "232.1.1.1"), 1u << 1 | 1u << 2);
	assert_int_equal(world_view("192.0.2.1", "232.1.1.1").muted, 0);
	// It goes with the channel.
	channels_mute(w.cs, &sg, 2, true, w.now);
	world_want("192.0.2.1", "232.1.1.1", 1, false);
	world_want_by("192.0.2.1", "232.1.1.1", 1, CHANNEL_BY_STATIC, false);
	world_want("192.0.2.1", "232.1.1.1", 2, false);
	assert_false(world_has("192.0.2.1", "232.1.1.1"));
	world_want("192.0.2.1", "232.1.1.1", 2, true);
	world_run(USEC_PER_SEC);
	assert_int_equal(world_oifs("192.0.2.1", "232.1.1.1"), 1u << 2);
	world_want("192.0.2.1", "232.1.1.1", 2, false);
	world_end();
}

// Packets come in from the source, or did within the last seconds.
static void whether_it_flows(void **state)
{
	struct sg sg;

	(void)state;
	assert_int_equal(addr_parse("192.0.2.1", &sg.s), 0);
	assert_int_equal(addr_parse("232.1.1.1", &sg.g), 0);
	world_begin();
	world_dns(1, "203.0.113.1");
	assert_false(channels_flows(w.cs, &sg, w.now));
	world_want("192.0.2.1", "232.1.1.1", 1, true);
	world_run(USEC_PER_SEC);
	assert_false(channels_flows(w.cs, &sg, w.now));
	world_packets("192.0.2.1", "232.1.1.1", 1);
	world_run(100 * USEC_PER_MSEC);
	assert_true(channels_flows(w.cs, &sg, w.now));
	channels_mute(w.cs, &sg, 1, true, w.now);
	world_packets("192.0.2.1", "232.1.1.1", 1);
	world_run(4 * USEC_PER_SEC);
	assert_true(channels_flows(w.cs, &sg, w.now));
	world_run(6 * USEC_PER_SEC);
	assert_false(channels_flows(w.cs, &sg, w.now));
	world_want("192.0.2.1", "232.1.1.1", 1, false);
	world_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(muted_interfaces),
		cmocka_unit_test(whether_it_flows),
	};

	return RUN_TESTS(tests);
}
