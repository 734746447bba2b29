// SPDX-License-Identifier: BSD-3-Clause
// What may be looked at: read-only pointers to the rooms, put together by boot. The console and the
// metrics read from here only, on the control thread.
#ifndef OBSERVE_OBSERVE_H
#define OBSERVE_OBSERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "crossing/crossing.h"

struct amt_gateway;
struct channels;
struct driad;
struct holddown;
struct kif;
struct mfib;
struct pim_if;
struct port;

// An interface; its place in the array is our interface index (bit i of an oif set).
struct observe_if {
	const char *name;
	const char *device;
	uint16_t vlan; // 0: untagged
	enum if_role role;
	const struct port *port;
	const char *spread; // the software spreader's mode on the port
	bool first;	    // of the port's interfaces
	const struct kif *kif;
	const struct pim_if *pim; // NULL without PIM
	uint16_t mtu;		  // of IP datagrams, as it is now
	// Addresses of the netdev as they are now, the configured and the operator's.
	struct config_addr addrs[CONFIG_MAX_ADDRS];
	unsigned int n_addrs;
};

struct observe_worker {
	unsigned int lcore;
	int cpu;
	int socket;
	// Over the last second or so.
	unsigned int load_percent; // busy part of the time
	unsigned int burst_tenths; // mean frames a burst, times 10; 0: there was none
	unsigned int cycles;	   // TSC ticks a frame; 0: there was none
	uint64_t packets_per_s;	   // taken in
	struct crossing_load last; // what it was then
	uint64_t last_us;	   // CLOCK_MONOTONIC; 0: not yet
};

// Any of the pointers to rooms may be NULL: what comes from there is shown empty.
struct observe {
	const char *version;
	uint64_t start_us; // CLOCK_MONOTONIC
	struct observe_if ifs[CONFIG_MAX_IFS];
	unsigned int n_ifs;
	struct observe_worker workers[CROSSING_MAX_WORKERS];
	unsigned int n_workers;
	const struct crossing *crossing;
	const struct mfib *mfib;
	const struct channels *channels;
	const struct amt_gateway *amt;
	const struct driad *driad;
	const struct holddown *held;
};

#endif
