// SPDX-License-Identifier: BSD-3-Clause
// Channels by number in the four family mixes, and what a worker does for a packet of one.
#ifndef TEST_MFIB_MIXES_H
#define TEST_MFIB_MIXES_H

#include <stdbool.h>

#include "mfib/mfib.h"
#include "mfib/mfib_table.h"

enum mix { MIX_4IN4, MIX_6IN6, MIX_6IN4, MIX_4IN6, MIXES }; // inner in outer

// Of the outer family; n below 256.
struct addr mix_relay(enum mix mix);
struct addr mix_local(enum mix mix, unsigned int n);
struct sg mix_sg(enum mix mix, uint32_t i);
enum mfib_kind mix_kind(enum mix mix);
// At mix_local(mix, 0).
struct mfib_tunnel *mix_tunnel(struct mfib *m, enum mix mix, uint16_t port);

struct found {
	uint64_t *oifs, *count; // NULL when there is no entry
	uint64_t off;		// buckets from its home
};
struct found mix_look(struct mfib_table *t, enum mix mix, uint32_t i, uint16_t port);
// What the entry's oifs are; 0 when there is none.
uint64_t mix_oifs(struct mfib_table *t, enum mix mix, uint32_t i, uint16_t port);
// Where packets of it are first looked for, of mfib_table_narrow() or _wide().
uint64_t mix_home(struct mfib_table *t, enum mix mix, uint32_t i, uint16_t port);

// --no-huge: what needs huge pages makes do with small ones.
bool mix_eal_init(const char *prefix);

#endif
