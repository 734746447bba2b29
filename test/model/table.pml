/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A slot of the forwarding table and a generation of it, under one worker and the control thread
 * (lib/mfib: generation.c, fib.c, mfib.c; mfib_table.h's head says what must hold).
 *
 * Control gives slot 0 to channel A, changes A's set, deletes A, waits, gives the slot to channel B,
 * and meanwhile replaces the generation by another one. The worker looks up packets of A and of B at
 * any time, forwards by the set that it finds, and counts in the entry. One statement is one store
 * or load of a word; a worker's burst is one packet. Packets of C, which is in the other slot of the
 * bucket all the time, store the counter of slot 0 as well, unchanged (mfib_narrow_count()).
 *
 * What must hold: a match is of the packet's own channel; its set is one that the channel has had;
 * the counter is that of a slot that is still the channel's, in memory that is still there; and
 * every packet that was forwarded has been counted in the end.
 *
 * -DM_name makes one step wrong (test/model/check has the list); then the checker must find it.
 */
#define NONE 0
#define A 1
#define B 2
#define C 3
#define SET_A 1		/* the sets that A has had */
#define SET_A2 2
#define SET_B 3

#define GENERATIONS 2
#define PACKETS 3	/* that the worker looks up */

/* The entry of slot 0 in each generation. tag: the word that a reader looks at first; it is of the
 * tunnel, which A and B have in common. */
byte tag[GENERATIONS], s[GENERATIONS], oifs[GENERATIONS], count[GENERATIONS];
byte since[GENERATIONS];	/* where the counter stood when the owner got the slot */
byte current;			/* the worker's pointer to its table */
bool there[GENERATIONS] = true;	/* its memory; what control knows only: */
byte owner[GENERATIONS];	/* whose the slot is, until its release */
byte forwarded[3], folded[3];	/* by channel */

/* QSBR: control draws a token, the worker says at the end of a burst the last that it has seen. */
byte token = 1, seen_token = 1;
bool worker_ended;

inline quiescent() { seen_token = token }
inline grace_begin(t) { token++; t = token }
inline grace_over(t) { (worker_ended || seen_token >= t) }

inline store_key(g, ch, set)
{
#ifdef M_LOCAL_FIRST
	tag[g] = 1;
	s[g] = ch;
	oifs[g] = set;
#elif defined(M_SET_LAST)
	s[g] = ch;
	tag[g] = 1;
	oifs[g] = set;
#else
	oifs[g] = set;
	s[g] = ch;
	tag[g] = 1;
#endif
}

/* generation_place(), generation_publish() */
inline publish(g, ch, set)
{
	owner[g] = ch;
#ifndef M_FROM_ZERO
	since[g] = count[g];
#endif
	store_key(g, ch, set)
}

/* generation_unpublish(): it matches no more, the rest stays. */
inline unpublish(g)
{
#ifdef M_WIPE_AT_ONCE
	oifs[g] = 0;
	s[g] = NONE;
#endif
	tag[g] = 0;
}

/* channel_release(): the last fold, and the slot is free. */
inline release(g, ch)
{
#ifdef M_WIPE_BEFORE_FOLD
	count[g] = 0;
#endif
	folded[ch] = folded[ch] + count[g] - since[g];
	s[g] = NONE;
	oifs[g] = 0;
#ifdef M_CLEAR
	count[g] = 0;
#endif
	owner[g] = NONE;
}

proctype worker()
{
	byte ch, g, w_tag, w_s, set, n, left = PACKETS;

	do
	:: left > 0 ->
		left--;
		if
		:: ch = A
		:: ch = B
		:: ch = C
		fi;
		g = current;			/* mfib_table_narrow(), once a burst */
#ifdef M_QUIET_IN_BURST
		quiescent();
#endif
		assert(there[g]);
		/* The tag before the rest, or both at once: not after it. */
#ifdef M_TAG_LAST
		w_s = s[g];
		w_tag = tag[g];
#else
		w_tag = tag[g];
		w_s = s[g];
#endif
		if
		:: ch == C ->
			n = count[g];
			assert(there[g]);
			count[g] = n
		:: ch != C && w_tag == 1 && w_s == ch ->
			assert(there[g]);
			set = oifs[g];
#ifdef M_QUIET_BEFORE_COUNT
			quiescent();
#endif
			assert(ch != A || set == SET_A || set == SET_A2);
			assert(ch != B || set == SET_B);
			n = count[g];		/* mfib_count(): a load and a store */
			assert(there[g] && owner[g] == ch);
			count[g] = n + 1;
			forwarded[ch] = forwarded[ch] + 1
		:: else
		fi;
		ch = 0; w_tag = 0; w_s = 0; set = 0; n = 0;
		quiescent()
	:: left == 0 -> break
	od;
	worker_ended = true
}

/* A is deleted and its slot reused by B, within one generation. */
inline reuse(g)
{
	byte t1 = 0;

#ifdef M_TOKEN_BEFORE
	grace_begin(t1);
	unpublish(g);
#else
	unpublish(g);
	grace_begin(t1);
#endif
#ifndef M_NO_GRACE
	grace_over(t1);
#endif
	release(g, A);
	publish(g, B, SET_B)
}

/* next_fill(), next_publish(), sweep(): from a generation to the other, with what ch has counted. */
inline replace(from, to, ch, set)
{
	byte t2 = 0;

	publish(to, ch, set);
#ifdef M_TOKEN_BEFORE_POINTER
	grace_begin(t2);
	current = to;
#else
	current = to;
	grace_begin(t2);
#endif
#ifdef M_SWEEP_AT_ONCE
	folded[ch] = folded[ch] + count[from] - since[from];
#endif
#ifndef M_FREE_AT_ONCE
	grace_over(t2);
#endif
#ifndef M_SWEEP_AT_ONCE
	folded[ch] = folded[ch] + count[from] - since[from];
#endif
	owner[from] = NONE;
	there[from] = false
}

init {
	byte g = 0;

	run worker();
	publish(0, A, SET_A);
	if
	:: true ->				/* grows, then A goes and B comes */
		replace(0, 1, A, SET_A);
		g = 1;
		oifs[1] = SET_A2;
		reuse(1)
	:: true ->				/* the other way round */
		oifs[0] = SET_A2;
		reuse(0);
		replace(0, 1, B, SET_B);
		g = 1
	fi;
	(worker_ended);
	folded[B] = folded[B] + count[g] - since[g];
	assert(folded[A] == forwarded[A] && folded[B] == forwarded[B])
}
