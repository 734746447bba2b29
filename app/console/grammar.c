// SPDX-License-Identifier: BSD-3-Clause
#include "console/grammar.h"

#include <assert.h>
#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmdline_parse_string.h>

#define MAX_WORDS 8

// What an instruction's handler is given: the verb, and whose grammar it is.
struct binding {
	struct grammar *g;
	const struct verb *verb;
	bool json;
	char *words; // the literals, NUL-terminated one by one
	struct cmdline_token_string tokens[MAX_WORDS];
	unsigned int n_args;
};

// What a line is parsed into. All literals share the first field, which nobody reads.
struct parsed {
	cmdline_fixed_string_t literal;
	cmdline_fixed_string_t args[VERB_MAX_ARGS];
};
static_assert(sizeof(struct parsed) <= CMDLINE_PARSE_RESULT_BUFSIZE, "librte_cmdline's buffer");

struct grammar {
	grammar_run_cb run;
	void *arg;
	unsigned int n;
	struct binding *bindings;
	cmdline_parse_inst_t **instructions; // NULL-terminated
};

static void matched(void *result, struct cmdline *cl, void *data)
{
	const char *args[VERB_MAX_ARGS + 1] = {0};
	const struct parsed *parsed = result;
	const struct binding *b = data;

	for (unsigned int i = 0; i < b->n_args; i++)
		args[i] = parsed->args[i];
	b->g->run(b->g->arg, cl, b->verb, b->json, args);
}

// The instruction for the words of b; NULL when out of memory.
static cmdline_parse_inst_t *instruction(struct binding *b)
{
	cmdline_parse_inst_t *inst;
	unsigned int n = 0;
	size_t room = strlen(b->verb->words) + sizeof(" --json");
	char *save = NULL;

	b->words = malloc(room);
	inst = calloc(1, sizeof(*inst) + (MAX_WORDS + 1) * sizeof(void *));
	if (!b->words || !inst) {
		free(inst);
		return NULL;
	}
	snprintf(b->words, room, "%s%s", b->verb->words, b->json ? " --json" : "");
	for (char *word = strtok_r(b->words, " ", &save); word && n < MAX_WORDS;
		word = strtok_r(NULL, " ", &save)) {
		b->tokens[n].hdr.ops = &cmdline_token_string_ops;
		b->tokens[n].hdr.offset = offsetof(struct parsed, literal);
		b->tokens[n].string_data.str = word;
		if (isupper((unsigned char)word[0]) && b->n_args < VERB_MAX_ARGS) {
			b->tokens[n].hdr.offset =
				(unsigned int)(offsetof(struct parsed, args) +
					       b->n_args++ * sizeof(cmdline_fixed_string_t));
			b->tokens[n].string_data.str = NULL; // any word
		}
		inst->tokens[n] = &b->tokens[n].hdr;
		n++;
	}
	inst->f = matched;
	inst->data = b;
	inst->help_str = b->verb->help;
	return inst;
}

static bool add(struct grammar *g, const struct verb *verb, bool json)
{
	struct binding *b = &g->bindings[g->n];

	*b = (struct binding){.g = g, .verb = verb, .json = json};
	g->instructions[g->n] = instruction(b);
	g->n++; // grammar_free() takes half-made ones too
	return g->instructions[g->n - 1] != NULL;
}

struct grammar *grammar_create(const struct verb *table, grammar_run_cb run, void *arg)
{
	struct grammar *g = calloc(1, sizeof(*g));
	size_t n = 0;

	if (!g)
		return NULL;
	g->run = run;
	g->arg = arg;
	for (const struct verb *v = table; v->words; v++)
		n += v->json ? 2 : 1;
	g->bindings = calloc(n + 1, sizeof(*g->bindings));
	g->instructions = calloc(n + 1, sizeof(void *));
	if (!g->bindings || !g->instructions)
		goto fail;
	for (const struct verb *v = table; v->words; v++) {
		if (!add(g, v, false) || (v->json && !add(g, v, true)))
			goto fail;
	}
	return g;
fail:
	grammar_free(g);
	return NULL;
}

void grammar_free(struct grammar *g)
{
	if (!g)
		return;
	for (unsigned int i = 0; i < g->n; i++) {
		free(g->instructions[i]);
		free(g->bindings[i].words);
	}
	free(g->instructions);
	free(g->bindings);
	free(g);
}

cmdline_parse_ctx_t *grammar_instructions(struct grammar *g)
{
	return g->instructions;
}
