/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What goes over a ring of the crossing (crossing.c, fastpath/worker.c): a frame belongs to one
 * thread at any time, comes out once and in order, and at the end none is left on a ring; what does
 * not fit is the sender's still.
 *
 * The ring is DPDK's, one producer and one consumer: a slot, then the r.tail that the other reads.
 */
#define SIZE 2			/* slots */
#define FRAMES 3		/* that the worker punts */
#define INJECTED 2		/* by control */

#define WORKER 1
#define CONTROL 2
#define GONE 3			/* freed */

typedef ring {
	byte slot[SIZE], head, tail
};
ring up;	/* punt: worker to control */
ring down;	/* inject: control to worker */
byte owner[FRAMES], owner_down[INJECTED];
bool stop, worker_ended;

inline enqueue(r, what, ok)
{
	if
	:: r.tail - r.head < SIZE ->
#ifdef M_TAIL_FIRST
		r.tail++;
		r.slot[(r.tail - 1) % SIZE] = what;
#else
		r.slot[r.tail % SIZE] = what;
		r.tail++;
#endif
		ok = true
	:: else -> ok = false
	fi
}

inline dequeue(r, what, ok)
{
	if
	:: r.head != r.tail ->
#ifdef M_HEAD_FIRST
		r.head++;
		what = r.slot[(r.head - 1) % SIZE];
#else
		what = r.slot[r.head % SIZE];
		r.head++;
#endif
		ok = true
	:: else -> ok = false
	fi
}

proctype worker()
{
	byte n, m, expected;
	bool ok, got = true;

	do
	:: !(stop && n == FRAMES) ->
		/* inject() */
		dequeue(down, m, ok);
		if
		:: ok ->
			assert(m == expected && owner_down[m] == WORKER);
			owner_down[m] = GONE;	/* sent */
			expected++
		:: else
		fi;
		if
		:: n < FRAMES ->
			assert(owner[n] == WORKER);
#ifdef M_KEEP_PUNTED
			enqueue(up, n, ok);
			if
			:: ok -> assert(owner[n] == WORKER); owner[n] = CONTROL
			:: else -> owner[n] = GONE
			fi;
#else
			owner[n] = CONTROL;	/* it is not touched any more */
			enqueue(up, n, ok);
			if
			:: ok
			:: else -> owner[n] = GONE	/* dropped, counted */
			fi;
#endif
			n++
		:: else
		fi
	:: stop && n == FRAMES -> break
	od;
#ifndef M_NO_LAST_LOOK
	/* worker_run(): what was injected before it was told to stop is on the rings. */
	do
	:: got ->
		dequeue(down, m, got);
		if
		:: got -> assert(m == expected && owner_down[m] == WORKER);
			owner_down[m] = GONE; expected++
		:: else
		fi
	:: else -> break
	od;
#endif
	worker_ended = true
}

init {
	byte i, n, m, next;
	bool ok, more = true;

	for (i : 0 .. FRAMES - 1) { owner[i] = WORKER }
	for (i : 0 .. INJECTED - 1) { owner_down[i] = CONTROL }
	run worker();
	do
	:: n < INJECTED ->
		assert(owner_down[n] == CONTROL);
		owner_down[n] = WORKER;
		enqueue(down, n, ok);
		if
		:: ok -> n++
		:: else -> owner_down[n] = CONTROL; break	/* -EAGAIN */
		fi
	:: dequeue(up, m, ok);
		if
		:: ok -> assert(m >= next && owner[m] == CONTROL); owner[m] = GONE; next = m + 1
		:: else
		fi;
		if
		:: n >= INJECTED -> break
		:: else
		fi
	od;
	stop = true;
	(worker_ended);
	do
	:: more ->
		dequeue(up, m, more);
		if
		:: more -> assert(m >= next && owner[m] == CONTROL); owner[m] = GONE; next = m + 1
		:: else
		fi
	:: else -> break
	od;
	assert(down.head == down.tail && up.head == up.tail);
	for (i : 0 .. FRAMES - 1) { assert(owner[i] == GONE) }
}
