// SPDX-License-Identifier: BSD-3-Clause
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log_text.h"
#include "base/timer.h"

enum log_level log_threshold = LOG_LEVEL_INFO;
int log_raised = -1;

static const char *const level_names[LOG_LEVELS] = {"error", "warn", "info", "debug"};

const char *const log_rooms[] = {"amt", "channel", "console", "driad", "inletd", "joinfile", "kif",
	"log", "membership", "metrics", "pim", "port", "relay", "steer", NULL};
#define N_ROOMS (sizeof(log_rooms) / sizeof(log_rooms[0]) - 1)

// What log_open() has found out about stderr.
enum how {
	HOW_WRITE,  // as it is: a file, or nobody asked for more
	HOW_SEND,   // a socket, of the journal say: MSG_DONTWAIT
	HOW_NOWAIT, // a descriptor of our own that does not block
	HOW_POLL,   // it must be asked first whether it would block
};

static struct {
	int8_t own[N_ROOMS]; // level of the room + 1; 0: it has none
	enum log_format format;
	enum how how;
	int fd;
	uint32_t rate;
	uint64_t tokens_us; // the bucket, in microseconds of the rate
	uint64_t filled_us; // CLOCK_MONOTONIC; 0: never
	uint64_t suppressed_said, lost_said;
	struct log_stats stats;
} log_state = {.fd = STDERR_FILENO, .rate = LOG_RATE_DEFAULT};

bool log_tapped;
static log_tap_cb tap_cb;
static void *tap_arg;

void log_tap(log_tap_cb cb, void *arg)
{
	tap_cb = cb;
	tap_arg = arg;
	log_tapped = cb;
}

void log_line_held(const char *room, const char *fmt, ...)
{
	char text[LOG_MESSAGE_MAX];
	va_list ap;

	if (!tap_cb)
		return;
	va_start(ap, fmt);
	// NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 does not see va_start
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tap_cb(tap_arg, room, text);
}

static int room_index(const char *room)
{
	for (size_t i = 0; i < N_ROOMS; i++)
		if (strcmp(room, log_rooms[i]) == 0)
			return (int)i;
	return -1;
}

enum log_level log_level_of(const char *room)
{
	int i = log_raised < 0 ? -1 : room_index(room);

	return i >= 0 && log_state.own[i] ? (enum log_level)(log_state.own[i] - 1) : log_threshold;
}

int log_level_set(const char *room, enum log_level level)
{
	int i = room ? room_index(room) : 0;

	if (i < 0)
		return -ENOENT;
	if (room) {
		log_state.own[i] = (int8_t)(level + 1);
	} else {
		memset(log_state.own, 0, sizeof(log_state.own));
		log_threshold = level;
	}
	log_raised = -1;
	for (size_t r = 0; r < N_ROOMS; r++)
		if (log_state.own[r] - 1 > log_raised)
			log_raised = log_state.own[r] - 1;
	return 0;
}

void log_format_set(enum log_format format)
{
	log_state.format = format;
}

void log_rate_set(uint32_t lines_per_s)
{
	log_state.rate = lines_per_s;
	log_state.filled_us = 0;
}

const struct log_stats *log_stats(void)
{
	return &log_state.stats;
}

void log_open(void)
{
	struct stat st;

	if (log_state.fd != STDERR_FILENO)
		close(log_state.fd);
	log_state.fd = STDERR_FILENO;
	log_state.how = HOW_WRITE;
	if (fstat(STDERR_FILENO, &st) < 0)
		return;
	if (S_ISSOCK(st.st_mode)) {
		log_state.how = HOW_SEND;
	} else if (S_ISFIFO(st.st_mode) || isatty(STDERR_FILENO)) {
		// O_NONBLOCK on stderr itself would be one for everybody who shares it.
		int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

		log_state.how = fd < 0 ? HOW_POLL : HOW_NOWAIT;
		log_state.fd = fd < 0 ? STDERR_FILENO : fd;
	}
}

// One write a line keeps lines whole.
static bool write_line(const char *line, size_t len)
{
	struct pollfd p = {.fd = log_state.fd, .events = POLLOUT};
	ssize_t n;

	switch (log_state.how) {
	case HOW_SEND:
		n = send(log_state.fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case HOW_POLL: // a pipe that can be written takes PIPE_BUF octets
		if (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT))
			return false;
		n = write(log_state.fd, line, len);
		break;
	default:
		n = write(log_state.fd, line, len);
	}
	return n > 0;
}

static bool put(enum log_level level, const char *room, const char *message)
{
	struct timespec now;
	char stamp[LOG_STAMP_LEN], line[LOG_LINE_MAX];
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	log_text_stamp(&now, stamp);
	len = log_state.format == LOG_FORMAT_JSON
		      ? log_text_json(line, stamp, level_names[level], room, message)
		      : log_text_plain(line, stamp, level_names[level], room, message);
	if (!write_line(line, len))
		return false;
	log_state.stats.lines[level]++;
	return true;
}

// What was not written before is said first; false when that cannot be written either.
static bool put_held(uint64_t *said, uint64_t count, const char *what)
{
	char message[80];

	if (*said == count)
		return true;
	snprintf(message, sizeof(message), "lines %s %s=%llu", what, what,
		(unsigned long long)(count - *said));
	if (!put(LOG_LEVEL_WARN, "log", message))
		return false;
	*said = count;
	return true;
}

// A bucket of so many seconds of lines.
static bool within_rate(enum log_level level)
{
	uint64_t now, cost, room = LOG_RATE_BURST_S * USEC_PER_SEC;

	if (log_state.rate == 0 || level <= LOG_LEVEL_WARN)
		return true;
	now = clock_mono_us();
	cost = USEC_PER_SEC / log_state.rate;
	log_state.tokens_us =
		log_state.filled_us == 0 ? room : log_state.tokens_us + (now - log_state.filled_us);
	if (log_state.tokens_us > room)
		log_state.tokens_us = room;
	log_state.filled_us = now;
	if (log_state.tokens_us < cost) {
		log_state.stats.suppressed++;
		return false;
	}
	log_state.tokens_us -= cost;
	return true;
}

void log_line(enum log_level level, const char *room, const char *fmt, ...)
{
	bool wanted = level <= log_level_of(room) && within_rate(level);
	char message[LOG_MESSAGE_MAX];
	va_list ap;

	if (!wanted && !tap_cb)
		return;
	va_start(ap, fmt);
	// NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 does not see va_start
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (tap_cb)
		tap_cb(tap_arg, room, message);
	if (!wanted)
		return;
	if (!put_held(&log_state.suppressed_said, log_state.stats.suppressed, "suppressed") ||
		!put_held(&log_state.lost_said, log_state.stats.lost, "lost") ||
		!put(level, room, message))
		log_state.stats.lost++;
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

int log_level_parse(const char *text, enum log_level *out)
{
	for (unsigned int i = 0; i < LOG_LEVELS; i++) {
		if (strcmp(text, level_names[i]) == 0) {
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
