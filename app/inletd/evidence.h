// SPDX-License-Identifier: BSD-3-Clause
// What has come from the relays that we talk to, and from others of them: for people who ask why
// one is not heard. The last ones talked to are kept.
#ifndef INLETD_EVIDENCE_H
#define INLETD_EVIDENCE_H

#include <stdbool.h>

#include "base/addr.h"
#include "observe/observe.h"

#define EVIDENCE_MAX 256

struct evidence { // zeroed at the start
	struct {
		struct addr relay;
		struct observe_evidence is;
	} of[EVIDENCE_MAX];
	unsigned int n, next;
};

// Something is sent to it.
void evidence_sent(struct evidence *e, const struct addr *relay);
// It has answered. nat: at another address than ours.
void evidence_answer(struct evidence *e, const struct addr *relay, bool nat);
// An ICMP error, as an errno.
void evidence_error(struct evidence *e, const struct addr *relay, int err);
// False when nothing is known of it.
bool evidence_find(
	const struct evidence *e, const struct addr *relay, struct observe_evidence *out);

#endif
