// SPDX-License-Identifier: BSD-3-Clause
#include "unit/unit.h"

#include <string.h>

#include "driad/holddown.h"

static void on_each(void *arg, const struct addr *relay, const char *reason, uint64_t until_us)
{
	unsigned int *n = arg;

	assert_int_equal(relay->family, ADDR_V4);
	assert_non_null(reason);
	assert_true(until_us > 0);
	(*n)++;
}

static void holds_and_expires(void **state)
{
	struct timers timers;
	struct holddown h;
	struct addr a, b;
	const char *reason = NULL;
	uint64_t until = 0;
	unsigned int n = 0;

	(void)state;
	timers_init(&timers);
	holddown_init(&h, &timers);
	addr_parse("203.0.113.15", &a);
	addr_parse("203.0.113.16", &b);
	assert_false(holddown_held(&h, &a, 0, NULL, NULL));
	assert_int_equal(holddown_add(&h, &a, "silent", 100), 0);
	assert_int_equal(holddown_add(&h, &b, "full", 300), 0);
	assert_true(holddown_held(&h, &a, 99, &until, &reason));
	assert_int_equal(until, 100);
	assert_string_equal(reason, "silent");
	// An earlier end changes nothing, a later one counts.
	assert_int_equal(holddown_add(&h, &a, "other", 50), 0);
	assert_true(holddown_held(&h, &a, 60, &until, &reason));
	assert_string_equal(reason, "silent");
	assert_int_equal(holddown_add(&h, &a, "full", 200), 0);
	assert_true(holddown_held(&h, &a, 150, &until, &reason));
	assert_int_equal(until, 200);
	assert_string_equal(reason, "full");
	holddown_each(&h, on_each, &n);
	assert_int_equal(n, 2);
	// Over at its time, even before the timer ran; then gone by itself.
	assert_false(holddown_held(&h, &a, 200, NULL, NULL));
	timers_run(&timers, 200);
	assert_int_equal(h.map.count, 1);
	holddown_release(&h, &b);
	holddown_release(&h, &b);
	assert_int_equal(h.map.count, 0);
	assert_int_equal(timers_next(&timers), NEVER_US);
	assert_int_equal(holddown_add(&h, &a, "silent", 500), 0);
	holddown_fini(&h);
	assert_int_equal(timers_next(&timers), NEVER_US);
	timers_fini(&timers);
}

// Held for one source, a relay serves the others.
static void holds_for_one_source(void **state)
{
	struct timers timers;
	struct holddown h;
	struct addr r, s1, s2;
	const char *reason = NULL;

	(void)state;
	timers_init(&timers);
	holddown_init(&h, &timers);
	addr_parse("203.0.113.15", &r);
	addr_parse("192.0.2.1", &s1);
	addr_parse("192.0.2.2", &s2);
	assert_int_equal(holddown_add_for(&h, &r, &s1, "quiet", 100), 0);
	assert_true(holddown_held_for(&h, &r, &s1, 99, NULL, &reason));
	assert_string_equal(reason, "quiet");
	assert_false(holddown_held_for(&h, &r, &s2, 99, NULL, NULL));
	assert_false(holddown_held(&h, &r, 99, NULL, NULL));
	assert_int_equal(holddown_add(&h, &r, "silent", 50), 0);
	assert_true(holddown_held_for(&h, &r, &s1, 40, NULL, &reason));
	assert_string_equal(reason, "silent");
	assert_true(holddown_held_for(&h, &r, &s2, 40, NULL, NULL));
	holddown_release(&h, &r); // of all sources only
	assert_true(holddown_held_for(&h, &r, &s1, 40, NULL, NULL));
	timers_run(&timers, 100);
	assert_int_equal(h.map.count, 0);
	holddown_fini(&h);
	timers_fini(&timers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_and_expires),
		cmocka_unit_test(holds_for_one_source),
	};

	return RUN_TESTS(tests);
}
