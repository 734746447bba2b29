// SPDX-License-Identifier: BSD-3-Clause
// resolve record SOURCE relay RELAY: what the sender of a source publishes, as lines of a zone
// file: the AMTRELAY record (RFC 8777 section 4.3) and the same in the generic form of RFC 3597,
// for servers that do not know the type.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console/verb.h"
#include "wire/amtrelay.h"

#define TTL_DEFAULT	   3600
#define PRECEDENCE_DEFAULT 10

static const struct render_column columns[] = {
	{"name", RENDER_LEFT},
	{"ttl", RENDER_RIGHT},
	{"type", RENDER_LEFT},
	{"rdata", RENDER_LEFT},
};

// False, with `refused` filled in, when an option is no number up to max.
static bool number(struct verb_ctx *v, const char *option, unsigned long max, unsigned long *out)
{
	const char *text = verb_option(v, option);
	char *end;

	if (!text)
		return true;
	*out = strtoul(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && *out <= max)
		return true;
	snprintf(v->refused, sizeof(v->refused), "%s %.40s is not a number from 0 to %lu", option,
		text, max);
	return false;
}

static void show_line(struct verb_ctx *v, const char *name, unsigned long ttl, const char *type,
	const char *rdata)
{
	if (!v->r->json) {
		render_line(v->r, "%s %lu IN %s %s", name, ttl, type, rdata);
		return;
	}
	render_text(v->r, name);
	render_u64(v->r, ttl);
	render_text(v->r, type);
	render_text(v->r, rdata);
}

static void show(struct verb_ctx *v, const char *name, unsigned long ttl, const struct amtrelay *rr)
{
	uint8_t rdata[AMTRELAY_RDATA_MAX];
	size_t len = amtrelay_encode(rr, rdata);
	char text[2 * AMTRELAY_RDATA_MAX + 16], addr[ADDR_STRLEN];
	const char *relay = v->args[1];
	int n;

	if (v->r->json)
		render_table_begin(v->r, "records", columns, RTE_DIM(columns));
	if (rr->type == AMTRELAY_IPV4 || rr->type == AMTRELAY_IPV6)
		relay = addr_format(&rr->addr, addr);
	snprintf(text, sizeof(text), "%u %u %u %s%s", rr->precedence,
		rr->discovery_optional ? 1u : 0u, (unsigned int)rr->type, relay,
		rr->type == AMTRELAY_NAME && relay[strlen(relay) - 1] != '.' ? "." : "");
	show_line(v, name, ttl, "AMTRELAY", text);
	n = snprintf(text, sizeof(text), "\\# %zu ", len);
	for (size_t i = 0; i < len; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%02x", rdata[i]);
	show_line(v, name, ttl, "TYPE260", text);
	if (v->r->json)
		render_table_end(v->r);
}

void verb_resolve_record(struct verb_ctx *v)
{
	unsigned long precedence = PRECEDENCE_DEFAULT, ttl = TTL_DEFAULT;
	char name[AMTRELAY_REVERSE_LEN];
	struct amtrelay rr = {0};
	struct addr source;

	if (!verb_address(v, "source", v->args[0], &source) ||
		!number(v, "precedence", UINT8_MAX, &precedence) ||
		!number(v, "ttl", INT32_MAX, &ttl))
		return;
	if (!addr_is_unicast(&source) || amtrelay_reverse_name(&source, name) < 0) {
		snprintf(v->refused, sizeof(v->refused), "source %.60s is not a unicast address",
			v->args[0]);
		return;
	}
	if (!v->args[1] || amtrelay_relay_parse(v->args[1], &rr) < 0 ||
		((rr.type == AMTRELAY_IPV4 || rr.type == AMTRELAY_IPV6) &&
			!addr_is_unicast(&rr.addr))) {
		snprintf(v->refused, sizeof(v->refused),
			"relay %.60s is neither a unicast address nor a host name, nor \".\" for "
			"none",
			v->args[1] ? v->args[1] : "");
		return;
	}
	rr.precedence = (uint8_t)precedence;
	rr.discovery_optional = verb_option(v, "discovery-optional") != NULL;
	show(v, name, ttl, &rr);
}
