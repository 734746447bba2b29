/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The tap of a capture (crossing.h; fastpath/worker.c: poll_port(), work(); inletd/capture.c:
 * detach(), workers_passed()). A worker looks for it once a burst, in a round that ends with polls
 * one higher. One that was taken away is freed once polls have grown by two since; from then on it
 * must not be used. (One would do; the second is for a processor that lets others see the end of a
 * round before its loads are done.)
 */
#define ROUNDS 5	/* of the worker, in each up to two bursts */

byte polls;
bool worker_ended, tap, there;

proctype worker()
{
	byte rounds, bursts;
	bool my_tap;

	do
	:: rounds < ROUNDS ->
		bursts = 0;
		do
		:: bursts < 2 ->
			bursts++;
			my_tap = tap;
			if
			:: my_tap -> assert(there); assert(there)	/* two frames */
			:: else
			fi
		:: true -> break
		od;
		my_tap = false;
		polls++;
		rounds++
	:: rounds == ROUNDS -> break
	od;
	worker_ended = true
}

init {
	byte p0;

	there = true;
	tap = true;
	run worker();
#ifdef M_POLLS_FIRST
	p0 = polls;
	tap = false;
#else
	tap = false;
	p0 = polls;
#endif
#ifdef M_NO_WAIT
	skip;
#else
	(polls - p0 >= 2 || worker_ended);
#endif
	there = false
}
