// SPDX-License-Identifier: BSD-3-Clause
#include "inletd/health.h"

#include <stdio.h>
#include <string.h>

#include "base/timer.h"

#define ASKS	 3 // in vain before a relay is believed to be away
#define RETRY_US (120 * USEC_PER_SEC)
// A relay that has answered, of which nothing is to come, is left alone for so long.
#define QUIET_US (10 * USEC_PER_SEC)

void health_init(struct observe_health *h, uint64_t now_us)
{
	*h = (struct observe_health){.state = OBSERVE_STARTING, .since_us = now_us};
	for (unsigned int c = 0; c < OBSERVE_HEALTH_CHECKS; c++)
		h->checks[c].since_us = now_us;
}

void health_see(struct observe_health *h, enum observe_health_check c, enum observe_health_is is,
	const char *reason, uint64_t now_us)
{
	if (h->checks[c].is != is)
		h->checks[c].since_us = now_us;
	h->checks[c].is = is;
	snprintf(h->checks[c].reason, sizeof(h->checks[c].reason), "%s", reason ? reason : "");
}

void health_set(struct observe_health *h, enum observe_health_state state, const char *reason,
	uint64_t now_us)
{
	snprintf(h->reason, sizeof(h->reason), "%s", reason ? reason : "");
	if (h->state == state)
		return;
	h->state = state;
	h->since_us = now_us;
	h->changes++;
}

static int first_bad(const struct observe_health *h)
{
	for (int c = 0; c < OBSERVE_HEALTH_CHECKS; c++)
		if (h->checks[c].is == OBSERVE_BAD)
			return c;
	return -1;
}

bool health_settle(struct observe_health *h, uint64_t up_after_us, uint64_t now_us)
{
	enum observe_health_state was = h->state;
	int bad = first_bad(h);
	char text[OBSERVE_HEALTH_REASON];

	if (bad >= 0)
		h->good_us = 0;
	else if (h->good_us == 0)
		h->good_us = now_us;
	if (was > OBSERVE_DOWN)
		return false;
	if (bad >= 0) {
		snprintf(text, sizeof(text), "%s: %.100s",
			observe_health_check_word((enum observe_health_check)bad),
			h->checks[bad].reason);
		health_set(h, was == OBSERVE_STARTING ? was : OBSERVE_DOWN, text, now_us);
	} else if (now_us - h->good_us >= up_after_us) {
		health_set(h, OBSERVE_UP, NULL, now_us);
	} else if (was != OBSERVE_UP) {
		health_set(h, was, "good, but not for long enough", now_us);
	}
	return h->state != was;
}

int health_workers_stuck(struct health_workers *hw, const uint64_t *polls, unsigned int n,
	uint64_t timeout_us, uint64_t now_us)
{
	int stuck = -1;

	for (unsigned int w = 0; w < n && w < HEALTH_MAX_WORKERS; w++) {
		if (polls[w] != hw->polls[w] || hw->moved_us[w] == 0) {
			hw->polls[w] = polls[w];
			hw->moved_us[w] = now_us;
		} else if (now_us - hw->moved_us[w] >= timeout_us && stuck < 0) {
			stuck = (int)w;
		}
	}
	return stuck;
}

static void relays_heard(struct health_relays *hr, uint64_t now_us)
{
	hr->heard_us = now_us;
	hr->asked = 0;
	hr->bad = false;
}

// Whether what is asked may say that nobody is there.
static void relays_judge(struct health_relays *hr, const struct health_relays_seen *seen,
	uint64_t timeout_us, uint64_t now_us)
{
	bool asked = hr->asked >= ASKS && now_us - hr->asked_us >= timeout_us * 2 / 3;

	if (!hr->bad && asked && now_us - hr->heard_us >= timeout_us) {
		hr->bad = true;
		hr->bad_us = now_us;
	} else if (hr->bad && !seen->always && seen->wanted == 0 &&
		   now_us - hr->bad_us >= RETRY_US) {
		relays_heard(hr, now_us);
		hr->n_served = 0;
	}
	if (seen->wanted > 0)
		hr->bad_us = now_us;
}

enum observe_health_is health_relays_look(struct health_relays *hr,
	const struct health_relays_seen *seen, uint64_t timeout_us, uint64_t now_us, bool *ask)
{
	bool packets = seen->packets != hr->packets, answers = seen->answers != hr->answers;
	bool known = hr->n_served > 0 || seen->always;
	uint64_t gap_us = timeout_us / ASKS;

	*ask = false;
	hr->packets = seen->packets;
	hr->answers = seen->answers;
	if (packets || answers || hr->heard_us == 0) {
		relays_heard(hr, now_us);
		hr->silent = !packets;
	}
	if (!known)
		return OBSERVE_UNKNOWN;
	if (!seen->always && seen->wanted == 0 && !hr->bad) {
		relays_heard(hr, now_us); // nobody is missing anything
		return OBSERVE_UNKNOWN;
	}
	relays_judge(hr, seen, timeout_us, now_us);
	if (now_us - hr->heard_us < (hr->silent && !seen->always ? QUIET_US : gap_us))
		return OBSERVE_GOOD;
	if (now_us >= hr->due_us) {
		*ask = true;
		hr->due_us = now_us + gap_us;
		if (hr->asked++ == 0)
			hr->asked_us = now_us;
	}
	return hr->bad ? OBSERVE_BAD : OBSERVE_GOOD;
}

void health_relays_served(struct health_relays *hr, const struct addr *relay)
{
	for (unsigned int i = 0; i < hr->n_served; i++)
		if (addr_eq(&hr->served[i], relay))
			return;
	hr->served[hr->next++ % HEALTH_RELAYS] = *relay;
	if (hr->n_served < HEALTH_RELAYS)
		hr->n_served++;
}
