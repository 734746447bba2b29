// SPDX-License-Identifier: BSD-3-Clause
// The pure part: lines to entries, entries to lines, lists and what changes between them.
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "joinfile/joinfile.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define ROOM 16

static struct joinfile_entry entries[ROOM];
static uint32_t n;
static struct joinfile_error err;

static int parse(const char *text)
{
	memset(entries, 0xa5, sizeof(entries));
	return joinfile_parse(text, strlen(text), entries, ROOM, &n, &err);
}

static void expect_entry(uint32_t i, const char *line)
{
	char text[JOINFILE_LINE_LEN];

	assert_true(i < n);
	assert_int_equal(joinfile_format(&entries[i], text), strlen(line));
	assert_string_equal(text, line);
	assert_false(entries[i].wanted);
}

static void good_lines(void **state)
{
	(void)state;
	assert_int_equal(parse("198.51.100.10,232.1.1.1\n198.51.100.11,232.1.1.2,250\n"), 0);
	assert_int_equal(n, 2);
	expect_entry(0, "198.51.100.10,232.1.1.1\n");
	expect_entry(1, "198.51.100.11,232.1.1.2,250\n");
	assert_int_equal(entries[1].line, 2);
	assert_false(entries[0].has_population);
	assert_true(entries[1].has_population);
	assert_int_equal(parse("2001:DB8::1,ff3e::8000:1,4294967295"), 0);
	expect_entry(0, "2001:db8::1,ff3e::8000:1,4294967295\n");
	assert_int_equal(parse("10.0.0.1,232.1.1.1,0\n"), 0);
	expect_entry(0, "10.0.0.1,232.1.1.1,0\n");
}

// Blank lines, comments, CRLF, blanks, a byte order mark, no newline at the end.
static void tolerated(void **state)
{
	(void)state;
	assert_int_equal(parse(""), 0);
	assert_int_equal(n, 0);
	assert_int_equal(parse("\n\r\n \t\n#\n # 1,2\n"), 0);
	assert_int_equal(n, 0);
	assert_int_equal(
		parse("\xef\xbb\xbf# \xc3\xa9\r\n\r\n \t10.0.0.1\t , 232.1.1.1 ,\t7 # x\r\n"
		      "10.0.0.2,232.1.1.2#,\n10.0.0.3,232.1.1.3"),
		0);
	assert_int_equal(n, 3);
	expect_entry(0, "10.0.0.1,232.1.1.1,7\n");
	expect_entry(1, "10.0.0.2,232.1.1.2\n");
	expect_entry(2, "10.0.0.3,232.1.1.3\n");
	assert_int_equal(entries[0].line, 3);
	assert_int_equal(entries[2].line, 5);
}

static void broken_lines(void **state)
{
#define COLUMNS "not source,group[,population]"
	static const struct {
		const char *line, *what;
	} cases[] = {
		{"10.0.0.1", COLUMNS},
		{"10.0.0.1 232.1.1.1", COLUMNS},
		{"10.0.0.1;232.1.1.1", COLUMNS},
		{",", "source is not an address"},
		{",232.1.1.1", "source is not an address"},
		{"10.0.0.1,", "group is not an address"},
		{"10.0.0.256,232.1.1.1", "source is not an address"},
		{"10.0.0.1/32,232.1.1.1", "source is not an address"},
		{"host.example,232.1.1.1", "source is not an address"},
		{"10.0.0.1,232.1.1", "group is not an address"},
		{"10.0.0.1 10.0.0.2,232.1.1.1", "source is not an address"},
		{"232.1.1.1,10.0.0.1", "source is not the address of a host"},
		{"0.0.0.0,232.1.1.1", "source is not the address of a host"},
		{"127.0.0.1,232.1.1.1", "source is not the address of a host"},
		{"::,ff3e::1", "source is not the address of a host"},
		{"fe80::1,ff3e::1", "source is not the address of a host"},
		{"10.0.0.1,10.0.0.2", "group is not a multicast address"},
		{"10.0.0.1,ff3e::1", "source and group are of two families"},
		{"2001:db8::1,232.1.1.1", "source and group are of two families"},
		{"10.0.0.1,232.1.1.1,", "population is not a number"},
		{"10.0.0.1,232.1.1.1,x", "population is not a number"},
		{"10.0.0.1,232.1.1.1,-1", "population is not a number"},
		{"10.0.0.1,232.1.1.1,1.5", "population is not a number"},
		{"10.0.0.1,232.1.1.1,4294967296", "population is not a number"},
		{"10.0.0.1,232.1.1.1,18446744073709551617", "population is not a number"},
		{"10.0.0.1,232.1.1.1,1,", "more than three columns"},
		{"10.0.0.1,232.1.1.1\r,1", "group is not an address"},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		snprintf(text, sizeof(text), "# first\n10.0.0.9,232.9.9.9\n%s\n10.0.0.9,x\n",
			cases[i].line);
		if (parse(text) != -EINVAL)
			fail_msg("accepted: %s", cases[i].line);
		assert_int_equal(err.line, 3);
		if (strcmp(err.what, cases[i].what) != 0)
			fail_msg("%s: %s, not %s", cases[i].line, err.what, cases[i].what);
	}
	// A NUL does not end a text here.
	assert_int_equal(
		joinfile_parse("10.0.0.1\0,232.1.1.1", 19, entries, ROOM, &n, &err), -EINVAL);
	assert_int_equal(
		joinfile_parse("10.0.0.1,232.1.1.1\0009", 20, entries, ROOM, &n, &err), -EINVAL);
}

static void too_many(void **state)
{
	static const char text[] = "10.0.0.1,232.1.1.1\n\n10.0.0.1,232.1.1.2\n10.0.0.1,232.1.1.3\n";

	(void)state;
	assert_int_equal(joinfile_parse(text, strlen(text), entries, 2, &n, &err), -E2BIG);
	assert_int_equal(err.line, 4);
	assert_int_equal(joinfile_parse(text, strlen(text), entries, 3, &n, &err), 0);
	assert_int_equal(n, 3);
	assert_int_equal(joinfile_lines(text, strlen(text)), 5);
	assert_int_equal(joinfile_lines("", 0), 1);
}

// Sorted by group, then source; named twice is once, with the larger population.
static void sorted(void **state)
{
	struct joinfile_list l = {.e = entries};

	(void)state;
	joinfile_sort(&l);
	assert_int_equal(l.n, 0);
	assert_int_equal(parse("10.0.0.2,232.1.1.2\n10.0.0.3,232.1.1.1\n10.0.0.1,232.1.1.2,9\n"
			       "10.0.0.2,232.1.1.2,5\n10.0.0.1,232.1.1.2\n10.0.0.2,232.1.1.2,4\n"),
		0);
	l.n = n;
	joinfile_sort(&l);
	n = l.n;
	assert_int_equal(n, 3);
	expect_entry(0, "10.0.0.3,232.1.1.1\n");
	expect_entry(1, "10.0.0.1,232.1.1.2,9\n");
	expect_entry(2, "10.0.0.2,232.1.1.2,5\n");
}

static void passed_over(void **state)
{
	struct joinfile_list l = {.e = entries};
	struct prefix ranges[3];
	struct joinfile_passed p;

	(void)state;
	prefix_parse("232.0.0.0/8", &ranges[0]);
	prefix_parse("233.1.0.0/16", &ranges[1]);
	prefix_parse("ff30::/32", &ranges[2]);
	assert_int_equal(parse("2001:db8::1,ff3e::1\n10.0.0.1,239.1.1.1\n10.0.0.1,233.1.1.1\n"
			       "10.0.0.1,233.2.1.1\n10.0.0.1,232.1.1.1\n"
			       "2001:db8::1,ff35::8000:1\n"),
		0);
	l.n = n;
	joinfile_pass(&l, ranges, 3, &p);
	n = l.n;
	assert_int_equal(n, 3);
	expect_entry(2, "2001:db8::1,ff35::8000:1\n");
	expect_entry(0, "10.0.0.1,233.1.1.1\n");
	expect_entry(1, "10.0.0.1,232.1.1.1\n");
	assert_int_equal(p.n_not_ssm, 3);
	assert_int_equal(p.not_ssm_line, 1);
}

static struct joinfile_entry entry(uint8_t i, bool wanted)
{
	return (struct joinfile_entry){
		.sg = {.s = {.family = ADDR_V4, .bytes = {10, 0, 0, 1}},
			.g = {.family = ADDR_V4, .bytes = {232, 1, 1, i}}},
		.wanted = wanted,
	};
}

// First what goes, then what comes; what stays is not told, but for what was refused before.
static void change(void **state)
{
	struct joinfile_entry from[] = {
		entry(1, true), entry(3, true), entry(4, false), entry(5, false), entry(9, true)};
	struct joinfile_entry to[] = {
		entry(2, false), entry(3, false), entry(4, false), entry(8, false)};
	struct joinfile_list a = {from, N(from)}, b = {to, N(to)}, none = {0};
	struct joinfile_change c = {.from = &a, .to = &b};

	(void)state;
	assert_ptr_equal(joinfile_change_gone(&c), &from[0]);
	assert_ptr_equal(joinfile_change_gone(&c), &from[4]);
	assert_null(joinfile_change_gone(&c));
	assert_ptr_equal(joinfile_change_due(&c), &to[0]);
	assert_true(to[1].wanted);
	assert_ptr_equal(joinfile_change_due(&c), &to[2]);
	assert_ptr_equal(joinfile_change_due(&c), &to[3]);
	assert_null(joinfile_change_due(&c));
	c = (struct joinfile_change){.from = &none, .to = &none};
	assert_null(joinfile_change_gone(&c));
	assert_null(joinfile_change_due(&c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_lines),
		cmocka_unit_test(tolerated),
		cmocka_unit_test(broken_lines),
		cmocka_unit_test(too_many),
		cmocka_unit_test(sorted),
		cmocka_unit_test(passed_over),
		cmocka_unit_test(change),
	};

	return RUN_TESTS(tests);
}
