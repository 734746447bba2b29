// SPDX-License-Identifier: BSD-3-Clause
// Commands of rte_telemetry: /inlet/channels and so on, one for every "show" of the console, with
// the console's names. The console's own verbs make them, on the control thread and in pieces; a
// thread of DPDK's, one a client, waits for them.
#ifndef METRICS_TELEMETRY_H
#define METRICS_TELEMETRY_H

#include "observe/observe.h"

struct event_base;

// Registers the commands (those of a process: once) and answers them from now on. o and base live
// until telemetry_close(). 0, or a negative errno: there is no telemetry.
int telemetry_open(struct event_base *base, const struct observe *o);
// Whoever still waits is told so.
void telemetry_close(void);

#endif
