// SPDX-License-Identifier: BSD-3-Clause
// The grammar, and the verbs that have no noun.
#include "console/verb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_version.h>

#include "console/baseline.h"

const struct verb verbs[] = {
	{"show ports [port NAME] [detail]", "interfaces: link, addresses, counters, mbufs", true,
		verb_show_ports},
	{"show neighbors [port NAME] [detail]", "PIM neighbors downstream", true,
		verb_show_neighbors},
	{"show pim [port NAME] [detail]",
		"PIM on each downstream interface: DR, joins, Asserts, counters", true,
		verb_show_pim},
	{"show pim joins [source SOURCE/LEN] [group GROUP/LEN] [port NAME] [detail]",
		"channels of PIM by interface: Join and Assert state", true, verb_show_pim_joins},
	{"show igmp [port NAME] [detail]",
		"IGMP and MLD queriers downstream: who queries, timers, counters", true,
		verb_show_igmp},
	{"show igmp memberships [source SOURCE/LEN] [group GROUP/LEN] [port NAME] [detail]",
		"channels that receivers attached directly want", true, verb_show_igmp_memberships},
	{"show mld [port NAME] [detail]", "the same of MLD alone", true, verb_show_mld},
	{"show mld memberships [source SOURCE/LEN] [group GROUP/LEN] [port NAME] [detail]",
		"the same of MLD alone", true, verb_show_mld_memberships},
	{"show channels [source SOURCE/LEN] [group GROUP/LEN] [relay RELAY/LEN] [port NAME] "
	 "[state STATE] [by ORIGIN] [detail]",
		"channels wanted: state, reason, relay, packets", true, verb_show_channels},
	{"show relays [source SOURCE/LEN] [relay RELAY/LEN] [held] [detail]",
		"candidate relays of each source", true, verb_show_relays},
	{"show tunnels [relay RELAY/LEN] [worker WORKER] [detail]",
		"AMT tunnels: state, channels, query cycle", true, verb_show_tunnels},
	{"show amt", "messages of the AMT gateway, all tunnels together", true, verb_show_amt},
	{"show workers [worker WORKER] [detail]", "worker cores: polls and packets", true,
		verb_show_workers},
	{"show punt [port NAME] [detail]",
		"frames handed to the control thread, by class, and what was held back", true,
		verb_show_punt},
	{"show drops [room PART] [port NAME]", "drop reasons that have counted", true,
		verb_show_drops},
	{"show drops all [room PART] [port NAME]", "every drop reason", true, verb_show_drops_all},
	{"show version", "version and uptime", true, verb_show_version},
	{"show joinfile [detail]", "the joinfile that is read and the one that is written", true,
		verb_show_joinfile},
	{"show console", "sessions, and the longest turn that commands took", true,
		verb_show_console},
	{"show memory", "octets, mbufs, descriptors, threads, timers in use", true,
		verb_show_memory},
	{"show log", "the level of each room of the log", true, verb_show_log},
	{"set log ROOM LEVEL", "what a room (or all) writes to the log, until inletd ends", true,
		verb_set_log},
	{"clear counters", "shows count from here; telemetry and metrics go on", true,
		verb_clear_counters},
	{"add channel SOURCE GROUP [interface|port NAME]",
		"want a channel on all downstream interfaces, or on one", true, verb_add_channel},
	{"del channel SOURCE GROUP [interface|port NAME]",
		"no longer want a static channel, on all interfaces or on one", true,
		verb_del_channel},
	{"relay move SOURCE [to RELAY]",
		"move a source to another relay, or to this one, without loss", true,
		verb_relay_move},
	{"relay hold RELAY", "do not use a relay for new searches, for a day", true,
		verb_relay_hold},
	{"relay release RELAY", "use it again", true, verb_relay_release},
	{"port stop NAME",
		"take an interface's port out of service: routers are told, tunnels move away",
		true, verb_port_stop},
	{"port start NAME", "put it back", true, verb_port_start},
	{"show health [detail]", "whether routers may be led to this box, and why not", true,
		verb_show_health},
	{"check health", "the same for scripts: fails, with the reason, unless it is up", false,
		verb_check_health},
	{"drain", "out of service without loss: others take over first", true, verb_drain},
	{"undrain", "back in service", true, verb_undrain},
	{"explain SOURCE GROUP", "the walk of a channel, and what is wrong with it", true,
		verb_explain},
	{"resolve SOURCE", "the relays that DNS offers for a source, in their order, and why", true,
		verb_resolve},
	{"resolve record SOURCE relay RELAY [precedence NUMBER] [ttl SECONDS] "
	 "[discovery-optional]",
		"the lines of a zone file that name a relay for a source", true,
		verb_resolve_record},
	{"trace SOURCE GROUP", "what happens to a channel, as it happens, until ^C", false,
		verb_trace},
	{"trace stop", "end all traces, of every session", false, verb_trace_stop},
	{"capture start FILE [port NAME] [limit COUNT] [packets] [octets] [seconds] "
	 "[snaplen OCTETS] [force]",
		"frames to a pcap file: all, or of one port; limit 1000 packets", true,
		verb_capture_start},
	{"capture start FILE tunnel RELAY [port NUMBER] [limit COUNT] [packets] [octets] [seconds] "
	 "[snaplen OCTETS] [force]",
		"the same of the tunnels to a relay, or of the one at this port of ours", true,
		verb_capture_start_tunnel},
	{"capture start FILE channel SOURCE GROUP [limit COUNT] [packets] [octets] [seconds] "
	 "[snaplen OCTETS] [force]",
		"the same of the data of a channel, in its tunnel and native", true,
		verb_capture_start_channel},
	{"capture stop", "end it; what was captured is written to its end", true,
		verb_capture_stop},
	{"show capture", "the capture that runs, or the last one", true, verb_show_capture},
	{"show traces", "traces that run, their lines and those lost", true, verb_show_traces},
	{"rebalance", "move tunnels from busy workers to idle ones", true, verb_rebalance},
	{"rebalance dry-run", "what rebalance would move", true, verb_rebalance_dry_run},
	{"reload", "read the configuration again, do what is different in it", true, verb_reload},
	{"reload check", "what reload would do", true, verb_reload_check},
	{"show reload", "reloads and saves: how many, failures, the last error", true,
		verb_show_reload},
	{"save", "write the configuration that runs to its file", true, verb_save},
	{"save FILE", "write it to another file", true, verb_save},
	{"watch SECONDS COMMAND",
		"a show command again and again, until a key is pressed; as its [watch SECONDS]",
		false, NULL},
	{"help", "every command", true, verb_help},
	{"help TOPIC", "the commands that begin so, or name it", true, verb_help},
	{"help TOPIC NOUN", "the same, with two words", true, verb_help},
	{"quit", "end the session; inletd goes on", false, verb_quit},
	{"exit", "the same", false, verb_quit},
	{0},
};

// What the words mean that are not a whole command.
static const struct {
	const char *word, *help;
} words[] = {
	{"show", "look at the appliance"},
	{"add", "want a channel by hand"},
	{"clear", "begin to count anew"},
	{"set", "change a setting until inletd ends"},
	{"log", "levels of the log"},
	{"del", "no longer want it"},
	{"relay", "move sources, hold relays; as a filter: this relay, or a prefix"},
	{"explain", "what is wrong with a channel"},
	{"capture", "frames to a file"},
	{"tunnel", "tunnels to a relay"},
	{"limit", "ends by itself: limit 1000 packets"},
	{"packets", "the limit is one of frames"},
	{"octets", "the limit is one of octets in the file"},
	{"seconds", "the limit is one of time"},
	{"snaplen", "so many octets of each frame at most"},
	{"force", "overwrite a capture that is there"},
	{"trace", "what happens to a channel, as it happens"},
	{"watch", "repeat until a key is pressed"},
	{"--json", "as JSON: an array of objects"},
	{"detail", "every column, a block a row"},
	{"source", "only this source, or a prefix"},
	{"group", "only this group, or a prefix"},
	{"port", "ports in and out of service; as a filter: only this interface"},
	{"interface", "only this interface"},
	{"state", "only those in this state"},
	{"by", "only those that this asks for: pim, igmp, static, joinfile"},
	{"held", "only those held down"},
	{"reload", "the configuration file, read again"},
	{"save", "write the configuration that runs to a file"},
	{"check", "look, and change nothing"},
	{"health", "whether routers may be led here"},
	{"drain", "take this box out of service"},
	{"undrain", "put it back"},
	{"worker", "only this worker"},
	{"room", "only this part of inletd"},
	{"to", "this relay, not the best of the others"},
	{"channel", "a channel: source and group"},
	{"resolve", "relays in DNS"},
	{"record", "what to publish in DNS"},
	{"precedence", "lower is tried first; 10"},
	{"ttl", "seconds; 3600"},
	{"discovery-optional", "the D bit: a gateway may leave out the Discovery"},
	{"rebalance", "tunnels and workers"},
	{"help", "commands by their first words"},
};

const char *verb_word_help(const char *word)
{
	for (size_t i = 0; i < RTE_DIM(words); i++)
		if (strcmp(words[i].word, word) == 0)
			return words[i].help;
	return NULL;
}

void *verb_work(struct verb_ctx *v, size_t size)
{
	v->work = calloc(1, size);
	v->work_free = free;
	if (!v->work)
		snprintf(v->refused, sizeof(v->refused), "out of memory");
	return v->work;
}

bool verb_address(struct verb_ctx *v, const char *what, const char *text, struct addr *out)
{
	if (text && addr_parse(text, out) == 0)
		return true;
	snprintf(v->refused, sizeof(v->refused), "%s %s is not an address", what, text ? text : "");
	return false;
}

void verb_show_version(struct verb_ctx *v)
{
	static const struct render_column columns[] = {
		{"version", RENDER_LEFT}, {"dpdk", RENDER_LEFT}, {"up_time", RENDER_LEFT},
		{"counters_cleared", RENDER_LEFT}, // how long ago
	};

	render_table_begin(v->r, "versions", columns, RTE_DIM(columns));
	render_text(v->r, v->o->version);
	render_text(v->r, rte_version());
	render_span_us(v->r, verb_age_us(v, v->o->start_us));
	if (baseline_at_us(v->o->baseline))
		render_span_us(v->r, verb_age_us(v, baseline_at_us(v->o->baseline)));
	else
		render_none(v->r);
	render_table_end(v->r);
}

// Whether a word of the verb begins like the topic.
static bool has_word(const char *text, const char *topic)
{
	size_t len = strlen(topic);

	for (const char *p = text; *p; p++) {
		if ((p == text || strchr(" [|", p[-1])) && strncmp(p, topic, len) == 0)
			return true;
	}
	return false;
}

static bool is_about(const struct verb *verb, const char *const *topics)
{
	return (!topics[0] || has_word(verb->words, topics[0])) &&
	       (!topics[1] || has_word(verb->words, topics[1]));
}

void verb_help(struct verb_ctx *v)
{
	static const struct render_column columns[] = {
		{"command", RENDER_LEFT},
		{"what", RENDER_LEFT},
	};
	char text[240];
	unsigned int n = 0;

	for (const struct verb *verb = verbs; verb->words; verb++)
		n += is_about(verb, v->args);
	if (n == 0) {
		snprintf(v->refused, sizeof(v->refused), "no command has the word %.60s%s%.60s",
			v->args[0], v->args[1] ? " and " : "", v->args[1] ? v->args[1] : "");
		return;
	}
	render_table_begin(v->r, "commands", columns, RTE_DIM(columns));
	for (const struct verb *verb = verbs; verb->words; verb++) {
		if (!is_about(verb, v->args))
			continue;
		snprintf(text, sizeof(text), "%s%s%s", verb->words,
			strncmp(verb->words, "show ", 5) == 0 ? " [watch SECONDS]" : "",
			verb->json ? " [--json]" : "");
		render_text(v->r, text);
		render_text(v->r, verb->help);
	}
	render_table_end(v->r);
}

void verb_quit(struct verb_ctx *v)
{
	v->quit = true;
}
