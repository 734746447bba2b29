// SPDX-License-Identifier: BSD-3-Clause
// What can be set at start (--NAME VALUE) and while running (ctl PATH NAME VALUE).
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"

enum kind { SWITCH, NUMBER, OCTET, ADDRESS, QUIRK };

static const struct setting {
	const char *name;
	enum kind kind;
	size_t offset; // in struct relay_options
	uint32_t min, max;
	const char *help;
} settings[] = {
#define AT(member) offsetof(struct relay_options, member)
	{"refuse", SWITCH, AT(refuse), 0, 0,
		"ignore Requests and Updates; endpoints already there are served"},
	{"silent", SWITCH, AT(silent), 0, 0, "ignore everything, forward nothing"},
	{"mute", SWITCH, AT(mute), 0, 0, "answer, but forward no data"},
	{"drop-updates", SWITCH, AT(drop_updates), 0, 0, "ignore Updates"},
	{"limit", SWITCH, AT(limit), 0, 0, "set the L flag in Queries"},
	{"gateway", SWITCH, AT(gateway), 0, 0,
		"set the G flag and gateway fields in Queries, accept Teardown"},
	{"discovery", SWITCH, AT(discovery), 0, 0, "answer Discovery"},
	{"igmp", SWITCH, AT(igmp), 0, 0, "answer Requests for IGMPv3"},
	{"mld", SWITCH, AT(mld), 0, 0, "answer Requests for MLDv2"},
	{"quirk", QUIRK, AT(quirks), 0, 0,
		"do this against the RFC too, as relays in the field do; below"},
	{"advertise", ADDRESS, AT(advertise), 0, 0,
		"address in Advertisements; \"self\" for the relay's own"},
	{"query-interval", NUMBER, AT(query_interval_s), 0, 31744,
		"seconds, in Queries as QQIC; 0 is for tests"},
	{"query-response", NUMBER, AT(query_response_s), 1, 3600,
		"seconds added to the life of memberships"},
	{"qrv", OCTET, AT(qrv), 0, 7, "robustness in Queries; 0 is for tests"},
	{"membership", NUMBER, AT(membership_s), 0, 86400,
		"life of a membership in seconds; 0: qrv * query-interval + query-response"},
	{"secret-life", NUMBER, AT(secret_s), 0, 86400,
		"seconds to a new secret, counted from the last; 0: never"},
	{"max-endpoints", NUMBER, AT(max_endpoints), 0, 1000000,
		"endpoints of one relay; L is set when reached"},
	{"max-per-address", NUMBER, AT(max_per_addr), 0, 65535, "endpoints of one gateway address"},
	{"max-joins", NUMBER, AT(max_joins), 0, 1000000, "channels of one endpoint"},
#undef AT
};

#define N_SETTINGS (sizeof(settings) / sizeof(settings[0]))

const char *setting_name(unsigned int i)
{
	return i < N_SETTINGS ? settings[i].name : NULL;
}

static int set_switch(const char *value, bool *out)
{
	if (strcmp(value, "on") == 0)
		*out = true;
	else if (strcmp(value, "off") == 0)
		*out = false;
	else
		return -EINVAL;
	return 0;
}

static int set_number(const struct setting *st, const char *value, uint32_t *out)
{
	char *end;
	unsigned long n;

	if (*value < '0' || *value > '9')
		return -EINVAL;
	errno = 0;
	n = strtoul(value, &end, 10);
	if (errno || *end || n < st->min || n > st->max)
		return -EINVAL;
	*out = (uint32_t)n;
	return 0;
}

static int set_address(const char *value, struct addr *out)
{
	struct addr a = {0};

	if (strcmp(value, "self") != 0 && addr_parse(value, &a) < 0)
		return -EINVAL;
	*out = a;
	return 0;
}

static const struct quirk {
	const char *name, *what;
} quirks[] = {
#define X(name, text, what) [AMT_QUIRK_INDEX_##name] = {text, what},
	AMT_QUIRK_LIST(X)
#undef X
};

static int set_quirk(const char *value, unsigned int *out)
{
	if (strcmp(value, "none") == 0) {
		*out = 0;
		return 0;
	}
	for (unsigned int i = 0; i < AMT_QUIRK_COUNT; i++) {
		if (strcmp(value, quirks[i].name) == 0) {
			*out |= 1u << i;
			return 0;
		}
	}
	return -EINVAL;
}

static void print_quirks(FILE *out, unsigned int set)
{
	const char *comma = "";

	fputc('[', out);
	for (unsigned int i = 0; i < AMT_QUIRK_COUNT; i++) {
		if (!(set & 1u << i))
			continue;
		fprintf(out, "%s\"%s\"", comma, quirks[i].name);
		comma = ",";
	}
	fputc(']', out);
}

static int set(const struct setting *st, void *at, const char *value)
{
	uint32_t n;
	int ret;

	switch (st->kind) {
	case SWITCH:
		return set_switch(value, at);
	case ADDRESS:
		return set_address(value, at);
	case QUIRK:
		return set_quirk(value, at);
	case NUMBER:
		return set_number(st, value, at);
	case OCTET:
		ret = set_number(st, value, &n);
		if (ret == 0)
			*(uint8_t *)at = (uint8_t)n;
		return ret;
	}
	return -EINVAL;
}

int setting_apply(
	struct relay_options *opt, const char *name, const char *value, char *err, size_t err_size)
{
	for (size_t i = 0; i < N_SETTINGS; i++) {
		const struct setting *st = &settings[i];

		if (strcmp(name, st->name) != 0)
			continue;
		if (value && set(st, (char *)opt + st->offset, value) == 0)
			return 0;
		if (st->kind == SWITCH)
			snprintf(err, err_size, "%s takes on or off", name);
		else if (st->kind == QUIRK)
			snprintf(err, err_size, "%s takes the name of one, or none", name);
		else if (st->kind == ADDRESS)
			snprintf(err, err_size, "%s takes an address or self", name);
		else
			snprintf(err, err_size, "%s takes a number from %" PRIu32 " to %" PRIu32,
				name, st->min, st->max);
		return -EINVAL;
	}
	return -ENOENT;
}

void settings_help(FILE *out)
{
	static const char *const values[] = {"on|off", "N", "N", "ADDR|self", "NAME|none"};

	for (size_t i = 0; i < N_SETTINGS; i++)
		fprintf(out, "  %-15s %-9s  %s\n", settings[i].name, values[settings[i].kind],
			settings[i].help);
	fprintf(out, "\nQuirks (each command adds one, none ends all):\n\n");
	for (unsigned int i = 0; i < AMT_QUIRK_COUNT; i++)
		fprintf(out, "  %-15s %s\n", quirks[i].name, quirks[i].what);
}

void settings_status(const struct relay_options *opt, FILE *out)
{
	for (size_t i = 0; i < N_SETTINGS; i++) {
		const struct setting *st = &settings[i];
		const void *at = (const char *)opt + st->offset;
		char text[ADDR_STRLEN];

		fprintf(out, "%s\"%s\":", i ? "," : "{", st->name);
		switch (st->kind) {
		case SWITCH:
			fputs(*(const bool *)at ? "true" : "false", out);
			break;
		case NUMBER:
			fprintf(out, "%" PRIu32, *(const uint32_t *)at);
			break;
		case OCTET:
			fprintf(out, "%u", *(const uint8_t *)at);
			break;
		case QUIRK:
			print_quirks(out, *(const unsigned int *)at);
			break;
		case ADDRESS:
			fprintf(out, "\"%s\"", addr_is_none(at) ? "self" : addr_format(at, text));
			break;
		}
	}
	fputc('}', out);
}
