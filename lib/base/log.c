// SPDX-License-Identifier: BSD-3-Clause
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/timer.h"

enum log_level log_threshold = LOG_LEVEL_INFO;

bool log_tapped;
static log_tap_cb tap_cb;
static void *tap_arg;

static const char *const names[] = {"error", "warn", "info", "debug"};

void log_tap(log_tap_cb cb, void *arg)
{
	tap_cb = cb;
	tap_arg = arg;
	log_tapped = cb;
}

void log_line_held(const char *room, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (!tap_cb)
		return;
	va_start(ap, fmt);
	// NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 does not see va_start
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tap_cb(tap_arg, room, text);
}

void log_line(enum log_level level, const char *room, const char *fmt, ...)
{
	char line[1024];
	struct timespec now;
	struct tm tm;
	size_t len, text;
	int n;
	va_list ap;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	len = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%S", &tm);
	len += (size_t)snprintf(line + len, sizeof(line) - len,
		".%06ldZ %-5s %s: ", now.tv_nsec / 1000, names[level], room);
	text = len;
	va_start(ap, fmt);
	n = vsnprintf(line + len, sizeof(line) - len - 1, fmt, ap);
	va_end(ap);
	if (n > 0)
		len += (size_t)n;
	if (len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len] = '\0';
	if (tap_cb)
		tap_cb(tap_arg, room, line + text);
	if (level > log_threshold)
		return;
	line[len++] = '\n';
	// One write a line keeps lines whole; a log that cannot be written is not an error here.
	if (write(STDERR_FILENO, line, len) < 0)
		return;
}

int log_level_parse(const char *text, enum log_level *out)
{
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

int log_limit_ok(struct log_limit *l, uint32_t *held_back)
{
	uint64_t now = clock_mono_us();

	if (now >= l->next_us) {
		uint64_t earned =
			l->next_us == 0 ? LOG_BURST : 1 + (now - l->next_us) / USEC_PER_SEC;

		l->tokens =
			l->tokens + earned > LOG_BURST ? LOG_BURST : l->tokens + (uint32_t)earned;
		l->next_us = now + USEC_PER_SEC;
	}
	if (l->tokens == 0) {
		l->held_back++;
		return 0;
	}
	l->tokens--;
	*held_back = l->held_back;
	l->held_back = 0;
	return 1;
}
