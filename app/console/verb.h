// SPDX-License-Identifier: BSD-3-Clause
// The verbs of the console, as data: words, help and handler. grammar.c makes instructions of
// librte_cmdline from the table; a new verb is a line in verbs.c and a file for its noun.
#ifndef CONSOLE_VERB_H
#define CONSOLE_VERB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "console/render.h"
#include "observe/observe.h"

#define VERB_MAX_ARGS	 3
#define VERB_MAX_OPTIONS 12

struct verb_option {
	const char *name;  // NULL ends a list
	const char *value; // of a flag: its name
};

// What a piece of a verb's work has come to.
enum verb_turn {
	VERB_DONE,
	VERB_MORE, // goes on at once, or when the client has taken what there is
	VERB_WAIT, // nothing to do at the moment: is asked again some milliseconds later
};

struct session;

struct verb_ctx {
	const struct observe *o;
	struct render *r;
	uint64_t now_us; // CLOCK_MONOTONIC, of this piece
	// What was given for the words in capitals, in their order; NULL behind the last of them.
	const char *args[VERB_MAX_ARGS + 1];
	// The options that were given: verb_option().
	const struct verb_option *options; // NULL: none
	// A verb that has much to show, or waits for something, does it in pieces of at most some
	// hundred microseconds, between which the control loop turns, things come and go, and what
	// was rendered goes to the client: run() sets `more`, which is called until it says
	// VERB_DONE, unless the client ends it before. `work` is the verb's own; work_free() frees
	// it, in each case once. run() itself renders the first piece, or nothing.
	enum verb_turn (*more)(struct verb_ctx *v);
	void *work;
	void (*work_free)(void *work);
	// Set by a verb that does not do what it was asked to: one line that says why, and no
	// table.
	char refused[OBSERVE_WHY_LEN];
	bool quit;		 // set by a verb that ends the session
	struct session *session; // for a verb that goes on (session_begin()); NULL: it cannot
};

struct verb {
	// One blank between words; the language is grammar.h's. NULL ends the table.
	const char *words;
	const char *help; // one line
	bool json;	  // takes --json
	void (*run)(struct verb_ctx *v);
};

extern const struct verb verbs[];
// What a word that begins verbs, or an option, is for; NULL when nothing is said of it.
const char *verb_word_help(const char *word);

// What was given for an option, NULL when it was not.
static inline const char *verb_option(const struct verb_ctx *v, const char *name)
{
	for (const struct verb_option *o = v->options; o && o->name; o++)
		if (strcmp(o->name, name) == 0)
			return o->value;
	return NULL;
}

// Memory for a verb's work, all 0, freed with it; NULL with `refused` filled in.
void *verb_work(struct verb_ctx *v, size_t size);

// All that is left of a verb at once; for those who can wait (tests).
static inline void verb_finish(struct verb_ctx *v)
{
	while (v->more && v->more(v) != VERB_DONE)
		;
	if (v->work_free)
		v->work_free(v->work);
	v->more = NULL;
	v->work_free = NULL;
}

void verb_show_ports(struct verb_ctx *v);
void verb_show_neighbors(struct verb_ctx *v);
void verb_show_pim(struct verb_ctx *v);
void verb_show_pim_joins(struct verb_ctx *v);
void verb_show_channels(struct verb_ctx *v);
void verb_show_relays(struct verb_ctx *v);
void verb_show_tunnels(struct verb_ctx *v);
void verb_show_workers(struct verb_ctx *v);
void verb_show_punt(struct verb_ctx *v);
void verb_show_drops(struct verb_ctx *v);     // those that are not zero
void verb_show_drops_all(struct verb_ctx *v); // every reason there is
void verb_show_igmp(struct verb_ctx *v);
void verb_show_igmp_memberships(struct verb_ctx *v);
void verb_show_mld(struct verb_ctx *v);
void verb_show_mld_memberships(struct verb_ctx *v);
void verb_show_amt(struct verb_ctx *v);
void verb_show_version(struct verb_ctx *v);
void verb_show_joinfile(struct verb_ctx *v);
void verb_show_console(struct verb_ctx *v);
void verb_show_memory(struct verb_ctx *v);
void verb_show_log(struct verb_ctx *v);
void verb_set_log(struct verb_ctx *v);
void verb_clear_counters(struct verb_ctx *v);
void verb_add_channel(struct verb_ctx *v);
void verb_del_channel(struct verb_ctx *v);
void verb_relay_move(struct verb_ctx *v);
void verb_relay_hold(struct verb_ctx *v);
void verb_relay_release(struct verb_ctx *v);
void verb_port_stop(struct verb_ctx *v);
void verb_port_start(struct verb_ctx *v);
void verb_show_health(struct verb_ctx *v);
void verb_check_health(struct verb_ctx *v);
void verb_drain(struct verb_ctx *v);
void verb_undrain(struct verb_ctx *v);
void verb_explain(struct verb_ctx *v);
void verb_resolve(struct verb_ctx *v);
void verb_resolve_record(struct verb_ctx *v);
void verb_trace(struct verb_ctx *v);
void verb_trace_stop(struct verb_ctx *v);
void verb_show_traces(struct verb_ctx *v);
void verb_capture_start(struct verb_ctx *v);
void verb_capture_start_tunnel(struct verb_ctx *v);
void verb_capture_start_channel(struct verb_ctx *v);
void verb_capture_stop(struct verb_ctx *v);
void verb_show_capture(struct verb_ctx *v);
void verb_rebalance(struct verb_ctx *v);
void verb_rebalance_dry_run(struct verb_ctx *v);
void verb_reload(struct verb_ctx *v);
void verb_reload_check(struct verb_ctx *v);
void verb_show_reload(struct verb_ctx *v);
void verb_save(struct verb_ctx *v);
void verb_help(struct verb_ctx *v);
void verb_quit(struct verb_ctx *v);

// An argument that is to be an address; false with `refused` filled in when it is none. what: its
// name.
bool verb_address(struct verb_ctx *v, const char *what, const char *text, struct addr *out);

// How long ago `since` was, or how far `until` is; 0 for what is on the other side of now.
static inline uint64_t verb_age_us(const struct verb_ctx *v, uint64_t since)
{
	return v->now_us > since ? v->now_us - since : 0;
}

static inline uint64_t verb_left_us(const struct verb_ctx *v, uint64_t until)
{
	return until > v->now_us ? until - v->now_us : 0;
}

#endif
