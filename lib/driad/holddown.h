// SPDX-License-Identifier: BSD-3-Clause
// Relays that failed, and until when they are no candidates (RFC 8777 sections 3.3.4.1, 3.3.5): for
// every source, or for one that they brought no traffic of. Entries expire by themselves.
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
// The same for one source. A relay that is held for every source is held for this one too, with
// that reason.
int holddown_add_for(struct holddown *h, const struct addr *relay, const struct addr *source,
	const char *reason, uint64_t until_us);
bool holddown_held_for(const struct holddown *h, const struct addr *relay,
	const struct addr *source, uint64_t now_us, uint64_t *until_us, const char **reason);
// Each entry, those for one source with the others.
void holddown_each(const struct holddown *h,
	void (*cb)(void *arg, const struct addr *relay, const char *reason, uint64_t until_us),
	void *arg);

#endif
