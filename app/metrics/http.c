// SPDX-License-Identifier: BSD-3-Clause
#include "metrics/http.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *http_reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 414:
		return "URI Too Long";
	case 431:
		return "Request Header Fields Too Large";
	case 503:
		return "Service Unavailable";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Bad Request";
	}
}

// The octets up to and with the empty line; 0: there is none.
static size_t head_length(const char *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (buf[i] != '\n')
			continue;
		if (i + 1 < len && buf[i + 1] == '\n')
			return i + 2;
		if (i + 2 < len && buf[i + 1] == '\r' && buf[i + 2] == '\n')
			return i + 3;
	}
	return 0;
}

static bool is_clean(const char *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)buf[i];

		if (c == '\r' ? i + 1 == len || buf[i + 1] != '\n'
			      : c != '\n' && c != '\t' && (c < ' ' || c == 0x7f))
			return false;
	}
	return true;
}

struct piece {
	const char *at;
	size_t len;
};

static bool is(struct piece p, const char *text)
{
	return p.len == strlen(text) && memcmp(p.at, text, p.len) == 0;
}

static bool is_any_case(struct piece p, const char *text)
{
	return p.len == strlen(text) && strncasecmp(p.at, text, p.len) == 0;
}

static struct piece trimmed(struct piece p)
{
	while (p.len > 0 && (p.at[0] == ' ' || p.at[0] == '\t')) {
		p.at++;
		p.len--;
	}
	while (p.len > 0 && (p.at[p.len - 1] == ' ' || p.at[p.len - 1] == '\t'))
		p.len--;
	return p;
}

// Cuts off what stands before the first `by`; *rest is what stands behind it. Without one, all.
static struct piece cut(struct piece *rest, char by)
{
	struct piece first = *rest;
	const char *end = first.len ? memchr(first.at, by, first.len) : NULL;

	if (!end) {
		rest->at += rest->len;
		rest->len = 0;
		return first;
	}
	first.len = (size_t)(end - first.at);
	rest->at = end + 1;
	rest->len -= first.len + 1;
	return first;
}

static struct piece next_line(struct piece *rest)
{
	struct piece line = cut(rest, '\n');

	if (line.len > 0 && line.at[line.len - 1] == '\r')
		line.len--;
	return line;
}

static int parse_target(struct piece target, struct http_request *out)
{
	static const char scheme[] = "http://";
	size_t n = sizeof(scheme) - 1;
	struct piece path;

	if (target.len > n && strncasecmp(target.at, scheme, n) == 0) {
		const char *slash = memchr(target.at + n, '/', target.len - n);

		if (!slash)
			return -400;
		target.len -= (size_t)(slash - target.at);
		target.at = slash;
	}
	if (target.len == 0 || target.at[0] != '/')
		return -400;
	path = cut(&target, '?');
	if (path.len >= sizeof(out->path))
		return -414;
	memcpy(out->path, path.at, path.len);
	out->path[path.len] = '\0';
	return 0;
}

static int parse_first(struct piece line, struct http_request *out)
{
	struct piece method = cut(&line, ' '), target = cut(&line, ' ');

	if (method.len == 0 || target.len == 0)
		return -400;
	for (size_t i = 0; i < method.len; i++)
		if (!isupper((unsigned char)method.at[i]))
			return -400;
	if (!is(line, "HTTP/1.1") && !is(line, "HTTP/1.0"))
		return line.len == 8 && memcmp(line.at, "HTTP/", 5) == 0 ? -505 : -400;
	out->http11 = is(line, "HTTP/1.1");
	out->head = is(method, "HEAD");
	if (!out->head && !is(method, "GET"))
		return -405;
	return parse_target(target, out);
}

// A q of 0 says "not this one"; what is no number counts as 1.
static bool is_refused(struct piece parameters)
{
	while (parameters.len > 0) {
		struct piece value = trimmed(cut(&parameters, ';'));
		struct piece name = cut(&value, '=');

		if (!is_any_case(name, "q") || value.len == 0 || value.at[0] != '0')
			continue;
		for (size_t i = 1; i < value.len; i++)
			if (value.at[i] != '.' && value.at[i] != '0')
				return false;
		return true;
	}
	return false;
}

static bool accepts_openmetrics(struct piece value)
{
	while (value.len > 0) {
		struct piece parameters = cut(&value, ',');
		struct piece type = trimmed(cut(&parameters, ';'));

		if (is_any_case(type, "application/openmetrics-text") && !is_refused(parameters))
			return true;
	}
	return false;
}

static int parse_field(struct piece line, struct http_request *out)
{
	struct piece name = cut(&line, ':');

	// No colon; or folded lines and blanks before the colon, which RFC 9112 section 5 forbids.
	if (name.len == 0 || name.at + name.len == line.at)
		return -400;
	for (size_t i = 0; i < name.len; i++)
		if (name.at[i] == ' ' || name.at[i] == '\t')
			return -400;
	if (is_any_case(name, "Accept") && accepts_openmetrics(line))
		out->openmetrics = true;
	return 0;
}

int http_request_parse(const char *buf, size_t len, struct http_request *out)
{
	size_t head = head_length(buf, len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX);
	struct piece rest = {buf, head}, line;
	int ret;

	memset(out, 0, sizeof(*out));
	if (head == 0)
		return len >= HTTP_HEAD_MAX ? -431 : 0;
	if (!is_clean(buf, head))
		return -400;
	ret = parse_first(next_line(&rest), out);
	for (line = next_line(&rest); ret == 0 && line.len > 0; line = next_line(&rest))
		ret = parse_field(line, out);
	return ret < 0 ? ret : (int)head;
}
