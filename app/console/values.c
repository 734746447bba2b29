// SPDX-License-Identifier: BSD-3-Clause
// What the words in capitals stand for: help, and the values that are known, for completion.
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "channel/channel.h"
#include "console/grammar.h"

#define LOOK_MAX 4096 // channels, tunnels or candidates that are looked at for values

struct values {
	const struct observe *o;
	const char *begin;
	grammar_choice_cb cb;
	void *arg;
};

static void say(const struct values *v, const char *text)
{
	if (strncmp(text, v->begin, strlen(v->begin)) == 0)
		v->cb(v->arg, text, NULL, false);
}

static void say_addr(const struct values *v, const struct addr *a)
{
	char text[ADDR_STRLEN];

	if (!addr_is_none(a))
		say(v, addr_format(a, text));
}

static void source_cb(void *arg, const struct channel_brief *c)
{
	say_addr(arg, &c->sg->s);
}

static void group_cb(void *arg, const struct channel_brief *c)
{
	say_addr(arg, &c->sg->g);
}

static void sources(struct values *v)
{
	uint32_t cursor = 0;

	if (v->o->channels)
		channels_briefs_some(v->o->channels, &cursor, LOOK_MAX, source_cb, v);
}

static void groups(struct values *v)
{
	uint32_t cursor = 0;

	if (v->o->channels)
		channels_briefs_some(v->o->channels, &cursor, LOOK_MAX, group_cb, v);
}

static void tunnel_cb(void *arg, const struct tunnel_view *t)
{
	say_addr(arg, &t->relay);
}

static void candidate_cb(void *arg, const struct relay_view *r)
{
	say_addr(arg, &r->addr);
}

static void relays(struct values *v)
{
	uint32_t cursor = 0, at = 0;

	if (!v->o->channels)
		return;
	channels_tunnels_some(v->o->channels, &cursor, LOOK_MAX / 8, tunnel_cb, v);
	channels_relays_some(v->o->channels, &at, LOOK_MAX / 8, candidate_cb, v);
}

static void names(struct values *v)
{
	for (unsigned int i = 0; i < v->o->n_ifs; i++)
		say(v, v->o->ifs[i].name);
}

static void states(struct values *v)
{
	for (int i = CHANNEL_RESOLVING; i <= CHANNEL_WAITING; i++)
		say(v, channel_state_name((enum channel_state)i));
}

static void origins(struct values *v)
{
	for (int i = 0; i < CHANNEL_ORIGINS; i++)
		say(v, channel_origin_name((enum channel_origin)i));
}

static void numbers(struct values *v)
{
	char text[16];

	for (unsigned int i = 0; i < v->o->n_workers; i++) {
		snprintf(text, sizeof(text), "%u", i);
		say(v, text);
	}
}

static void rooms(struct values *v)
{
	static const char *const all[] = {
		"fastpath", "pim", "pim6", "igmp", "mld", "amt", "driad", "channel", "joinfile"};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		say(v, all[i]);
}

static void topics(struct values *v)
{
	char word[32];

	for (const struct verb *verb = verbs; verb->words; verb++) {
		const char *at = verb->words;

		for (int i = 0; i < 2 && *at && *at != '['; i++) {
			size_t len = strcspn(at, " ");

			if (len < sizeof(word) && (*at < 'A' || *at > 'Z')) {
				snprintf(word, sizeof(word), "%.*s", (int)len, at);
				say(v, word);
			}
			at += len + (at[len] == ' ');
		}
	}
}

static void log_rooms_each(struct values *v)
{
	say(v, "all");
	for (const char *const *r = log_rooms; *r; r++)
		say(v, *r);
}

static void levels(struct values *v)
{
	for (int i = LOG_LEVEL_ERROR; i < LOG_LEVELS; i++)
		say(v, log_level_name((enum log_level)i));
}

static const struct {
	const char *name, *help;
	void (*each)(struct values *v); // NULL: none are known
} kinds[] = {
	{"SOURCE", "address of a source", sources},
	{"SOURCE/LEN", "address of a source, or a prefix", sources},
	{"GROUP", "address of a group", groups},
	{"GROUP/LEN", "address of a group, or a prefix", groups},
	{"RELAY", "address of a relay", relays},
	{"RELAY/LEN", "address of a relay, or a prefix", relays},
	{"NAME", "name of an interface", names},
	{"STATE", "state of a channel", states},
	{"ORIGIN", "who asks for it", origins},
	{"WORKER", "number of a worker", numbers},
	{"ROOM", "room of the log, or all", log_rooms_each},
	{"LEVEL", "error, warn, info or debug", levels},
	{"PART", "part of inletd that drops", rooms},
	{"FILE", "path of a file, on inletd's machine", NULL},
	{"COUNT", "how many, of the unit that follows: packets, octets or seconds", NULL},
	{"OCTETS", "how much of each packet", NULL},
	{"COMMAND", "a show command", NULL},
	{"NUMBER", "0 to 255", NULL},
	{"SECONDS", "0.1 to 3600", NULL},
	{"TOPIC", "first word of commands, or a noun", topics},
	{"NOUN", "noun of a command", topics},
};

void values_each(const struct observe *o, const char *name, const char *begin, grammar_choice_cb cb,
	void *arg)
{
	struct values v = {.o = o, .begin = begin, .cb = cb, .arg = arg};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0 && kinds[i].each)
			kinds[i].each(&v);
}

const char *values_help(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].help;
	return NULL;
}
