// SPDX-License-Identifier: BSD-3-Clause
// An Ethernet frame that arrives upstream, through the function that a worker runs on a burst:
// exactly one thing happens to it, and every mbuf comes back.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rig rig;
	static bool ready;
	struct outcome o;

	if (!ready) {
		rig_eal_init("fuzz_fastpath");
		rig_setup(&rig, 1u << 1 | 1u << 2);
		ready = true;
	}
	if (size > RIG_FRAME)
		return 0;
	rig_run(&rig, data, size, &o);
	if (o.forwarded != 0 && o.forwarded != 2)
		abort();
	if ((o.forwarded != 0) + o.drops + o.punted[RIG_CONTROL] + o.punted[RIG_OTHER] != 1)
		abort();
	if (rig_mbufs_in_use(&rig) != 0)
		abort();
	return 0;
}
