// SPDX-License-Identifier: BSD-3-Clause
// The log of the control thread: one line an event on stderr,
//   2026-11-24T03:44:53.123456Z info  pim: join heard s=192.0.2.1 g=232.1.1.1 ...
// or the same as a JSON object,
//   {"time":"2026-11-24T03:44:53.123456Z","level":"info","room":"pim","event":"join heard","s":...}
// Never called from a worker. Nobody waits for whoever reads it: after log_open() a line that a
// full pipe or socket does not take is lost, and counted.
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, LOG_LEVELS };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

// Of every room that has no level of its own; default LOG_LEVEL_INFO.
extern enum log_level log_threshold;
extern int log_raised; // the highest level of a room that has one of its own; -1: none has

// room: "pim", "amt", ... Message: what happened, then key=value pairs; control characters in it
// are replaced. Written if the room's level lets it.
void log_line(enum log_level level, const char *room, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
// "error", "warn", "info", "debug"; -EINVAL for another word.
int log_level_parse(const char *text, enum log_level *out);
const char *log_level_name(enum log_level level);

// Levels at run time. The rooms that there are, in the order of the alphabet; NULL ends them.
extern const char *const log_rooms[];
// Of one room, or (NULL) of all of them, those with a level of their own too. -ENOENT for a room
// that is not among log_rooms.
int log_level_set(const char *room, enum log_level level);
// What holds for a room.
enum log_level log_level_of(const char *room);

void log_format_set(enum log_format format);

// Lines of level info and debug that are written in a second at most, and how many more at once
// after a quiet time; 0 lines: as many as come. Those beyond are counted, and the next line says
// how many. Errors and warnings are always written.
#define LOG_RATE_DEFAULT 1000
void log_rate_set(uint32_t lines_per_s);
#define LOG_RATE_BURST_S 5 // the lines of so many seconds at once

// From now on a write does not wait: a line that stderr does not take at once is lost and counted,
// and the first line after it says how many were. A file is written as before.
void log_open(void);

struct log_stats {
	uint64_t lines[LOG_LEVELS]; // written
	uint64_t suppressed;	    // not written, by the rate
	uint64_t lost;		    // not taken by who reads
};
const struct log_stats *log_stats(void);

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

#define log_at(level, room, ...)                                                          \
	do {                                                                              \
		if ((level) <= log_threshold || (int)(level) <= log_raised || log_tapped) \
			log_line((level), (room), __VA_ARGS__);                           \
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
