// SPDX-License-Identifier: BSD-3-Clause
#include "console/grammar.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS   8 // of a verb, before its options
#define MAX_OPTIONS 12
#define BLANKS	    " \t\r\n"

// [name VALUE], [name], [name|alias VALUE]
struct option {
	char *name;
	char *alias; // NULL: none
	char *value; // NULL: a flag
};

// A verb's words, taken apart.
struct form {
	const struct verb *verb;
	char *text; // what the others point into
	char *words[MAX_WORDS];
	unsigned int n_words;
	struct option options[MAX_OPTIONS];
	unsigned int n_options;
	bool watch;
};

struct grammar {
	struct form *forms;
	unsigned int n;
};

// How far a line has come in a form.
struct place {
	const struct form *form; // NULL: it is not this one
	unsigned int at;	 // words
	const struct option *in; // its value is next
	uint32_t used;		 // options, by their bits
	struct grammar_match match;
	unsigned int n_args, n_options;
	const char *seconds; // of watch, as given
};

enum fit { FIT_NOT, FIT_BEGINNING, FIT_VALUE, FIT_EXACT };

static char watch_name[] = "watch", json_name[] = "--json", seconds_name[] = "SECONDS";

static bool option_add(struct form *f, char *name, char *value)
{
	struct option *o = &f->options[f->n_options];
	char *bar = strchr(name, '|');

	if (f->n_options == MAX_OPTIONS)
		return false;
	if (bar)
		*bar++ = '\0';
	*o = (struct option){.name = name, .alias = bar, .value = value};
	f->n_options++;
	return true;
}

// "[name VALUE]", of which the name is given.
static bool option_parse(struct form *f, char *name, char **save)
{
	char *value = NULL;
	size_t len = strlen(name);

	if (name[len - 1] == ']') {
		name[len - 1] = '\0';
	} else {
		value = strtok_r(NULL, " ", save);
		len = value ? strlen(value) : 0;
		if (len == 0 || value[len - 1] != ']')
			return false;
		value[len - 1] = '\0';
	}
	return option_add(f, name + 1, value);
}

static bool form_make(struct form *f, const struct verb *verb)
{
	char *save = NULL;

	f->verb = verb;
	f->watch = verb->json && (strncmp(verb->words, "show ", 5) == 0 ||
					 strncmp(verb->words, "explain ", 8) == 0);
	f->text = strdup(verb->words);
	for (char *w = f->text ? strtok_r(f->text, " ", &save) : NULL; w;
		w = strtok_r(NULL, " ", &save)) {
		if (*w == '[') {
			if (!option_parse(f, w, &save))
				return false;
		} else if (f->n_words == MAX_WORDS) {
			return false;
		} else {
			f->words[f->n_words++] = w;
		}
	}
	return f->text && (!f->watch || option_add(f, watch_name, seconds_name)) &&
	       (!verb->json || option_add(f, json_name, NULL));
}

struct grammar *grammar_create(const struct verb *table)
{
	struct grammar *g = calloc(1, sizeof(*g));
	size_t n = 0;

	if (!g)
		return NULL;
	while (table[n].words)
		n++;
	g->forms = calloc(n + 1, sizeof(*g->forms));
	if (!g->forms) {
		free(g);
		return NULL;
	}
	for (; g->n < n; g->n++) {
		if (!form_make(&g->forms[g->n], &table[g->n])) {
			g->n++; // its text is freed as well
			grammar_free(g);
			return NULL;
		}
	}
	return g;
}

void grammar_free(struct grammar *g)
{
	if (!g)
		return;
	for (unsigned int i = 0; i < g->n; i++)
		free(g->forms[i].text);
	free(g->forms);
	free(g);
}

static bool is_value(const char *word)
{
	return isupper((unsigned char)*word);
}

static enum fit literal_fit(const char *literal, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(literal, word, len) != 0)
		return FIT_NOT;
	return literal[len] == '\0' ? FIT_EXACT : FIT_BEGINNING;
}

static enum fit option_fit(const struct option *o, const char *word)
{
	enum fit fit = literal_fit(o->name, word);

	// --json is not what -- and less is short for.
	if (o->name == json_name && fit == FIT_BEGINNING && strlen(word) < 3)
		return FIT_NOT;
	if (o->alias && fit != FIT_EXACT) {
		enum fit other = literal_fit(o->alias, word);

		fit = other > fit ? other : fit;
	}
	return fit;
}

// Calls cb with every word that may stand at a place; false ends it.
struct next {
	const char *literal; // or NULL, with the value's name
	const char *value;
	const struct option *option; // of which it is the name
};
typedef void (*next_cb)(void *arg, const struct place *p, const struct next *n);

static void place_next(const struct place *p, next_cb cb, void *arg)
{
	const struct form *f = p->form;

	if (p->in) {
		cb(arg, p, &(struct next){.value = p->in->value});
		return;
	}
	if (p->at < f->n_words) {
		const char *w = f->words[p->at];

		cb(arg, p, &(struct next){is_value(w) ? NULL : w, is_value(w) ? w : NULL, NULL});
		return;
	}
	for (unsigned int i = 0; i < f->n_options; i++)
		if (!(p->used >> i & 1))
			cb(arg, p, &(struct next){f->options[i].name, NULL, &f->options[i]});
}

static enum fit next_fit(const struct next *n, const char *word)
{
	if (n->value)
		return FIT_VALUE;
	return n->option ? option_fit(n->option, word) : literal_fit(n->literal, word);
}

// What a word can be, over all places.
struct look {
	const char *word;
	enum fit best;
	const char *literal; // of FIT_BEGINNING
	bool ambiguous;
};

static void look_cb(void *arg, const struct place *p, const struct next *n)
{
	struct look *l = arg;
	enum fit fit = next_fit(n, l->word);

	(void)p;
	if (fit > l->best) {
		l->best = fit;
		l->literal = n->literal;
		l->ambiguous = false;
	} else if (fit == l->best && fit == FIT_BEGINNING && strcmp(l->literal, n->literal) != 0) {
		l->ambiguous = true;
	}
}

struct step {
	struct place *place;
	char *word;
	enum fit want;
	bool done;
};

#define NOT_SECONDS UINT32_MAX

static uint32_t milliseconds(const char *text)
{
	char *end;
	double ms = strtod(text, &end) * 1000;

	if (end == text || *end || !(ms >= GRAMMAR_WATCH_MIN_MS && ms <= GRAMMAR_WATCH_MAX_MS))
		return NOT_SECONDS;
	return (uint32_t)ms;
}

static int refuse_seconds(const char *text, char why[GRAMMAR_WHY_LEN])
{
	snprintf(why, GRAMMAR_WHY_LEN, "watch: seconds are 0.1 to 3600, not %.40s", text);
	return -EINVAL;
}

static void watch_took(struct place *p, const char *value)
{
	p->seconds = value;
	p->match.every_ms = milliseconds(value);
}

static void option_took(struct place *p, const struct option *o, const char *value)
{
	if (o->name == json_name)
		p->match.json = true;
	else if (o->name == watch_name)
		watch_took(p, value);
	else if (p->n_options < VERB_MAX_OPTIONS)
		p->match.options[p->n_options++] = (struct verb_option){o->name, value};
}

static void step_cb(void *arg, const struct place *at, const struct next *n)
{
	struct step *s = arg;
	struct place *p = s->place;

	(void)at;
	if (s->done || next_fit(n, s->word) != s->want)
		return;
	s->done = true;
	if (p->in) {
		option_took(p, p->in, s->word);
		p->in = NULL;
	} else if (n->option) {
		p->used |= 1u << (n->option - p->form->options);
		if (n->option->value)
			p->in = n->option;
		else
			option_took(p, n->option, n->option->name);
	} else {
		p->at++;
		if (n->value && p->n_args < VERB_MAX_ARGS)
			p->match.args[p->n_args++] = s->word;
	}
}

static struct place *places_new(const struct grammar *g)
{
	struct place *places = calloc(g->n, sizeof(*places));

	for (unsigned int i = 0; places && i < g->n; i++) {
		places[i].form = g->forms[i].verb->run ? &g->forms[i] : NULL;
		places[i].match.verb = g->forms[i].verb;
	}
	return places;
}

// What may stand at the places, for people: at most as much as there is room for.
struct listing {
	char *text;
	size_t room;
	unsigned int n;
};

static void list_word(struct listing *l, const char *word)
{
	size_t len = strlen(l->text), add = strlen(word);

	for (const char *p = l->text; (p = strstr(p, word)) != NULL; p++) // it is there
		if ((p == l->text || p[-1] == ' ') && (p[add] == ',' || p[add] == '\0'))
			return;
	if (len + add + 8 < l->room)
		snprintf(l->text + len, l->room - len, "%s%s", l->n++ ? ", " : "", word);
	else if (len > 4 && strcmp(l->text + len - 3, "...") != 0)
		snprintf(l->text + len, l->room - len, ", ...");
}

static void list_cb(void *arg, const struct place *p, const struct next *n)
{
	(void)p;
	list_word(arg, n->literal ? n->literal : n->value);
}

static void list_next(const struct grammar *g, const struct place *places, char *text, size_t room)
{
	struct listing l = {.text = text, .room = room};

	*text = '\0';
	for (unsigned int i = 0; i < g->n; i++)
		if (places[i].form)
			place_next(&places[i], list_cb, &l);
}

struct beginning {
	const char *word;
	struct listing l;
};

static void beginning_cb(void *arg, const struct place *p, const struct next *n)
{
	struct beginning *b = arg;

	(void)p;
	if (n->literal && next_fit(n, b->word) != FIT_NOT)
		list_word(&b->l, n->literal);
}

static int refuse_word(const struct grammar *g, const struct place *places, const struct look *l,
	unsigned int at, char why[GRAMMAR_WHY_LEN])
{
	char text[GRAMMAR_WHY_LEN - 80] = "";
	struct beginning b = {.word = l->word, .l = {.text = text, .room = sizeof(text)}};

	if (l->ambiguous) {
		for (unsigned int i = 0; i < g->n; i++)
			if (places[i].form)
				place_next(&places[i], beginning_cb, &b);
		snprintf(why, GRAMMAR_WHY_LEN, "%.40s is ambiguous: %s", l->word, text);
	} else if (at == 0) {
		snprintf(why, GRAMMAR_WHY_LEN, "unknown command; try help");
	} else {
		list_next(g, places, text, sizeof(text));
		if (*text)
			snprintf(why, GRAMMAR_WHY_LEN, "unknown word %.40s; here may stand: %s",
				l->word, text);
		else
			snprintf(why, GRAMMAR_WHY_LEN, "nothing may follow here: %.40s", l->word);
	}
	return -EINVAL;
}

// One word further. 0, or -EINVAL with why.
static int places_step(const struct grammar *g, struct place *places, char *word, unsigned int at,
	char why[GRAMMAR_WHY_LEN])
{
	struct look look = {.word = word};

	for (unsigned int i = 0; i < g->n; i++)
		if (places[i].form)
			place_next(&places[i], look_cb, &look);
	if (look.best == FIT_NOT || look.ambiguous)
		return refuse_word(g, places, &look, at, why);
	for (unsigned int i = 0; i < g->n; i++) {
		struct step s = {.place = &places[i], .word = word, .want = look.best};

		if (!places[i].form)
			continue;
		place_next(&places[i], step_cb, &s);
		if (!s.done)
			places[i].form = NULL;
	}
	return 0;
}

static bool is_complete(const struct place *p)
{
	return p->form && !p->in && p->at == p->form->n_words;
}

static int words_of(char *line, char *words[GRAMMAR_MAX_WORDS])
{
	int n = 0;
	char *save = NULL;

	for (char *w = strtok_r(line, BLANKS, &save); w; w = strtok_r(NULL, BLANKS, &save)) {
		if (*w == '#')
			break;
		if (n == GRAMMAR_MAX_WORDS)
			return -EINVAL;
		words[n++] = w;
	}
	return n;
}

// "watch SECONDS" in front: only verbs that can be watched are left. The words that it takes, or
// -EINVAL.
static int watch_prefix(const struct grammar *g, struct place *places, char *const *words, int n,
	char why[GRAMMAR_WHY_LEN])
{
	if (n == 0 || strcmp(words[0], watch_name) != 0)
		return 0;
	for (unsigned int i = 0; i < g->n; i++) {
		const struct form *f = places[i].form;

		if (!f || !f->watch) {
			places[i].form = NULL;
			continue;
		}
		for (unsigned int k = 0; k < f->n_options; k++)
			if (f->options[k].name == watch_name)
				places[i].used |= 1u << k;
		if (n > 1)
			option_took(&places[i], &(struct option){.name = watch_name}, words[1]);
	}
	if (n > 1 && milliseconds(words[1]) == NOT_SECONDS)
		return refuse_seconds(words[1], why);
	return n > 1 ? 2 : 1;
}

static int refuse_incomplete(
	const struct grammar *g, const struct place *places, char why[GRAMMAR_WHY_LEN])
{
	char text[GRAMMAR_WHY_LEN - 40];

	list_next(g, places, text, sizeof(text));
	snprintf(why, GRAMMAR_WHY_LEN, "incomplete; next: %s", text);
	return -EINVAL;
}

static int parse(const struct grammar *g, struct place *places, char *const *words, int n,
	struct grammar_match *out, char why[GRAMMAR_WHY_LEN])
{
	int at = watch_prefix(g, places, words, n, why);

	if (at < 0)
		return at;
	if (at == 1) {
		snprintf(why, GRAMMAR_WHY_LEN, "incomplete; next: SECONDS");
		return -EINVAL;
	}
	for (int i = at; i < n; i++) {
		int ret = places_step(g, places, words[i], (unsigned int)i, why);

		if (ret < 0)
			return ret;
	}
	for (unsigned int i = 0; i < g->n; i++) {
		if (!is_complete(&places[i]))
			continue;
		*out = places[i].match;
		if (out->every_ms != NOT_SECONDS)
			return 0;
		return refuse_seconds(places[i].seconds, why);
	}
	return refuse_incomplete(g, places, why);
}

int grammar_parse(
	const struct grammar *g, char *line, struct grammar_match *out, char why[GRAMMAR_WHY_LEN])
{
	char *words[GRAMMAR_MAX_WORDS];
	int n = words_of(line, words), ret;
	struct place *places;

	if (n == 0)
		return -ENODATA;
	if (n < 0) {
		snprintf(why, GRAMMAR_WHY_LEN, "more than %d words", GRAMMAR_MAX_WORDS);
		return n;
	}
	places = places_new(g);
	if (!places) {
		snprintf(why, GRAMMAR_WHY_LEN, "out of memory");
		return -EINVAL;
	}
	ret = parse(g, places, words, n, out, why);
	free(places);
	return ret;
}

// ---- What may stand next

struct choosing {
	const struct observe *o;
	const char *begin;
	grammar_choice_cb cb;
	void *arg;
};

static const char *literal_help(const struct place *p, const struct next *n)
{
	if (n->option || p->at + 1 < p->form->n_words)
		return verb_word_help(n->literal);
	return p->form->verb->help;
}

static void choose_literal(const struct choosing *c, const char *literal, const char *help)
{
	if (literal && literal_fit(literal, c->begin) != FIT_NOT)
		c->cb(c->arg, literal, help, false);
}

static void choose_value(const struct choosing *c, const char *name)
{
	values_each(c->o, name, c->begin, c->cb, c->arg);
	if (!*c->begin)
		c->cb(c->arg, name, values_help(name), true);
}

static void choose_cb(void *arg, const struct place *p, const struct next *n)
{
	const struct choosing *c = arg;

	if (n->value) {
		choose_value(c, n->value);
		return;
	}
	choose_literal(c, n->literal, literal_help(p, n));
	if (n->option)
		choose_literal(c, n->option->alias, literal_help(p, n));
}

static void choose(const struct grammar *g, struct place *places, char **words, int n,
	const struct choosing *c)
{
	char why[GRAMMAR_WHY_LEN];
	int at = watch_prefix(g, places, words, n, why);
	bool end = false;

	if (at < 0)
		return;
	if (at == 1) {
		choose_value(c, seconds_name);
		return;
	}
	for (int i = at; i < n; i++)
		if (places_step(g, places, words[i], (unsigned int)i, why) < 0)
			return;
	for (unsigned int i = 0; i < g->n; i++) {
		if (places[i].form)
			place_next(&places[i], choose_cb, (void *)(uintptr_t)c);
		end |= is_complete(&places[i]);
	}
	if (n == 0 && literal_fit(watch_name, c->begin) != FIT_NOT)
		c->cb(c->arg, watch_name, verb_word_help(watch_name), false);
	if (end && !*c->begin)
		c->cb(c->arg, "<enter>", "runs it", true);
}

void grammar_choices(const struct grammar *g, const struct observe *o, const char *line,
	grammar_choice_cb cb, void *arg)
{
	char *words[GRAMMAR_MAX_WORDS], *copy = strdup(line);
	struct place *places = places_new(g);
	struct choosing c = {.o = o, .begin = "", .cb = cb, .arg = arg};
	size_t len = strlen(line);
	int n = copy ? words_of(copy, words) : -1;

	if (n > 0 && !strchr(BLANKS, line[len - 1]))
		c.begin = words[--n];
	if (places && n >= 0)
		choose(g, places, words, n, &c);
	free(places);
	free(copy);
}
