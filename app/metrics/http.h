// SPDX-License-Identifier: BSD-3-Clause
// As much of HTTP/1.1 (RFC 9112) as a scrape needs: the head of one request. Pure.
#ifndef METRICS_HTTP_H
#define METRICS_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_HEAD_MAX 8192 // octets of a request up to its empty line
#define HTTP_PATH_LEN 256

struct http_request {
	bool head; // HEAD, else GET
	bool http11;
	bool openmetrics;	  // the Accept field names application/openmetrics-text
	char path[HTTP_PATH_LEN]; // without the query
};

// The octets of the head with its empty line; 0 when it is not complete yet; or the negative status
// code that is the answer: -400, -405, -414, -431, -505. len may be more than the head.
int http_request_parse(const char *buf, size_t len, struct http_request *out);
// "Not Found" ...
const char *http_reason(int status);

#endif
