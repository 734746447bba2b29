// SPDX-License-Identifier: BSD-3-Clause
#include "base/log_text.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define KEY_MAX	   64
#define NUMBER_MAX 15 // digits that a double still tells apart
#define END_ROOM   16 // for what ends a line: an escape, quote, brace, newline
#define PAIR_ROOM  (KEY_MAX + 32)

void log_text_stamp(const struct timespec *at, char stamp[LOG_STAMP_LEN])
{
	struct tm tm;
	size_t len;

	gmtime_r(&at->tv_sec, &tm);
	len = strftime(stamp, LOG_STAMP_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(stamp + len, LOG_STAMP_LEN - len, ".%06ldZ", at->tv_nsec / 1000);
}

size_t log_text_plain(char line[LOG_LINE_MAX], const char *stamp, const char *level,
	const char *room, const char *message)
{
	int n = snprintf(line, LOG_LINE_MAX - 1, "%s %-5s %s: %s", stamp, level, room, message);
	size_t len = n < 0 ? 0 : (size_t)n;

	if (len > LOG_LINE_MAX - 2)
		len = LOG_LINE_MAX - 2;
	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)line[i]))
			line[i] = '?';
	line[len++] = '\n';
	return len;
}

struct out {
	char *at;
	size_t len;
};

static void text(struct out *o, const char *from, size_t len)
{
	memcpy(o->at + o->len, from, len);
	o->len += len;
}

static void quoted(struct out *o, const char *from, size_t len)
{
	text(o, "\"", 1);
	for (size_t i = 0; i < len && o->len < LOG_LINE_MAX - END_ROOM; i++) {
		unsigned char c = (unsigned char)from[i];

		if (c == '"' || c == '\\')
			text(o, "\\", 1);
		if (c < ' ' || c >= 0x7f) // what is no ASCII may be no UTF-8 either
			text(o, "?", 1);
		else
			text(o, from + i, 1);
	}
	text(o, "\"", 1);
}

// As JSON has them: no plus, no leading zero.
static bool is_number(const char *from, size_t len)
{
	size_t i = len > 0 && from[0] == '-', digits = i;

	if (len > NUMBER_MAX || i == len || (from[i] == '0' && len > i + 1 && from[i + 1] != '.'))
		return false;
	while (i < len && isdigit((unsigned char)from[i]))
		i++;
	if (i == digits)
		return false;
	if (i < len && from[i] == '.') {
		digits = ++i;
		while (i < len && isdigit((unsigned char)from[i]))
			i++;
		if (i == digits)
			return false;
	}
	return i == len;
}

// The octets of the key before '=', where one begins here; else 0.
static size_t key_at(const char *p)
{
	size_t n = 0;

	while (n < KEY_MAX &&
		(islower((unsigned char)p[n]) || isdigit((unsigned char)p[n]) || p[n] == '_'))
		n++;
	return n > 0 && p[n] == '=' ? n : 0;
}

// Where the next word that is key=... begins, or the end.
static const char *next_key(const char *p)
{
	for (; *p; p++)
		if (*p == ' ' && key_at(p + 1))
			return p + 1;
	return p;
}

static size_t trimmed(const char *from, const char *to)
{
	while (to > from && to[-1] == ' ')
		to--;
	return (size_t)(to - from);
}

static void pair(struct out *o, const char *key, size_t key_len, const char *value, size_t len)
{
	static const char *const taken[] = {"time", "level", "room", "event"};
	char name[KEY_MAX + 1];

	if (o->len > LOG_LINE_MAX - PAIR_ROOM - END_ROOM)
		return;
	memcpy(name, key, key_len);
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		if (key_len == strlen(taken[i]) && memcmp(key, taken[i], key_len) == 0)
			name[key_len++] = '_';
	text(o, ",", 1);
	quoted(o, name, key_len);
	text(o, ":", 1);
	if (is_number(value, len))
		text(o, value, len);
	else
		quoted(o, value, len);
}

size_t log_text_json(char line[LOG_LINE_MAX], const char *stamp, const char *level,
	const char *room, const char *message)
{
	const char *key = key_at(message) ? message : next_key(message);
	struct out o = {.at = line};

	text(&o, "{\"time\":", 8);
	quoted(&o, stamp, strlen(stamp));
	text(&o, ",\"level\":", 9);
	quoted(&o, level, strlen(level));
	text(&o, ",\"room\":", 8);
	quoted(&o, room, strlen(room));
	text(&o, ",\"event\":", 9);
	quoted(&o, message, trimmed(message, key));
	while (*key) {
		size_t n = key_at(key);
		const char *value = key + n + 1, *next = next_key(value);

		pair(&o, key, n, value, trimmed(value, next));
		key = next;
	}
	text(&o, "}\n", 2);
	return o.len;
}
