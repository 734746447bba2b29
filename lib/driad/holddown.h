// SPDX-License-Identifier: BSD-3-Clause
// Relays that failed, and until when they are no candidates (RFC 8777 sections 3.3.4.1, 3.3.5).
// Keyed by relay address; entries expire by themselves.
#ifndef DRIAD_HOLDDOWN_H
#define DRIAD_HOLDDOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/hmap.h"
#include "base/timer.h"

struct holddown {
	struct hmap map;
	struct timers *timers;
};

void holddown_init(struct holddown *h, struct timers *timers);
void holddown_fini(struct holddown *h);
// Holds a relay until until_us (a later time extends it, an earlier one changes nothing). reason is
// a short literal, kept by pointer. 0 or -ENOMEM.
int holddown_add(
	struct holddown *h, const struct addr *relay, const char *reason, uint64_t until_us);
void holddown_release(struct holddown *h, const struct addr *relay);
// True while held; then *until_us and *reason (each may be NULL) are set.
bool holddown_held(const struct holddown *h, const struct addr *relay, uint64_t now_us,
	uint64_t *until_us, const char **reason);
void holddown_each(const struct holddown *h,
	void (*cb)(void *arg, const struct addr *relay, const char *reason, uint64_t until_us),
	void *arg);

#endif
