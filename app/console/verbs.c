// SPDX-License-Identifier: BSD-3-Clause
// The grammar, and the verbs that have no noun.
#include "console/verb.h"

#include <rte_version.h>

const struct verb verbs[] = {
	{"show ports", "interfaces: link, addresses, counters, mbufs", true, verb_show_ports},
	{"show neighbors", "PIM neighbors downstream", true, verb_show_neighbors},
	{"show pim", "PIM on each downstream interface: DR, joins, Asserts, counters", true,
		verb_show_pim},
	{"show pim joins", "channels of PIM by interface: Join and Assert state", true,
		verb_show_pim_joins},
	{"show igmp", "IGMP and MLD queriers downstream: who queries, timers, counters", true,
		verb_show_igmp},
	{"show igmp memberships", "channels that receivers attached directly want", true,
		verb_show_igmp_memberships},
	{"show mld", "the same of MLD alone", true, verb_show_mld},
	{"show mld memberships", "the same of MLD alone", true, verb_show_mld_memberships},
	{"show channels", "channels wanted: state, reason, relay, packets", true,
		verb_show_channels},
	{"show relays", "candidate relays of each source", true, verb_show_relays},
	{"show tunnels", "AMT tunnels: state, channels, query cycle", true, verb_show_tunnels},
	{"show workers", "worker cores: polls and packets", true, verb_show_workers},
	{"show drops", "drop reasons that have counted", true, verb_show_drops},
	{"show drops all", "every drop reason", true, verb_show_drops_all},
	{"show version", "version and uptime", true, verb_show_version},
	{"show joinfile", "the joinfile that is read and the one that is written", true,
		verb_show_joinfile},
	{"add channel SOURCE GROUP", "want a channel on all downstream interfaces", true,
		verb_add_channel},
	{"add channel SOURCE GROUP interface NAME", "want it on one of them", true,
		verb_add_channel},
	{"del channel SOURCE GROUP", "no longer want a static channel", true, verb_del_channel},
	{"del channel SOURCE GROUP interface NAME", "no longer want it on one interface", true,
		verb_del_channel},
	{"relay move SOURCE", "move a source to another relay, without loss", true,
		verb_relay_move},
	{"relay move SOURCE to RELAY", "move it to this one", true, verb_relay_move},
	{"relay hold RELAY", "do not use a relay for new searches, for a day", true,
		verb_relay_hold},
	{"relay release RELAY", "use it again", true, verb_relay_release},
	{"explain SOURCE GROUP", "the walk of a channel, and what is wrong with it", true,
		verb_explain},
	{"rebalance", "move tunnels from busy workers to idle ones", true, verb_rebalance},
	{"rebalance dry-run", "what rebalance would move", true, verb_rebalance_dry_run},
	{"reload", "read the configuration again, do what is different in it", true, verb_reload},
	{"reload check", "what reload would do", true, verb_reload_check},
	{"show reload", "reloads and saves: how many, failures, the last error", true,
		verb_show_reload},
	{"save", "write the configuration that runs to its file", true, verb_save},
	{"save FILE", "write it to another file", true, verb_save},
	{"help", "this list", false, verb_help},
	{"quit", "end the session", false, verb_quit},
	{0},
};

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
		{"version", RENDER_LEFT},
		{"dpdk", RENDER_LEFT},
		{"uptime", RENDER_LEFT},
	};

	render_table_begin(v->r, "versions", columns, RTE_DIM(columns));
	render_text(v->r, v->o->version);
	render_text(v->r, rte_version());
	render_span_us(v->r, verb_age_us(v, v->o->start_us));
	render_table_end(v->r);
}

void verb_help(struct verb_ctx *v)
{
	static const struct render_column columns[] = {
		{"command", RENDER_LEFT},
		{"what", RENDER_LEFT},
	};
	char words[80];

	render_table_begin(v->r, "commands", columns, RTE_DIM(columns));
	for (const struct verb *verb = verbs; verb->words; verb++) {
		snprintf(words, sizeof(words), "%s%s", verb->words, verb->json ? " [--json]" : "");
		render_text(v->r, words);
		render_text(v->r, verb->help);
	}
	render_table_end(v->r);
}

void verb_quit(struct verb_ctx *v)
{
	v->quit = true;
}
