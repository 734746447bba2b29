// SPDX-License-Identifier: BSD-3-Clause
// From the table of verbs to instructions of librte_cmdline, which parses, completes and helps.
#ifndef CONSOLE_GRAMMAR_H
#define CONSOLE_GRAMMAR_H

#include <stdbool.h>

#include <cmdline_rdline.h>

#include <cmdline_parse.h>

#include "console/verb.h"

struct cmdline;
struct grammar;

// args: as in struct verb_ctx; they last as long as the call.
typedef void (*grammar_run_cb)(void *arg, struct cmdline *cl, const struct verb *verb, bool json,
	const char *const args[VERB_MAX_ARGS + 1]);

// Instructions for every verb, and one more with --json for those that take it. run is called with
// arg when a line matches. NULL: out of memory.
struct grammar *grammar_create(const struct verb *table, grammar_run_cb run, void *arg);
void grammar_free(struct grammar *g);
// For cmdline_new(); lives as long as the grammar.
cmdline_parse_ctx_t *grammar_instructions(struct grammar *g);

#endif
