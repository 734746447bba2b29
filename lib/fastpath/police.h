// SPDX-License-Identifier: BSD-3-Clause
// Whether a frame may go up to the control thread, by the rates of crossing/police.h. Internal to
// fastpath.
#ifndef FASTPATH_POLICE_H
#define FASTPATH_POLICE_H

#include <stdbool.h>

#include "fastpath/classify.h"

// Of a frame whose verdict is VERDICT_PUNT, as it came in. False: it is counted at its interface,
// and to be dropped for police_reason().
bool police_pass(struct worker *w, const struct rte_mbuf *m, const struct class *c);

static inline enum drop_reason police_reason(uint8_t punt)
{
	return (enum drop_reason)(DROP_POLICED_NEIGHBOR + (punt - PUNT_NEIGHBOR));
}

#endif
