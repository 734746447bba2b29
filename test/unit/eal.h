// SPDX-License-Identifier: BSD-3-Clause
// EAL for a test of a room that uses it: in ordinary memory, with nothing of the machine's.
#ifndef TEST_UNIT_EAL_H
#define TEST_UNIT_EAL_H

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_eal.h>

#include "base/log.h"

// mb: of memory, as text. False, with TAP's word for it printed: there is nothing to test.
static inline bool eal_begin(char *name, char *mb)
{
	char prefix[32];
	char *argv[] = {name, "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m", mb,
		"-l", "0", "--log-level=emergency", "--file-prefix", prefix, NULL};

	snprintf(prefix, sizeof(prefix), "%.20s%d", name, (int)getpid());
	log_threshold = LOG_LEVEL_ERROR;
	if (rte_eal_init((int)(sizeof(argv) / sizeof(argv[0])) - 1, argv) >= 0)
		return true;
	printf("Bail out! EAL\n");
	return false;
}

#endif
