// SPDX-License-Identifier: BSD-3-Clause
// capture start, stop, show: one capture at a time. The control thread hands taps to the workers
// and takes them back; it waits for neither them nor the writer, but looks again by a timer.
#ifndef INLETD_CAPTURE_H
#define INLETD_CAPTURE_H

#include "inletd/capture_write.h"
#include "observe/observe.h"

struct inlet;

// 0, or a negative errno with one line in why.
int capture_start(
	struct inlet *in, const struct observe_capture_want *want, char why[OBSERVE_WHY_LEN]);
int capture_stop(struct inlet *in, char why[OBSERVE_WHY_LEN]);
// The one that runs, or the last one; false when there was none.
bool capture_view(const struct inlet *in, struct observe_capture *out);
// When the workers have stopped: writes what is left, but does not wait for a disk for ever.
void capture_end(struct inlet *in);

#endif
