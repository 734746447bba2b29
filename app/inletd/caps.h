// SPDX-License-Identifier: BSD-3-Clause
// Capabilities (capabilities(7)), of a thread each: those that it needs, and no others. What a
// thread has given up its later threads do not have either; nobody gets one back.
#ifndef INLETD_CAPS_H
#define INLETD_CAPS_H

#include <stdbool.h>

// Before EAL, whose threads inherit it: what ports and memory of any kind take to be opened.
// 0, or a negative errno.
int caps_start(void);
// The control thread, once all is open: sockets, addresses, files. again: a port is of AF_XDP,
// which takes more to be opened again (`port start`).
int caps_control(bool again);
// The calling thread, from here on: none at all.
int caps_none(void);

#endif
