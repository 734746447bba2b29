// SPDX-License-Identifier: BSD-3-Clause
// The table of verbs as a language: parses a line, and says what may stand next. Pure.
//
// The words of a verb: one in lower case stands for itself, and may be cut short as long as it is
// unambiguous; one in capitals for any word; [name], [name VALUE] and [name|alias VALUE] may be
// left out, come behind the others, in any order and once each. Verbs that take --json have it as
// one more of these, verbs that show something also [watch SECONDS]; "watch SECONDS" in front of
// such a command is the same.
#ifndef CONSOLE_GRAMMAR_H
#define CONSOLE_GRAMMAR_H

#include <stdbool.h>
#include <stdint.h>

#include "console/verb.h"

struct grammar;

// NULL: out of memory, or a verb with more words than there is room for. table outlives it.
struct grammar *grammar_create(const struct verb *table);
void grammar_free(struct grammar *g);

#define GRAMMAR_MAX_WORDS    32 // of a line
#define GRAMMAR_WATCH_MIN_MS 100
#define GRAMMAR_WATCH_MAX_MS 3600000

struct grammar_match {
	const struct verb *verb;
	bool json;
	uint32_t every_ms; // of watch; 0: once
	// As in struct verb_ctx; they point into the line.
	const char *args[VERB_MAX_ARGS + 1];
	struct verb_option options[VERB_MAX_OPTIONS + 1];
};

#define GRAMMAR_WHY_LEN 400
// Cuts the line up, and finds its verb. 0; -ENODATA when there is nothing on it but blanks or a
// comment (#); -EINVAL with one clause in why.
int grammar_parse(
	const struct grammar *g, char *line, struct grammar_match *out, char why[GRAMMAR_WHY_LEN]);

// A word that may stand where the line ends (its last word is a beginning of it, unless the line
// ends in a blank), and what it is for. hint: it is no word but says what is to be put there.
typedef void (*grammar_choice_cb)(void *arg, const char *word, const char *help, bool hint);
// Values are taken from o: interfaces, relays, sources, groups, ...
void grammar_choices(const struct grammar *g, const struct observe *o, const char *line,
	grammar_choice_cb cb, void *arg);

// values.c: the values of a word in capitals that begin with `begin`, as far as they are known and
// not too many; what the word is for.
void values_each(const struct observe *o, const char *name, const char *begin, grammar_choice_cb cb,
	void *arg);
const char *values_help(const char *name);

#endif
