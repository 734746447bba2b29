// SPDX-License-Identifier: BSD-3-Clause
// The log of the control thread: one line an event on stderr,
//   2026-11-24T03:44:53.123456Z info  pim: join heard s=192.0.2.1 g=232.1.1.1 ...
// Never called from a worker.
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

extern enum log_level log_threshold; // default LOG_LEVEL_INFO

// room: "pim", "amt", ... Message: what happened, then key=value pairs.
void log_line(enum log_level level, const char *room, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
// "error", "warn", "info", "debug"; -EINVAL for another word.
int log_level_parse(const char *text, enum log_level *out);

// A token bucket for lines that a peer can cause: `burst` lines, then one a second, with the number
// held back said by the next one. Place one static struct a call site.
struct log_limit {
	uint64_t next_us;
	uint32_t tokens;
	uint32_t held_back;
};
#define LOG_BURST 10
// True when the line may be written now; then *held_back is what was not written before it.
int log_limit_ok(struct log_limit *l, uint32_t *held_back);

// Somebody besides stderr who is told of every line, of all levels and also of those that are held
// back, as long as cb is not NULL: a trace. room and text live as long as the call; cb logs nothing
// itself.
typedef void (*log_tap_cb)(void *arg, const char *room, const char *text);
void log_tap(log_tap_cb cb, void *arg);
extern bool log_tapped;
// For the tap alone.
void log_line_held(const char *room, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_at(level, room, ...)                                \
	do {                                                    \
		if ((level) <= log_threshold || log_tapped)     \
			log_line((level), (room), __VA_ARGS__); \
	} while (0)
#define log_error(room, ...) log_at(LOG_LEVEL_ERROR, room, __VA_ARGS__)
#define log_warn(room, ...)  log_at(LOG_LEVEL_WARN, room, __VA_ARGS__)
#define log_info(room, ...)  log_at(LOG_LEVEL_INFO, room, __VA_ARGS__)
#define log_debug(room, ...) log_at(LOG_LEVEL_DEBUG, room, __VA_ARGS__)

// A rate-limited warning, for what a peer can cause at will.
#define log_warn_limited(room, fmt, ...)                                           \
	do {                                                                       \
		static struct log_limit limit_;                                    \
		uint32_t held_;                                                    \
		if (log_limit_ok(&limit_, &held_))                                 \
			log_warn(room, fmt " held_back=%u", ##__VA_ARGS__, held_); \
		else if (log_tapped)                                               \
			log_line_held(room, fmt, ##__VA_ARGS__);                   \
	} while (0)

#endif
