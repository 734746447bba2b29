/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A channel is guarded while it moves, and unguarded after (mfib_channel_guard(),
 * mfib_channel_unguard(), moves_add(), moves_del(); the reader: lib/fastpath/move.c): its set goes
 * from the entry into a record that workers look for when they find the entry's set empty. No packet
 * is lost to the change, and no record is read that was freed.
 */
#define SET 1

byte oifs = SET;		/* of the entry */
bool in_chain, there;		/* the record; it holds SET */
byte token = 1, seen_token = 1;
bool worker_ended;

proctype worker()
{
	byte set, left = 3;
	bool found;

	do
	:: left > 0 ->
		left--;
		set = oifs;
		if
		:: set != 0
		:: set == 0 ->
			found = in_chain;		/* mfib_moves_find() */
			if
			:: found ->
				assert(there);		/* its set is read */
				set = SET
			:: !found ->
#ifndef M_LOOK_ONCE
				set = oifs		/* RARE_AGAIN */
#else
				skip
#endif
			fi
		fi;
		assert(set == SET);			/* else it is dropped as not joined */
		set = 0; found = false;
		seen_token = token
	:: left == 0 -> break
	od;
	worker_ended = true
}

init {
	byte t;

	run worker();
	/* mfib_channel_guard() */
#ifdef M_GUARD_SET_FIRST
	oifs = 0;
	there = true;
	in_chain = true;
#else
	there = true;
	in_chain = true;
	oifs = 0;
#endif
	/* mfib_channel_unguard() */
#ifdef M_UNGUARD_RECORD_FIRST
	in_chain = false;
	oifs = SET;
#else
	oifs = SET;
	in_chain = false;
#endif
	token++;
	t = token;
#ifndef M_FREE_AT_ONCE
	(worker_ended || seen_token >= t);
#endif
	there = false
}
