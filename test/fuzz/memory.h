// SPDX-License-Identifier: BSD-3-Clause
// Memory that runs out: the libraries of a target allocate through here (the linker's --wrap), the
// target itself and its fakes do not (meson.build).
#ifndef TEST_FUZZ_MEMORY_H
#define TEST_FUZZ_MEMORY_H

#include "base/timer.h"

// The n-th allocation from now on fails, and only that one; 0: none does.
void memory_fail(unsigned int n);

// The same when the heap of timers is full (others fill it, that are never due), so that the next
// one to be armed wants memory as well. 0: those others are gone.
void memory_tight(struct timers *ts, unsigned int n);

#endif
