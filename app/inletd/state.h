// SPDX-License-Identifier: BSD-3-Clause
// What reading (state.c) and writing (state_write.c) of the state file have in common.
#ifndef INLETD_STATE_H
#define INLETD_STATE_H

#include <stdint.h>

#include "base/timer.h"

#define STATE_VERSION_LINE "inlet-state 1"
// Nothing is believed for longer than the default holdtime of a Join (RFC 7761 section 4.11): by
// then the routers have joined again.
#define STATE_MAX_US (210 * USEC_PER_SEC)

struct inlet;

uint64_t state_realtime_us(void);
// From now on what is joined is kept on file.
void state_begin(struct inlet *in, uint64_t now_us);

#endif
