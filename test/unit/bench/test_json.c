// SPDX-License-Identifier: BSD-3-Clause
// Results are read back, and cases found again whatever the order of their keys.
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/json.h"
#include "tests.h"

static void is(const struct json_member *m, const char *key, const char *value)
{
	assert_int_equal(m->key_len, strlen(key));
	assert_memory_equal(m->key, key, m->key_len);
	assert_int_equal(m->value_len, strlen(value));
	assert_memory_equal(m->value, value, m->value_len);
}

void members_of_an_object(void **state)
{
	static const char text[] =
		" { \"a\" : 1.5, \"b\":\"x,}\\\"y\" ,\"c\":{\"a\":[1,{\"d\":2}]},"
		"\"e\":[] , \"f\" : true}\n";
	struct json_member m;
	const char *at = json_next(text, &m);

	(void)state;
	is(&m, "a", "1.5");
	at = json_next(at, &m);
	is(&m, "b", "x,}\\\"y");
	at = json_next(at, &m);
	is(&m, "c", "{\"a\":[1,{\"d\":2}]}");
	at = json_next(at, &m);
	is(&m, "e", "[]");
	at = json_next(at, &m);
	is(&m, "f", "true");
	assert_null(json_next(at, &m));
	assert_true(json_get(text, "c", &m));
	is(&m, "c", "{\"a\":[1,{\"d\":2}]}");
	assert_false(json_get(text, "d", &m)); // of another object
}

void no_json(void **state)
{
	static const char *const texts[] = {"", "{", "{}", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":}",
		"{\"a\":\"b", "{\"a\":{\"b\":1", "{\"a\":[1", "{a:1}", "[1]", "\"a\":1",
		"{\"a\":\"\\"};
	struct json_member m;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_null(json_next(texts[i], &m));
}

static int compare(const char *a, const char *b)
{
	char names[2][32] = {"/tmp/bench-a-XXXXXX", "/tmp/bench-b-XXXXXX"};
	const char *texts[2] = {a, b};
	int rc;

	for (int i = 0; i < 2; i++) {
		int fd = mkstemp(names[i]);

		assert_true(fd >= 0);
		assert_int_equal(write(fd, texts[i], strlen(texts[i])), strlen(texts[i]));
		close(fd);
	}
	rc = compare_main(names[0], names[1]);
	unlink(names[0]);
	unlink(names[1]);
	return rc;
}

#define OLD \
	"{\"bench\":\"decap\",\"case\":{\"channels\":10,\"payload\":64},\"ratio\":{\"io\":0.5}}\n"
#define CASE "{\"payload\":64,\"family\":\"4in4\",\"l2\":\"same\",\"channels\":10}"
#define NEW(ratio, more) \
	"{\"case\":" CASE ",\"ratio\":{\"x\":9,\"io\":" ratio "}" more ",\"bench\":\"decap\"}\n"

void cases_in_any_order(void **state)
{
	(void)state;
	assert_int_equal(compare(OLD, NEW("0.5", "")), 0);
	assert_int_equal(compare(NEW("0.5", ""), OLD), 0);
	// Another family is another case; so is a key that nothing is known of.
	assert_int_equal(
		compare(OLD, "{\"bench\":\"decap\",\"case\":{\"channels\":10,\"payload\":64,"
			     "\"family\":\"6in6\"},\"ratio\":{\"io\":0.5}}\n"),
		2);
	assert_int_equal(
		compare(OLD, "{\"bench\":\"decap\",\"case\":{\"channels\":10,\"payload\":64,"
			     "\"moon\":\"full\"},\"ratio\":{\"io\":0.5}}\n"),
		2);
	assert_int_equal(compare(OLD, "{\"bench\":\"forward\",\"case\":{\"channels\":10,"
				      "\"payload\":64},\"ratio\":{\"io\":0.5}}\n"),
		2);
}

void worse_and_wrong(void **state)
{
	(void)state;
	assert_int_equal(compare(OLD, NEW("0.46", "")), 0);
	assert_int_equal(compare(OLD, NEW("0.44", "")), 1);
	assert_int_equal(compare(OLD, NEW("0.5", ",\"wrong\":0,\"lost\":0")), 0);
	assert_int_equal(compare(OLD, NEW("0.5", ",\"wrong\":1,\"lost\":0")), 1);
	assert_int_equal(compare(OLD, NEW("0.5", ",\"wrong\":0,\"lost\":2")), 1);
}
