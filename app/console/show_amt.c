// SPDX-License-Identifier: BSD-3-Clause
// show amt: the messages of the gateway, all tunnels together (gateway-message-statistics of
// draft-ietf-mboned-amt-yang).
#include <time.h>

#include "amt/amt.h"
#include "base/log_text.h"
#include "base/timer.h"
#include "console/baseline.h"
#include "console/verb.h"

static const struct render_column columns[] = {
	{"received_relay_advertisement", RENDER_RIGHT}, {"received_membership_query", RENDER_RIGHT},
	{"sent_relay_discovery", RENDER_RIGHT}, {"sent_request", RENDER_RIGHT},
	{"sent_membership_update", RENDER_RIGHT}, {"sent_teardown", RENDER_RIGHT},
	{"send_errors", RENDER_RIGHT}, // messages that the kernel did not take
	{"dropped", RENDER_RIGHT},     // messages received and not used: `show drops room amt`
	{"discontinuity_time", RENDER_LEFT}, // from when on it is counted
};

static void show_since(struct verb_ctx *v)
{
	uint64_t cleared_us = baseline_at_us(v->o->baseline);
	uint64_t age_us = verb_age_us(v, cleared_us ? cleared_us : v->o->start_us);
	char stamp[LOG_STAMP_LEN];
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec -= (time_t)(age_us / 1000000);
	log_text_stamp(&at, stamp);
	render_text(v->r, stamp);
}

void verb_show_amt(struct verb_ctx *v)
{
	struct amt_stats s = {0};
	uint64_t dropped = 0;

	if (v->o->amt)
		baseline_since(v, BASELINE_AMT, 0, amt_gateway_stats(v->o->amt), &s, sizeof(s));
	for (unsigned int i = 0; i < AMT_DROP_COUNT; i++)
		dropped += s.drops[i];
	render_table_begin(v->r, "gateways", columns, RTE_DIM(columns));
	render_u64(v->r, s.advertisement_rx);
	render_u64(v->r, s.query_rx);
	render_u64(v->r, s.discovery_tx);
	render_u64(v->r, s.request_tx);
	render_u64(v->r, s.update_tx);
	render_u64(v->r, s.teardown_tx);
	render_u64(v->r, s.send_errors);
	render_u64(v->r, dropped);
	show_since(v);
	render_table_end(v->r);
}
