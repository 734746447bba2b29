// SPDX-License-Identifier: BSD-3-Clause
// Data that reaches the gateways late, as by a longer way: what --delay-ms is for.
#include <stdlib.h>
#include <string.h>

#include "app.h"

struct delayed {
	STAILQ_ENTRY(delayed) link;
	uint64_t due_us;
	struct addr dst;
	uint16_t port;
	uint8_t ecn;
	size_t len;
	uint8_t buf[];
};

static void delay_arm(struct server *s)
{
	const struct delayed *d = STAILQ_FIRST(&s->delayed);

	if (d && !timer_armed(&s->delay))
		timer_arm(&s->app->timers, &s->delay, d->due_us);
}

static void delay_cb(struct timer *t, void *arg, uint64_t now_us)
{
	struct server *s = arg;
	struct delayed *d, *sent[APP_BATCH];
	unsigned int n;

	(void)t;
	do {
		for (n = 0; n < APP_BATCH && (d = STAILQ_FIRST(&s->delayed)) && d->due_us <= now_us;
			n++) {
			STAILQ_REMOVE_HEAD(&s->delayed, link);
			server_queue(s, &d->dst, d->port, d->ecn, d->buf, d->len);
			sent[n] = d;
		}
		server_flush(s);
		for (unsigned int i = 0; i < n; i++)
			free(sent[i]);
	} while (n == APP_BATCH);
	delay_arm(s);
}

void delay_init(struct server *s)
{
	STAILQ_INIT(&s->delayed);
	timer_init(&s->delay, delay_cb, s);
}

void delay_fini(struct server *s)
{
	struct delayed *d;

	timer_cancel(&s->app->timers, &s->delay);
	while ((d = STAILQ_FIRST(&s->delayed))) {
		STAILQ_REMOVE_HEAD(&s->delayed, link);
		free(d);
	}
}

void delay_data(struct server *s, const struct addr *dst, uint16_t port, uint8_t ecn,
	const uint8_t *buf, size_t len)
{
	struct delayed *d = malloc(sizeof(*d) + len);

	if (!d) {
		s->send_errors++;
		return;
	}
	d->due_us = clock_mono_us() + s->app->delay_ms * USEC_PER_MSEC;
	d->dst = *dst;
	d->port = port;
	d->ecn = ecn;
	d->len = len;
	memcpy(d->buf, buf, len);
	STAILQ_INSERT_TAIL(&s->delayed, d, link);
	delay_arm(s);
}
