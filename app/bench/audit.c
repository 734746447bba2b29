// SPDX-License-Identifier: BSD-3-Clause
#include "bench/audit.h"

#include <errno.h>
#include <stdlib.h>

#include "bench/updater.h"

#define BURSTS	 32   // a round, of each product
#define CHANNELS 4096 // of the mixed product
#define TUNNELS	 64
#define PAYLOAD	 1400
#define RATE	 500000 // of the waves in its table

struct audit {
	struct product *mixed;
	struct checker *mixed_checker;
	struct updater *waves;
	struct lane still, churned; // the mixed product's, without and with waves
	// Of a case.
	struct decap_result *result;
	struct feed *feed;
	struct lane lane; // the subject's, with hits
	struct checker *checker;
	struct sequence *sequence; // NULL: the frames have no room for a number
};

struct audit *audit_create(struct crossing *crossing)
{
	static const struct feed_shape shape = {
		.channels = CHANNELS, .tunnels = TUNNELS, .payload = PAYLOAD, .family = FEED_MIXED};
	static const struct product_cfg cfg = {.mixed = true};
	static const struct updater_cfg waves = {.rate = RATE, .waves = true};
	struct audit *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->mixed = product_create(&shape, &cfg, crossing);
	if (!a->mixed)
		goto fail;
	a->mixed_checker = checker_create(a->mixed, PAYLOAD, 3);
	a->waves = updater_create(a->mixed, &waves);
	if (!a->mixed_checker || !a->waves)
		goto fail;
	a->still = (struct lane){.state = a->mixed,
		.begin_cb = product_begin,
		.burst_cb = product_burst,
		.end_cb = product_end};
	a->churned = (struct lane){.state = a->waves,
		.begin_cb = updater_begin,
		.burst_cb = updater_burst,
		.end_cb = updater_end};
	return a;
fail:
	audit_destroy(a);
	return NULL;
}

void audit_destroy(struct audit *a)
{
	if (!a)
		return;
	checker_destroy(a->mixed_checker);
	updater_destroy(a->waves);
	product_destroy(a->mixed);
	free(a);
}

int audit_case_begin(struct audit *a, struct decap_result *r, struct product *p, struct feed *f)
{
	a->result = r;
	a->feed = f;
	a->lane = r->lanes[0];
	a->lane.shape.traffic = FEED_HITS;
	a->checker = checker_create(p, r->c.shape.payload, 2);
	if (!a->checker)
		return -ENOMEM;
	if (r->c.shape.payload < FEED_NUMBERED || r->c.shape.replay)
		return 0;
	a->sequence = sequence_create(&a->lane, p);
	return a->sequence ? 0 : -ENOMEM;
}

void audit_round_cb(void *arg)
{
	struct audit *a = arg;
	struct decap_result *r = a->result;

	checker_run(a->checker, &a->lane, BURSTS, &r->check);
	checker_run(a->mixed_checker, r->c.updates ? &a->churned : &a->still, BURSTS, &r->check);
	if (a->sequence)
		sequence_run(a->sequence, a->feed, &r->sequence);
}

void audit_case_end(struct audit *a)
{
	checker_counters(a->mixed_checker, &a->result->check);
	a->result->lost += updater_failed(a->waves);
	checker_destroy(a->checker);
	sequence_destroy(a->sequence);
	a->checker = NULL;
	a->sequence = NULL;
}
