// SPDX-License-Identifier: BSD-3-Clause
// Values that are one of a few words, and the text of all kinds of values.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/config_internal.h"

#define REFUSAL_PREFIX "not one of "

// The enum's value is the word's place in the list. A list may begin later than at 0.
static int word_value(const char *text, unsigned int *field, const char *const *words, size_t n,
	char why[SCHEMA_WHY_LEN])
{
	size_t len = strlen(REFUSAL_PREFIX);

	for (size_t i = 0; i < n; i++) {
		if (words[i] && strcmp(text, words[i]) == 0) {
			*field = (unsigned int)i;
			return 0;
		}
	}
	memcpy(why, REFUSAL_PREFIX, len + 1);
	for (size_t i = 0; i < n; i++) {
		if (words[i])
			len += (size_t)snprintf(why + len, SCHEMA_WHY_LEN - len, "%s%s", words[i],
				i + 1 < n ? ", " : "");
	}
	return -EINVAL;
}

static void word_text(
	const void *field, const char *const *words, size_t n, char out[CONFIG_VALUE_LEN])
{
	unsigned int i;

	memcpy(&i, field, sizeof(i));
	snprintf(out, CONFIG_VALUE_LEN, "%s", i < n && words[i] ? words[i] : "");
}

// A list of words, and with it both directions of a key.
#define WORDS(name, ...)                                                                           \
	static const char *const words_##name[] = {__VA_ARGS__};                                   \
	int value_##name(const char *text, void *field, char why[SCHEMA_WHY_LEN])                  \
	{                                                                                          \
		return word_value(text, field, words_##name,                                       \
			sizeof(words_##name) / sizeof(words_##name[0]), why);                      \
	}                                                                                          \
	void text_##name(const void *field, char out[CONFIG_VALUE_LEN])                            \
	{                                                                                          \
		word_text(                                                                         \
			field, words_##name, sizeof(words_##name) / sizeof(words_##name[0]), out); \
	}

WORDS(log_level, [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARN] = "warn", [LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug")
WORDS(log_format, [LOG_FORMAT_TEXT] = "text", [LOG_FORMAT_JSON] = "json")
WORDS(memory, [MEMORY_AUTO] = "auto", [MEMORY_HUGEPAGES] = "hugepages",
	[MEMORY_NO_HUGE] = "no-huge", [MEMORY_SHARED] = "shared")
WORDS(idle, [CONFIG_IDLE_AUTO] = "auto", [CONFIG_IDLE_POLL] = "poll", [CONFIG_IDLE_SLEEP] = "sleep")
WORDS(role, [IF_UPSTREAM] = "upstream", [IF_DOWNSTREAM] = "downstream", [IF_BOTH] = "both")
WORDS(pim_mode, [CONFIG_PIM_SPEAK] = "speak", [CONFIG_PIM_WATCH] = "watch",
	[CONFIG_PIM_OFF] = "off")
WORDS(spread, [CONFIG_SPREAD_AUTO] = "auto", [CONFIG_SPREAD_OFF] = "off",
	[CONFIG_SPREAD_TUNNEL] = "tunnel", [CONFIG_SPREAD_CHANNEL] = "channel")
WORDS(families, [CONFIG_IPV4] = "ipv4", [CONFIG_IPV6] = "ipv6", [CONFIG_BOTH] = "both")
WORDS(discovery, [DISCOVERY_DNS_SD] = "dns-sd", [DISCOVERY_ANYCAST] = "anycast",
	[DISCOVERY_DRIAD] = "driad")
WORDS(dnssec, [DNSSEC_OFF] = "off", [DNSSEC_PERMISSIVE] = "permissive",
	[DNSSEC_REQUIRE] = "require")

// A bool whose words say what is done.
int value_fragments(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	static const char *const words[] = {"reassemble", "drop"};
	unsigned int i;
	int ret = word_value(text, &i, words, sizeof(words) / sizeof(words[0]), why);

	if (ret == 0)
		*(bool *)field = i == 0;
	return ret;
}

void text_fragments(const void *field, char out[CONFIG_VALUE_LEN])
{
	snprintf(out, CONFIG_VALUE_LEN, "%s", *(const bool *)field ? "reassemble" : "drop");
}

void text_string(const void *field, char out[CONFIG_VALUE_LEN])
{
	snprintf(out, CONFIG_VALUE_LEN, "%.*s", CONFIG_VALUE_LEN - 1, (const char *)field);
}

void text_state_file(const void *field, char out[CONFIG_VALUE_LEN])
{
	text_string(*(const char *)field ? field : "none", out);
}

void text_addr(const void *field, char out[CONFIG_VALUE_LEN])
{
	char text[ADDR_STRLEN];

	snprintf(out, CONFIG_VALUE_LEN, "%s", addr_format(field, text));
}

void text_prefix(const void *field, char out[CONFIG_VALUE_LEN])
{
	char text[PREFIX_STRLEN];

	snprintf(out, CONFIG_VALUE_LEN, "%s", prefix_format(field, text));
}

void text_if_addr(const void *field, char out[CONFIG_VALUE_LEN])
{
	const struct config_addr *a = field;
	char text[ADDR_STRLEN];

	snprintf(out, CONFIG_VALUE_LEN, "%s/%u", addr_format(&a->addr, text), a->len);
}

void text_mac(const void *field, char out[CONFIG_VALUE_LEN])
{
	static const uint8_t none[6];
	const uint8_t *m = field;

	out[0] = '\0';
	if (memcmp(m, none, sizeof(none)) != 0)
		snprintf(out, CONFIG_VALUE_LEN, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
			m[3], m[4], m[5]);
}

void text_resolver(const void *field, char out[CONFIG_VALUE_LEN])
{
	const struct config_resolver *r = field;
	char text[ADDR_STRLEN];

	if (r->port == 53)
		snprintf(out, CONFIG_VALUE_LEN, "%s", addr_format(&r->addr, text));
	else
		snprintf(out, CONFIG_VALUE_LEN, "%s@%u", addr_format(&r->addr, text), r->port);
}

void text_listen(const void *field, char out[CONFIG_VALUE_LEN])
{
	const struct config_listen *l = field;
	char text[ADDR_STRLEN];

	if (addr_is_none(&l->addr))
		snprintf(out, CONFIG_VALUE_LEN, "off");
	else
		snprintf(out, CONFIG_VALUE_LEN, l->addr.family == ADDR_V6 ? "[%s]:%u" : "%s:%u",
			addr_format(&l->addr, text), l->port);
}
