// SPDX-License-Identifier: BSD-3-Clause
// Requests, good and bad, whole and in pieces.
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/http.h"

static struct http_request r;

// From memory of exactly this size, so that a sanitizer sees a read beyond it.
static int parse(const char *text, size_t len)
{
	char *copy = malloc(len ? len : 1);
	int ret;

	assert_non_null(copy);
	memcpy(copy, text, len);
	ret = http_request_parse(copy, len, &r);
	free(copy);
	return ret;
}

static void good_requests(void **state)
{
	static const struct {
		const char *text, *path;
		bool head, http11, openmetrics;
	} rows[] = {
		{"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "/metrics", false, true, false},
		{"GET /metrics?a=b HTTP/1.0\r\n\r\n", "/metrics", false, false, false},
		{"HEAD / HTTP/1.1\n\n", "/", true, true, false},
		{"GET http://h:1/m HTTP/1.1\r\n\r\n", "/m", false, true, false},
		{"GET /m HTTP/1.1\r\nAccept: application/openmetrics-text;version=1.0.0,"
		 "text/plain;q=0.5,*/*;q=0.1\r\n\r\n",
			"/m", false, true, true},
		{"GET /m HTTP/1.1\r\nACCEPT: text/plain , Application/OpenMetrics-Text "
		 ";q=0.3\r\n\r\n",
			"/m", false, true, true},
		{"GET /m HTTP/1.1\r\nAccept: application/openmetrics-text;q=0\r\n\r\n", "/m", false,
			true, false},
		{"GET /m HTTP/1.1\r\nAccept: application/openmetrics-text; q=0.000\r\n\r\n", "/m",
			false, true, false},
		{"GET /m HTTP/1.1\r\nAccept: */*\r\n\r\n", "/m", false, true, false},
		{"GET /m HTTP/1.1\r\nAccept: application/openmetrics-textual\r\n\r\n", "/m", false,
			true, false},
		{"GET /m HTTP/1.1\r\nX-Accept: application/openmetrics-text\r\n\r\n", "/m", false,
			true, false},
		{"GET /m HTTP/1.1\r\nEmpty:\r\nAccept:\r\n\r\n", "/m", false, true, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].text);

		for (size_t cut = 0; cut < len; cut++)
			assert_int_equal(parse(rows[i].text, cut), 0);
		assert_int_equal(parse(rows[i].text, len), len);
		assert_string_equal(r.path, rows[i].path);
		assert_int_equal(r.head, rows[i].head);
		assert_int_equal(r.http11, rows[i].http11);
		assert_int_equal(r.openmetrics, rows[i].openmetrics);
	}
}

static void bad_requests(void **state)
{
	static const struct {
		const char *text;
		int status;
	} rows[] = {
		{"\r\n\r\n", -400},
		{"hello\r\n\r\n", -400},
		{"GET\r\n\r\n", -400},
		{"GET  / HTTP/1.1\r\n\r\n", -400},
		{"GET / HTTP/1.1 \r\n\r\n", -400},
		{"get / HTTP/1.1\r\n\r\n", -400},
		{"GET m HTTP/1.1\r\n\r\n", -400},
		{"GET http://nothing HTTP/1.1\r\n\r\n", -400},
		{"GET /\x01 HTTP/1.1\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\nA\rB: c\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\nno colon\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\n: empty\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\nA : b\r\n\r\n", -400},
		{"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", -400},
		{"GET / FTP/1.1\r\n\r\n", -400},
		{"GET / HTTP/2.0\r\n\r\n", -505},
		{"GET / HTTP/0.9\r\n\r\n", -505},
		{"POST /metrics HTTP/1.1\r\n\r\n", -405},
		{"DELETE / HTTP/1.1\r\n\r\n", -405},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(parse(rows[i].text, strlen(rows[i].text)), rows[i].status);
	assert_int_equal(parse("GET /\0 HTTP/1.1\r\n\r\n", 19), -400);
}

static void long_ones(void **state)
{
	static char text[HTTP_HEAD_MAX + 100];
	int n;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(parse(text, HTTP_HEAD_MAX - 1), 0);
	assert_int_equal(parse(text, HTTP_HEAD_MAX), -431);
	n = snprintf(text, sizeof(text), "GET /%0*d HTTP/1.1\r\n\r\n", HTTP_PATH_LEN - 2, 0);
	assert_int_equal(parse(text, (size_t)n), n);
	assert_int_equal(strlen(r.path), HTTP_PATH_LEN - 1);
	n = snprintf(text, sizeof(text), "GET /%0*d HTTP/1.1\r\n\r\n", HTTP_PATH_LEN - 1, 0);
	assert_int_equal(parse(text, (size_t)n), -414);
}

// Any octets: an answer, and no read beyond them.
static void random_octets(void **state)
{
	static const char alphabet[] = "GET /HTP1.0:;,=q\r\n\r\n \tAcept";
	char text[200];

	(void)state;
	srand(1);
	for (int i = 0; i < 200000; i++) {
		size_t len = (size_t)rand() % sizeof(text);
		int ret;

		for (size_t k = 0; k < len; k++)
			text[k] = rand() % 50 ? alphabet[(size_t)rand() % (sizeof(alphabet) - 1)]
					      : (char)rand();
		ret = parse(text, len);
		assert_true(ret <= (int)len && ret > -600);
		assert_non_null(http_reason(-ret));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_requests),
		cmocka_unit_test(bad_requests),
		cmocka_unit_test(long_ones),
		cmocka_unit_test(random_octets),
	};

	return RUN_TESTS(tests);
}
