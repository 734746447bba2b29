// SPDX-License-Identifier: BSD-3-Clause
// The text that Prometheus reads, in both formats, and the greatest of many.
#include "unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "observe/om.h"
#include "observe/top.h"

static struct om o;

static void begin(enum om_format format)
{
	om_fini(&o);
	om_init(&o, format);
}

static const struct om_family bytes = {
	"inlet_x_bytes", OM_COUNTER, "bytes", "Octets \\ \"here\"\nand there."};
static const struct om_family build = {"inlet_build", OM_INFO, NULL, "The build."};
static const struct om_family gauge = {"inlet_g", OM_GAUGE, NULL, "A gauge."};
static const struct om_family times = {"inlet_t_seconds", OM_HISTOGRAM, "seconds", "Times."};

static void openmetrics(void **state)
{
	(void)state;
	begin(OM_OPENMETRICS);
	om_family(&o, &bytes);
	om_sample(&o, &bytes, "a=\"1\"", 5);
	om_family(&o, &build);
	om_sample(&o, &build, "version=\"1\"", 1);
	om_family(&o, &gauge);
	om_sample(&o, &gauge, "", 0.25);
	om_eof(&o);
	assert_string_equal(o.data, "# TYPE inlet_x_bytes counter\n"
				    "# UNIT inlet_x_bytes bytes\n"
				    "# HELP inlet_x_bytes Octets \\\\ \\\"here\\\"\\nand there.\n"
				    "inlet_x_bytes_total{a=\"1\"} 5\n"
				    "# TYPE inlet_build info\n"
				    "# HELP inlet_build The build.\n"
				    "inlet_build_info{version=\"1\"} 1\n"
				    "# TYPE inlet_g gauge\n"
				    "# HELP inlet_g A gauge.\n"
				    "inlet_g 0.25\n"
				    "# EOF\n");
}

static void text(void **state)
{
	(void)state;
	begin(OM_TEXT);
	om_family(&o, &bytes);
	om_sample(&o, &bytes, "", 5);
	om_family(&o, &build);
	om_sample(&o, &build, "", 1);
	assert_string_equal(o.data, "# TYPE inlet_x_bytes_total counter\n"
				    "# HELP inlet_x_bytes_total Octets \\\\ \"here\"\\nand there.\n"
				    "inlet_x_bytes_total 5\n"
				    "# TYPE inlet_build_info gauge\n"
				    "# HELP inlet_build_info The build.\n"
				    "inlet_build_info 1\n");
}

static void values(void **state)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = {
		{0, "0"},
		{-3, "-3"},
		{1e15, "1000000000000000"},
		{9007199254740991.0, "9007199254740991"},
		{1.5, "1.5"},
		{0.000001, "1e-06"},
		{1e300, "1e+300"},
		{INFINITY, "+Inf"},
		{-INFINITY, "-Inf"},
		{NAN, "NaN"},
	};
	char want[80];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		begin(OM_TEXT);
		om_sample(&o, &gauge, "", rows[i].value);
		snprintf(want, sizeof(want), "inlet_g %s\n", rows[i].text);
		assert_string_equal(o.data, want);
	}
}

static void histogram(void **state)
{
	struct histogram h = {0};
	const char *p;

	(void)state;
	histogram_add(&h, 0);
	histogram_add(&h, 1000);
	histogram_add(&h, 1001);
	histogram_add(&h, 10000000);
	histogram_add(&h, UINT32_MAX);
	begin(OM_OPENMETRICS);
	om_histogram(&o, &times, "a=\"b\"", &h);
	assert_non_null(strstr(o.data, "inlet_t_seconds_bucket{a=\"b\",le=\"0.001\"} 2\n"));
	assert_non_null(strstr(o.data, "inlet_t_seconds_bucket{a=\"b\",le=\"0.0025\"} 3\n"));
	assert_non_null(strstr(o.data, "inlet_t_seconds_bucket{a=\"b\",le=\"5.0\"} 3\n"));
	assert_non_null(strstr(o.data, "inlet_t_seconds_bucket{a=\"b\",le=\"10.0\"} 4\n"));
	assert_non_null(strstr(o.data, "inlet_t_seconds_bucket{a=\"b\",le=\"60.0\"} 4\n"));
	assert_non_null(strstr(o.data, "inlet_t_seconds_bucket{a=\"b\",le=\"+Inf\"} 5\n"));
	assert_non_null(strstr(o.data, "inlet_t_seconds_sum{a=\"b\"} 4304.969296\n"));
	p = strstr(o.data, "inlet_t_seconds_count{a=\"b\"} 5\n");
	assert_non_null(p);
	begin(OM_TEXT);
	om_histogram(&o, &times, "", &h);
	assert_non_null(strstr(o.data, "inlet_t_seconds_bucket{le=\"1.0\"} 3\n"));
	assert_non_null(strstr(o.data, "inlet_t_seconds_count 5\n"));
}

static void labels(void **state)
{
	char l[64] = "", small[16] = "";

	(void)state;
	assert_true(om_label(l, sizeof(l), "a", "x\"y\\z\n\x01\xc3"));
	assert_string_equal(l, "a=\"x\\\"y\\\\z\\n??\"");
	assert_true(om_label(l, sizeof(l), "gone", NULL));
	assert_true(om_label_u64(l, sizeof(l), "n", UINT64_MAX));
	assert_string_equal(l, "a=\"x\\\"y\\\\z\\n??\",n=\"18446744073709551615\"");
	assert_false(om_label(l, sizeof(l), "too_long", "0123456789012345678901234567890"));
	assert_string_equal(l, "a=\"x\\\"y\\\\z\\n??\",n=\"18446744073709551615\"");
	// At every length around the end of the room: whole or not at all.
	for (unsigned int n = 0; n < 16; n++) {
		char value[17] = "################";

		memset(value, '"', sizeof(value) - 1);
		value[n] = '\0';
		small[0] = '\0';
		if (om_label(small, sizeof(small), "k", value))
			assert_int_equal(strlen(small), 4 + 2 * n);
		else
			assert_string_equal(small, "");
	}
	assert_true(om_label(small, sizeof(small), "k", "\"\"\"\"\""));
}

static void is_taken_in_pieces(void **state)
{
	char *first;

	(void)state;
	begin(OM_TEXT);
	for (int i = 0; i < 2000; i++)
		om_sample(&o, &gauge, "", i);
	assert_true(o.len > 10000);
	first = o.data;
	om_taken(&o);
	assert_int_equal(o.len, 0);
	om_eof(&o);
	assert_string_equal(o.data, "# EOF\n");
	assert_non_null(strstr(first, "inlet_g 1999\n"));
	free(first);
}

static void check_top(uint32_t max, uint32_t n, unsigned int seed)
{
	struct top t;
	uint64_t last = UINT64_MAX, value;
	uint32_t above = 0;
	uint64_t *all = calloc(n + 1, sizeof(*all));

	assert_non_null(all);
	srand(seed);
	assert_int_equal(top_init(&t, max, sizeof(uint64_t)), 0);
	for (uint32_t i = 0; i < n; i++) {
		all[i] = seed == 0 ? i : seed == 1 ? n - i : (uint64_t)(rand() % 50);
		top_offer(&t, all[i], &all[i]);
	}
	top_sort(&t);
	assert_int_equal(t.n, n < max ? n : max);
	assert_int_equal(t.offered, n);
	for (uint32_t i = 0; i < t.n; i++) {
		const uint64_t *item = top_item(&t, i, &value);

		assert_int_equal(*item, value);
		assert_true(value <= last);
		last = value;
	}
	// None of those left out is greater than the least that was kept.
	for (uint32_t i = 0; i < n; i++)
		above += all[i] > last;
	assert_true(above <= max);
	if (max == 0 || n == 0)
		assert_int_equal(t.n, 0);
	top_fini(&t);
	free(all);
}

static void top_keeps_the_greatest(void **state)
{
	(void)state;
	for (unsigned int seed = 0; seed < 20; seed++)
		for (uint32_t max = 0; max < 9; max++)
			for (uint32_t n = 0; n < 40; n++)
				check_top(max, n, seed);
	check_top(20, 100000, 0);
	check_top(1000, 100000, 7);
}

static void of_equals_the_first_stay(void **state)
{
	struct top t;

	(void)state;
	assert_int_equal(top_init(&t, 3, sizeof(int)), 0);
	for (int i = 0; i < 10; i++)
		top_offer(&t, 5, &i);
	top_sort(&t);
	for (int i = 0; i < 3; i++)
		assert_int_equal(*(const int *)top_item(&t, (uint32_t)i, NULL), i);
	top_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openmetrics),
		cmocka_unit_test(text),
		cmocka_unit_test(values),
		cmocka_unit_test(histogram),
		cmocka_unit_test(labels),
		cmocka_unit_test(is_taken_in_pieces),
		cmocka_unit_test(top_keeps_the_greatest),
		cmocka_unit_test(of_equals_the_first_stay),
	};
	int failed = RUN_TESTS(tests);

	om_fini(&o);
	return failed;
}
