// SPDX-License-Identifier: BSD-3-Clause
// The rooms' views as the tests want them: the console links these instead of the rooms.
#ifndef TEST_CONSOLE_FAKES_H
#define TEST_CONSOLE_FAKES_H

#include "observe/observe.h"

#define FAKE_NOW_US 10000000000ull // 10,000 s

// An observe with two interfaces (wan, lan), two workers and something in every view.
void fake_observe(struct observe *o);
// How many channels channels_some() shows; 2 after fake_observe().
extern unsigned int fake_channels;
// Of the observe; NULL at first.
extern struct baseline *fake_baseline;
// Time goes on: a lookup that waits is answered.
void fake_tick(void);
extern unsigned int fake_cancelled; // lookups

#endif
