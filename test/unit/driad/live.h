// SPDX-License-Identifier: BSD-3-Clause
// The resolver and the engine against a real NSD, in a network namespace of this process alone.
#ifndef TEST_UNIT_DRIAD_LIVE_H
#define TEST_UNIT_DRIAD_LIVE_H

#include <sys/types.h>

#include "driad/resolver.h"

#define LIVE_PORT 25353

struct event;
struct live {
	char dir[64]; // of NSD's files
	pid_t nsd;
	struct event_base *base;
	struct event *tick;
	struct timers timers;
	struct rng rng;
	struct resolver *resolver;
	struct driad *driad;
	struct driad_result result;
	bool done;
	const char *skip; // why nothing can be done here
};
extern struct live live;

// What NSD's configuration begins with, on 127.0.0.1; %1$s is the directory.
#define LIVE_NSD_CONF                                                                 \
	"server:\n"                                                                   \
	" ip-address: 127.0.0.1@25353\n username: \"\"\n chroot: \"\"\n"              \
	" zonesdir: \"%1$s\"\n database: \"\"\n pidfile: \"%1$s/pid\"\n"              \
	" xfrdfile: \"%1$s/xfrd\"\n zonelistfile: \"%1$s/list\"\n xfrdir: \"%1$s\"\n" \
	" server-count: 1\n"                                                          \
	"remote-control:\n control-enable: no\n"

void live_begin(const char *nsd_conf); // sets live.skip, or writes nsd.conf
int live_end(void);
void live_file(const char *name, const char *format); // %1$s in it is the directory
void live_nsd_start(void);
void live_nsd_stop(void);
// A resolver that asks NSD, and an engine; the ones before go. Its servers are filled in.
void live_resolver(const struct resolver_cfg *cfg, bool require_secure);
void live_resolver_end(void);
void live_ticks(unsigned int n); // of a millisecond
// A callback that sets live.result and live.done.
void live_result(void *arg, const struct driad_result *result, uint64_t now_us);
// Waits for the result.
const struct driad_result *live_look_up(const char *source);

#endif
