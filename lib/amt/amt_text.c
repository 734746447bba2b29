// SPDX-License-Identifier: BSD-3-Clause
#include "amt/amt.h"

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
