// SPDX-License-Identifier: BSD-3-Clause
#include "amt/amt.h"

#include <stdio.h>
#include <string.h>

const char *const amt_drop_names[AMT_DROP_COUNT] = {
#define X(name, text) [AMT_DROP_##name] = #name,
	AMT_DROP_LIST(X)
#undef X
};

const char *const amt_drop_texts[AMT_DROP_COUNT] = {
#define X(name, text) [AMT_DROP_##name] = text,
	AMT_DROP_LIST(X)
#undef X
};

const char *amt_tunnel_state_name(enum amt_tunnel_state s)
{
	switch (s) {
	case AMT_REQUESTING:
		return "requesting";
	case AMT_UP:
		return "up";
	case AMT_FAILED:
		return "failed";
	case AMT_IDLE:
		return "idle";
	}
	return "-";
}

const char *const amt_quirk_names[AMT_QUIRK_COUNT] = {
#define X(name, text, what) [AMT_QUIRK_INDEX_##name] = text,
	AMT_QUIRK_LIST(X)
#undef X
};

const char *amt_quirks_format(unsigned int quirks, char buf[AMT_QUIRKS_STRLEN])
{
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned int i = 0; i < AMT_QUIRK_COUNT; i++) {
		if (quirks & 1u << i)
			len += (size_t)snprintf(buf + len, AMT_QUIRKS_STRLEN - len, "%s%s",
				len ? " " : "", amt_quirk_names[i]);
	}
	return buf;
}

unsigned int amt_quirk_parse(const char *name)
{
	for (unsigned int i = 0; i < AMT_QUIRK_COUNT; i++) {
		if (strcmp(name, amt_quirk_names[i]) == 0)
			return 1u << i;
	}
	return 0;
}
