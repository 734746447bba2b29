// SPDX-License-Identifier: BSD-3-Clause
// What a worker does while no packet comes, where it is not to poll: it sleeps, longer and longer.
// The only system call a worker makes, and none while packets come.
#include <stdbool.h>
#include <time.h>

#include <sys/prctl.h>

#include <rte_common.h>
#include <rte_pause.h>

#include "inlet.h"

// So many rounds without a packet are polled: some 50 us, more than lies between two packets of a
// stream that is worth a core.
#define POLL_ROUNDS 512
// Then it sleeps this long, twice as long after every STEP_ROUNDS further ones, up to the longest:
// which a receive queue of 1024 descriptors is to cover (4 million packets a second).
#define SLEEP_NS    15625
#define SLEEP_STEPS 4u
#define STEP_ROUNDS 16

// Else the kernel lets a thread sleep 50 us longer than it asked.
static void be_punctual(void)
{
	static _Thread_local bool punctual;

	if (!punctual)
		prctl(PR_SET_TIMERSLACK, 1000UL);
	punctual = true;
}

void idle_sleep_cb(unsigned int rounds)
{
	struct timespec t = {0};

	if (rounds < POLL_ROUNDS) {
		rte_pause();
		return;
	}
	be_punctual();
	t.tv_nsec = SLEEP_NS << RTE_MIN((rounds - POLL_ROUNDS) / STEP_ROUNDS, SLEEP_STEPS);
	nanosleep(&t, NULL); // cut short: one more look at the ports
}
