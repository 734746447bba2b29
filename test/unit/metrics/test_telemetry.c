// SPDX-License-Identifier: BSD-3-Clause
// Rows of the console's JSON read back, and parameters of telemetry made commands.
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/render.h"
#include "metrics/json_row.h"
#include "metrics/telemetry_rows.h"

static void what_the_console_writes(void **state)
{
	static const struct render_column columns[] = {{"text", RENDER_LEFT}, {"n", RENDER_RIGHT},
		{"yes", RENDER_LEFT}, {"no", RENDER_LEFT}, {"none", RENDER_LEFT},
		{"span", RENDER_RIGHT}, {"list", RENDER_LEFT}, {"empty", RENDER_LEFT}};
	struct json_cell c;
	struct render r;
	char text[JSON_TEXT_LEN];
	const char *at;

	(void)state;
	render_init(&r, true);
	render_table_begin(&r, "rows", columns, sizeof(columns) / sizeof(columns[0]));
	render_text(&r, "a\"b\\c\n\xff}");
	render_u64(&r, UINT64_MAX);
	render_bool(&r, true);
	render_bool(&r, false);
	render_none(&r);
	render_span_us(&r, 1234567);
	render_list_begin(&r);
	render_list_item(&r, "x,]\"");
	render_list_item(&r, "y");
	render_list_end(&r);
	render_list_begin(&r);
	render_list_end(&r);
	render_table_end(&r);
	at = strchr(r.out.data, '{');
	assert_true(json_row_next(&at, &c));
	assert_string_equal(c.key, "text");
	assert_int_equal(c.kind, JSON_TEXT);
	assert_string_equal(c.text, "a\"b\\c??}");
	assert_true(json_row_next(&at, &c));
	assert_int_equal(c.kind, JSON_NUMBER);
	assert_string_equal(c.text, "18446744073709551615");
	assert_true(json_row_next(&at, &c));
	assert_int_equal(c.kind, JSON_TRUE);
	assert_true(json_row_next(&at, &c));
	assert_int_equal(c.kind, JSON_FALSE);
	assert_true(json_row_next(&at, &c));
	assert_int_equal(c.kind, JSON_NULL);
	assert_true(json_row_next(&at, &c));
	assert_string_equal(c.text, "1.234");
	assert_true(json_row_next(&at, &c));
	assert_int_equal(c.kind, JSON_LIST);
	assert_true(json_list_next(&c.list, text));
	assert_string_equal(text, "x,]\"");
	assert_true(json_list_next(&c.list, text));
	assert_string_equal(text, "y");
	assert_false(json_list_next(&c.list, text));
	assert_true(json_row_next(&at, &c));
	assert_string_equal(c.key, "empty");
	assert_false(json_list_next(&c.list, text));
	assert_false(json_row_next(&at, &c));
	assert_non_null(at);
	render_fini(&r);
}

static bool is_row(const char *text)
{
	struct json_cell c;

	while (json_row_next(&text, &c))
		;
	return text != NULL;
}

static void what_is_no_row(void **state)
{
	static const char *const bad[] = {"", "[", "x", "{", "{\"a\"", "{\"a\":", "{\"a\": }",
		"{\"a\": x}", "{\"a\": \"x", "{\"a\": [1]}", "{\"a\": [\"x\" \"y\"]}",
		"{\"a\": {}}", "{\"a\": 1 \"b\": 2}", "{\"a\": \"\\q\"}", "{\"a\": \"\\u12\"}",
		"{a: 1}", "{\"a\": tru}"};

	(void)state;
	assert_true(is_row("{}"));
	assert_true(is_row("{\"a\": 1}"));
	assert_true(is_row("{\"a\": 1},"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(is_row(bad[i]));
}

// From memory of exactly the text's size, so that a sanitizer sees a read beyond it.
static void any_octets(void **state)
{
	static const char good[] =
		"{\"a\": \"x\\u00e9\", \"b\": [\"y\", \"z\"], \"c\": 1.5, \"d\": null}";
	char text[sizeof(good)];

	(void)state;
	srand(1);
	for (int i = 0; i < 100000; i++) {
		size_t len = (size_t)rand() % sizeof(good);
		char *copy;

		memcpy(text, good, sizeof(text));
		if (len > 0)
			text[(size_t)rand() % len] = (char)(rand() % 256);
		text[len] = '\0';
		copy = strdup(text);
		assert_non_null(copy);
		is_row(copy);
		free(copy);
	}
}

static void lines(void **state)
{
	static const struct {
		const char *words, *params, *line;
		uint64_t from;
	} rows[] = {
		{"show ports [port NAME]", NULL, "show ports --json", 0},
		{"show ports [port NAME]", "", "show ports --json", 0},
		{"show pim joins", "17", "show pim joins --json", 17},
		{"show channels [source S/L]", "source=2001:db8::/32,40",
			"show channels source 2001:db8::/32 --json", 40},
		{"show channels", "40,held", "show channels held --json", 40},
		{"explain SOURCE GROUP", "192.0.2.1,232.1.1.1",
			"explain 192.0.2.1 232.1.1.1 --json", 0},
	};
	static const char *const bad[] = {"a b", "a;b", "\"", "a\nb", "--watch", "\x01"};
	char line[200], small[24], params[2000];
	uint64_t from;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(
			telemetry_line(rows[i].words, rows[i].params, line, sizeof(line), &from));
		assert_string_equal(line, rows[i].line);
		assert_int_equal(from, rows[i].from);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(telemetry_line("show ports", bad[i], line, sizeof(line), &from));
	assert_false(telemetry_line("show ports", "a,b,c,d", small, sizeof(small), &from));
	memset(params, 'a', sizeof(params) - 1);
	params[sizeof(params) - 1] = '\0';
	assert_false(telemetry_line("show ports", params, line, sizeof(line), &from));
	params[300] = '\0';
	assert_false(telemetry_line("show ports", params, line, sizeof(line), &from));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_console_writes),
		cmocka_unit_test(what_is_no_row),
		cmocka_unit_test(any_octets),
		cmocka_unit_test(lines),
	};

	return RUN_TESTS(tests);
}
