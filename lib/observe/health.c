// SPDX-License-Identifier: BSD-3-Clause
// The words of health.
#include "observe/observe.h"

const char *observe_health_check_word(enum observe_health_check c)
{
	static const char *const words[] = {
#define X(name, word, text) word,
		OBSERVE_HEALTH_LIST(X)
#undef X
	};

	return words[c];
}

const char *observe_health_check_text(enum observe_health_check c)
{
	static const char *const texts[] = {
#define X(name, word, text) text,
		OBSERVE_HEALTH_LIST(X)
#undef X
	};

	return texts[c];
}

const char *observe_health_state_word(enum observe_health_state s)
{
	static const char *const words[] = {
		[OBSERVE_STARTING] = "starting",
		[OBSERVE_UP] = "up",
		[OBSERVE_DOWN] = "down",
		[OBSERVE_DRAINING] = "draining",
		[OBSERVE_DRAINED] = "drained",
		[OBSERVE_STOPPING] = "stopping",
	};

	return words[s];
}

const char *observe_health_is_word(enum observe_health_is is)
{
	return is == OBSERVE_GOOD ? "good" : is == OBSERVE_BAD ? "bad" : "unknown";
}
