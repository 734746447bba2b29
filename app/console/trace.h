// SPDX-License-Identifier: BSD-3-Clause
// Which lines of the log are of a channel; for the verb (trace.c) and its test.
#ifndef CONSOLE_TRACE_H
#define CONSOLE_TRACE_H

#include <stdbool.h>

#include "base/addr.h"

struct trace;

// Of a channel, without a session. NULL: out of memory.
struct trace *trace_create(const struct sg *sg);
void trace_free(struct trace *t);
// Whether a line, as the log's tap gives it, is of the channel: it names S and G, or S alone
// (source=), or a relay that such a line has named before. Learns the relays.
bool trace_matches(struct trace *t, const char *text);
bool trace_knows(const struct trace *t, const char *relay);

#endif
