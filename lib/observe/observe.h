// SPDX-License-Identifier: BSD-3-Clause
// What may be looked at: read-only pointers to the rooms, put together by boot. The console and the
// metrics read from here only, on the control thread.
#ifndef OBSERVE_OBSERVE_H
#define OBSERVE_OBSERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"
#include "base/timer.h"
#include "config/config.h"
#include "crossing/crossing.h"
#include "driad/driad.h"

struct amt_gateway;
struct baseline;
struct channels;
struct driad;
struct holddown;
struct joinfile_export;
struct joinfile_import;
struct joinfile_stats;
struct kif;
struct membership;
struct mfib;
struct pim_if;
struct port;
struct reload_job;

// What became of a port since the start. Written by app/inletd on the control thread.
struct observe_port {
	uint64_t link_downs; // times that its link went down
	uint64_t losses;     // times that the device under it was lost
};

// An interface; its place in the array is our interface index (bit i of an oif set).
struct observe_if {
	const char *name;
	const char *device;
	uint16_t vlan; // 0: untagged
	enum if_role role;
	const struct port *port;
	const char *spread; // the software spreader's mode on the port
	// How IPv4 tunnels that come in here are led to workers, as in observe_steering; NULL where
	// there are none.
	const char *steering;
	const char *steering6; // the same of IPv6
	bool first;	       // of the port's interfaces
	const struct kif *kif;
	uint64_t netdev_losses; // times that its kernel-interface port was deleted or moved away
	bool netdev_gone;	// so it is now
	const struct observe_port *seen; // of the port
	bool lost;			 // the device under the port is gone, and takes a restart
	const char *pim_netdev;		 // where PIM is heard
				// Of IPv4 and of IPv6; NULL without PIM, without IGMP or MLD.
#define OBSERVE_FAMILIES 2
	const struct pim_if *pim[OBSERVE_FAMILIES];
	const struct membership *membership[OBSERVE_FAMILIES];
	uint16_t mtu; // of IP datagrams, as it is now
	bool stopped; // by the console
	// Addresses of the netdev as they are now, the configured and the operator's.
	struct config_addr addrs[CONFIG_MAX_ADDRS];
	unsigned int n_addrs;
};

struct observe_worker {
	unsigned int lcore;
	int cpu;
	int socket;
	const char
		*idle; // what it does while nothing comes: "poll", "sleep", "wait"; NULL: not known
	// Over the last second or so.
	unsigned int load_percent; // busy part of the time
	unsigned int burst_tenths; // mean frames a burst, times 10; 0: there was none
	unsigned int cycles;	   // TSC ticks a frame; 0: there was none
	uint64_t packets_per_s;	   // taken in
	uint64_t bytes_per_s;	   // received from ports
	uint64_t last_bytes;
	unsigned int tunnels;	   // steered here, now
	struct crossing_load last; // what it was then
	uint64_t last_us;	   // CLOCK_MONOTONIC; 0: not yet
};

// Where a tunnel's packets go.
struct observe_steering {
	// "flow" (a rule of rte_flow), "rss" (the port's hash), "software" (the spreader's table),
	// "single" (one worker or one queue), "chance" (some queue).
	const char *how;
	int worker;			     // -1: not known, or several
	uint64_t packets_per_s, bytes_per_s; // forwarded, over the last second or so
};

// A row of what a rebalancing did.
#define OBSERVE_MOVE_LEN 128
struct observe_move {
	char what[OBSERVE_MOVE_LEN]; // was moved; or "now", or why nothing was
	int from, to;		     // workers; -1: does not apply, or several
	uint64_t packets_per_s;
	double balance; // afterwards: the most loaded worker relative to the mean
};

// Whether a relay can be heard, by what has come from it, and from others of it.
struct observe_evidence {
	bool answered;	// since we started
	bool nat;	// it saw us at another address than we have
	int icmp_error; // errno of the last ICMP error since it answered last; 0: none
};

// A capture that is asked for; what is 0 or none is not given.
struct observe_capture_want {
	const char *file;
	const char *port; // an interface's name
	struct addr relay;
	uint16_t our_port; // of the tunnel to it
	struct sg sg;
	uint64_t packets, octets, seconds; // limits
	uint64_t snaplen;
	bool force;
};
#define OBSERVE_CAPTURE_FILTER 128
#define OBSERVE_CAPTURE_REASON 96
struct observe_capture {
	char file[256];
	char filter[OBSERVE_CAPTURE_FILTER]; // in words
	const char *state;		     // "running", "stopping", "ended"
	char reason[OBSERVE_CAPTURE_REASON]; // why it ends
	uint64_t packets, octets;	     // in the file
	uint64_t dropped;		     // the writer was not fast enough for
	uint64_t begun_us, ended_us;	     // CLOCK_MONOTONIC; 0: not yet
};

enum observe_relay_act { OBSERVE_RELAY_MOVE, OBSERVE_RELAY_HOLD, OBSERVE_RELAY_RELEASE };

// What a verb did to a static channel.
struct observe_static {
	uint64_t oifs; // where it is wanted by hand now
	bool changed;  // false: it was so before
};
#define OBSERVE_WHY_LEN 512 // a line that says why something was not done

// What became of the configuration file while inletd runs. Times are CLOCK_MONOTONIC, 0: not yet.
// Written by app/inletd/reload.c on the control thread.
struct observe_reload {
	uint64_t loads;	   // reloads that went well, whether or not anything had changed
	uint64_t failures; // the file was refused, and what was before went on
	uint64_t saves, save_failures;
	uint64_t last_us, good_us;   // of the last reload; of the last that went well
	uint64_t longest_us;	     // that a turn of the control loop ever took for it
	uint64_t took_us;	     // that the last one kept the control loop busy, in all
	unsigned int changes;	     // keys that the last good one applied
	unsigned int restart;	     // keys of the file that wait for a restart
	bool running;		     // one is being applied
	char error[OBSERVE_WHY_LEN]; // of the last reload or save, one line; "" when it went well
	char path[CONFIG_PATH_LEN];  // of the file
};

struct observe_saved {
	char path[CONFIG_PATH_LEN];
	char kept[CONFIG_PATH_LEN]; // where what the file was is now; "": it was as it was read
	unsigned int changes;	    // of what was read
};

// Whether routers are to be led to this box (app/inletd/health.h). X(name, word, what it says).
#define OBSERVE_HEALTH_LIST(X)                                                     \
	X(WORKERS, "workers", "every worker polls its ports")                      \
	X(UPSTREAM, "upstream", "an upstream interface has a link and an address") \
	X(DOWNSTREAM, "downstream", "a downstream interface has them")             \
	X(RELAYS, "relays", "packets come from a relay, or one answers")
enum observe_health_check {
#define X(name, word, text) OBSERVE_HEALTH_##name,
	OBSERVE_HEALTH_LIST(X)
#undef X
		OBSERVE_HEALTH_CHECKS
};
enum observe_health_is { OBSERVE_UNKNOWN, OBSERVE_GOOD, OBSERVE_BAD };
enum observe_health_state {
	OBSERVE_STARTING, // since the start it has not been up
	OBSERVE_UP,	  // routers may be led here
	OBSERVE_DOWN,	  // something that is looked at is bad, or was not long ago
	OBSERVE_DRAINING, // by the operator; what is still joined is served
	OBSERVE_DRAINED,  // nothing is joined any more, or PIM has said Goodbye
	OBSERVE_STOPPING, // the process ends
};
const char *observe_health_check_word(enum observe_health_check c);
const char *observe_health_check_text(enum observe_health_check c);
const char *observe_health_state_word(enum observe_health_state s); // "starting" ...
const char *observe_health_is_word(enum observe_health_is is);	    // "unknown", "good", "bad"
#define OBSERVE_HEALTH_REASON 120
struct observe_health {
	enum observe_health_state state;
	char reason[OBSERVE_HEALTH_REASON]; // "" while it is up
	uint64_t since_us;		    // CLOCK_MONOTONIC; of the state
	uint64_t good_us;		    // since when nothing is bad; 0: something is
	uint64_t changes;		    // of the state
	struct {
		enum observe_health_is is;
		char reason[OBSERVE_HEALTH_REASON]; // "" where there is nothing to say
		uint64_t since_us;
	} checks[OBSERVE_HEALTH_CHECKS];
};

// The control loop's own figures; app/inletd/loop.c writes them.
struct observe_loop {
	uint64_t turns;
	struct histogram late;	 // by how much later than planned a turn began
	uint64_t longest_us;	 // of these, since the start
	uint64_t longest_now_us; // of these, in the last second or so
};

// What became of those who asked for metrics; app/metrics/server.c writes them.
struct observe_scrapes {
	uint64_t pages;	      // given to their end
	uint64_t bad;	      // requests that are none, or ask for something else
	uint64_t refused;     // too many at one time
	uint64_t stalled;     // closed: they did not ask, or did not read, in time
	uint64_t last_us;     // from the request of the last page until its end was written
	uint64_t last_cpu_us; // of the control thread's CPU time, for that
	uint64_t slices;      // of the control loop's time that pages were made in
	uint64_t longest_us;  // of these, since the start; CPU time
	unsigned int clients; // connected now
};

// Any of the pointers to rooms may be NULL: what comes from there is shown empty.
struct observe {
	const char *version;
	uint64_t start_us; // CLOCK_MONOTONIC
	struct observe_if ifs[CONFIG_MAX_IFS];
	unsigned int n_ifs;
	struct observe_worker workers[CROSSING_MAX_WORKERS];
	unsigned int n_workers;
	const struct prefix *ssm_ranges; // groups outside of them are refused
	unsigned int n_ssm_ranges;
	// When a reason was last seen to count, CLOCK_MONOTONIC, to a second or so; 0: never.
	uint64_t drop_moved_us[DROP_COUNT];
	uint64_t drops_then[DROP_COUNT]; // what it was at then
	// The same of frames that a port had no mbufs for, by interface, the first of a port.
	uint64_t nombuf_moved_us[CONFIG_MAX_IFS], nombuf_then[CONFIG_MAX_IFS];
	const struct crossing *crossing;
	const struct mfib *mfib;
	const struct channels *channels;
	const struct amt_gateway *amt;
	const struct driad *driad;
	const struct holddown *held;
	// Of the tunnel with this endpoint; false when it has none. NULL: not to be had.
	bool (*steering_cb)(const void *endpoint, struct observe_steering *out);
	// 0, or a negative errno with one line in why. NULL: not to be had.
	int (*capture_start_cb)(
		void *ctx, const struct observe_capture_want *want, char why[OBSERVE_WHY_LEN]);
	int (*capture_stop_cb)(void *ctx, char why[OBSERVE_WHY_LEN]);
	bool (*capture_view_cb)(void *ctx, struct observe_capture *out); // false: there was none
	// Of a relay that we have talked to; false when we have not lately. NULL: not to be had.
	bool (*evidence_cb)(void *ctx, const struct addr *relay, struct observe_evidence *out);
	const struct joinfile_stats *joinfile_stats;   // NULL: neither of the two
	const struct joinfile_import *joinfile_import; // NULL: none is read
	const struct joinfile_export *joinfile_export; // NULL: none is written
	// The verbs that act; NULL: not to be had. Begins (add) or ends to want a channel by hand,
	// on the interface of that name, or on all where that can be (NULL). 0, or a negative errno
	// with one line in why.
	int (*static_cb)(void *ctx, bool add, const struct sg *sg, const char *ifname,
		struct observe_static *out, char why[OBSERVE_WHY_LEN]);
	// Moves a source to a relay, or (none) to the best of the others; holds a relay down, or
	// lets it be used again. 0, or a negative errno with one line in why.
	int (*relay_cb)(void *ctx, enum observe_relay_act act, const struct addr *source,
		const struct addr *relay, char why[OBSERVE_WHY_LEN]);
	const struct observe_loop *loop;       // NULL: not to be had
	const struct timers *timers;	       // of the control thread; NULL: not to be had
	const struct observe_scrapes *scrapes; // NULL: nothing listens for metrics
	uint32_t max_channels, max_tunnels;    // limits of the configuration; 0: not known
	const uint32_t *punt_limits;	       // by class, 0: none; NULL: not known
	const struct observe_reload *reload;   // NULL: not to be had
	// Begins to read the configuration file again, in the background, and then (check: not) to
	// do what is different in it. NULL with one line in why.
	struct reload_job *(*reload_cb)(void *ctx, bool check, char why[OBSERVE_WHY_LEN]);
	// What has come of it: -EAGAIN not yet; 0 with the keys that are different, which live as
	// long as the job; another negative errno with one line in why, and nothing was changed.
	int (*reload_result_cb)(const struct reload_job *job, const struct config_change **rows,
		unsigned int *n, char why[OBSERVE_WHY_LEN]);
	// The job is not asked for again; what it has begun goes on.
	void (*reload_forget_cb)(struct reload_job *job);
	// Writes what runs to path, or (NULL) to the file that was read. 0, or a negative errno
	// with one line in why and the file as it was.
	int (*save_cb)(
		void *ctx, const char *path, struct observe_saved *out, char why[OBSERVE_WHY_LEN]);
	// Asks DNS for the relays of a source as a Join would, and tells of all of them. NULL when
	// out of memory. The lookup is gone with its callback.
	struct driad_lookup *(*resolve_cb)(void *ctx, const struct addr *source, driad_cb cb,
		driad_note_cb note_cb, void *arg);
	void (*resolve_cancel_cb)(void *ctx, struct driad_lookup *l);
	// Takes an interface's port out of service, or puts it back. 0, or a negative errno with
	// one line in why.
	int (*port_cb)(void *ctx, bool start, const char *ifname, char why[OBSERVE_WHY_LEN]);
	const struct observe_health *health;   // NULL: not to be had
	void (*health_followed_cb)(void *ctx); // somebody has looked at it; NULL: nobody cares
	// Takes the appliance out of service without a packet lost, or puts it back. 0, or a
	// negative errno with one line in why.
	int (*drain_cb)(void *ctx, bool on, char why[OBSERVE_WHY_LEN]);
	// What "clear counters" counts from; NULL: not to be had.
	struct baseline *baseline;
	// Moves tunnels between workers.
	void (*rebalance_cb)(void *ctx, bool dry_run,
		void (*row_cb)(void *arg, const struct observe_move *row), void *arg);
	void *ctx;
};

#endif
