// SPDX-License-Identifier: BSD-3-Clause
// Metrics over HTTP, on the control loop's event base: GET /metrics. A page is made and sent in
// slices, one slice a turn of the loop whoever asks, and a client that does not read is not waited
// for. One request a connection.
//
// The server is this and not libevent's evhttp (2.1), which can limit neither how many connections
// there are nor how long a request may trickle in, and takes the text of a client that does not
// read.
#ifndef METRICS_SERVER_H
#define METRICS_SERVER_H

#include "config/config.h"
#include "metrics/page.h"
#include "observe/observe.h"

struct event_base;
struct metrics_server;

#define METRICS_ERR_LEN 256

struct metrics_limits {
	unsigned int clients;	 // at one time; one more is told 503
	unsigned int request_ms; // until the whole request is there
	unsigned int answer_ms;	 // until all of the answer is taken
	unsigned int slice_us;	 // of the control loop's time, a turn
	size_t pending;		 // octets written and not sent, at which a page waits
};
extern const struct metrics_limits metrics_limits_default;

// Listens at an address and port. o and stats live as long as the server; stats is written by it.
// NULL with one line in err.
struct metrics_server *metrics_server_open(struct event_base *base, const struct config_listen *at,
	const struct page_cfg *cfg, const struct observe *o, struct observe_scrapes *stats,
	char err[METRICS_ERR_LEN]);
struct metrics_server *metrics_server_open_limited(struct event_base *base,
	const struct config_listen *at, const struct page_cfg *cfg, const struct observe *o,
	struct observe_scrapes *stats, const struct metrics_limits *limits,
	char err[METRICS_ERR_LEN]);
void metrics_server_close(struct metrics_server *s);

#endif
