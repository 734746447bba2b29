// SPDX-License-Identifier: BSD-3-Clause
// The two forms of a line of the log. Pure: text in, a line out.
#ifndef BASE_LOG_TEXT_H
#define BASE_LOG_TEXT_H

#include <stddef.h>
#include <time.h>

#define LOG_MESSAGE_MAX 1024
#define LOG_LINE_MAX	4096 // PIPE_BUF: a line goes into a pipe whole or not at all

#define LOG_STAMP_LEN 40

// A time of CLOCK_REALTIME as lines begin with it: UTC, to the microsecond.
void log_text_stamp(const struct timespec *at, char stamp[LOG_STAMP_LEN]);
// Both end with the only newline that there is, and give its length; what does not fit is cut off.
// STAMP LEVEL ROOM: MESSAGE, with '?' for every control character.
size_t log_text_plain(char line[LOG_LINE_MAX], const char *stamp, const char *level,
	const char *room, const char *message);
// An object: "time", "level", "room", "event" (the words before the first key=), then each
// key=value of the message, numbers as numbers. A value ends where the next key= begins.
size_t log_text_json(char line[LOG_LINE_MAX], const char *stamp, const char *level,
	const char *room, const char *message);

#endif
