// SPDX-License-Identifier: BSD-3-Clause
// An Ethernet frame that arrives upstream, through the function that a worker runs on a burst:
// exactly one thing happens to it, and every mbuf comes back.
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rig rig;

static void run(const uint8_t *data, size_t size)
{
	struct outcome o;

	rig_run(&rig, data, size, &o);
	if (o.forwarded != 0 && o.forwarded != 2)
		abort();
	if ((o.forwarded != 0) + o.drops + o.punted[RIG_CONTROL] + o.punted[RIG_OTHER] != 1)
		abort();
	if (rig_mbufs_in_use(&rig) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;

	if (!ready) {
		rig_eal_init("fuzz_fastpath");
		rig_setup(&rig, 1u << 1 | 1u << 2);
		ready = true;
	}
	if (size > RIG_FRAME)
		return 0;
	// To a worker that has seen nothing yet, and to one that expects more of the same.
	rig.worker.shape = SHAPE_MIXED;
	memset(&rig.worker.locals, 0, sizeof(rig.worker.locals));
	memset(rig.worker.expected_oifs, 0, sizeof(rig.worker.expected_oifs));
	run(data, size);
	run(data, size);
	return 0;
}
