// SPDX-License-Identifier: BSD-3-Clause
// What the files of the engine share; nobody else includes it.
#ifndef AMT_AMT_INTERNAL_H
#define AMT_AMT_INTERNAL_H

#include <sys/queue.h>

#include "amt/amt.h"
#include "base/hmap.h"
#include "wire/amt.h"
#include "wire/igmp.h"

#define AMT_OUTER_LEN  28 // IPv4 and UDP headers of what we send
#define AMT_UPDATE_HDR 12 // AMT Membership Update in front of the report
// The smallest Update with a record: a report's IPv4 and IGMP headers, one record of one source.
#define AMT_UPDATE_MIN (AMT_OUTER_LEN + AMT_UPDATE_HDR + 32 + 12)

#define AMT_DEFAULT_QRV 2   // RFC 9776 section 8.1, for a QRV of 0
#define AMT_DEFAULT_QQI 125 // section 8.2, for a QQIC of 0
// Below the two minutes that RFC 4787 asks a NAT to keep a mapping for (standards Q-16).
#define AMT_NAT_CYCLE_S		 60
#define AMT_CYCLE_MIN_US	 USEC_PER_SEC
#define AMT_REPORT_INTERVAL_US	 USEC_PER_SEC // Unsolicited Report Interval, RFC 9776 section 8.11
#define AMT_TEARDOWN_INTERVAL_US USEC_PER_SEC // RFC 7450 section 5.2.3.7.2

struct amt_discovery {
	struct amt_gateway *gw;
	TAILQ_ENTRY(amt_discovery) link;
	struct addr to;
	uint32_t nonce;
	uint32_t sent;
	struct timer timer;
	amt_discovery_cb cb;
	void *arg;
};
TAILQ_HEAD(amt_discovery_list, amt_discovery);

struct amt_gateway {
	struct amt_cfg cfg;
	struct amt_ops ops;
	void *ctx;
	struct timers *timers;
	struct rng *rng;
	struct amt_stats stats;
	struct amt_discovery_list discoveries;
	uint8_t *inner; // a report being built, inner_size octets
	uint8_t *msg;	// the Update around it
	size_t inner_size;
};

enum amt_queue {
	AMT_QUEUE_NONE,
	AMT_QUEUE_CHANGED, // the change has not been sent yet
	AMT_QUEUE_REPEAT,  // sent; repeats outstanding
};

// One (S,G) of a tunnel. A channel that was left lives on until its BLOCKs are sent.
struct amt_channel {
	struct hnode node; // in the tunnel's channels
	struct sg sg;
	struct amt_group *group;
	TAILQ_ENTRY(amt_channel) in_group;
	TAILQ_ENTRY(amt_channel) in_queue;
	enum amt_queue queue;
	bool joined;	// wanted; else it is being left
	bool announced; // an Update that holds it was sent to the endpoint's present address
	uint8_t tx_left;
};
TAILQ_HEAD(amt_channel_list, amt_channel);

// The channels of one group, so that a current-state report has one record a group.
struct amt_group {
	struct hnode node; // in the tunnel's groups
	struct addr g;
	struct amt_channel_list channels;
	TAILQ_ENTRY(amt_group) link;
};
TAILQ_HEAD(amt_group_list, amt_group);

// What an accepted Query gave us: the credentials of Updates and Teardowns.
struct amt_query {
	bool valid;
	uint32_t nonce;
	uint8_t mac[AMT_MAC_LEN];
	bool g;
	struct addr gateway_addr;
	uint16_t gateway_port;
};

struct amt_tunnel {
	struct amt_gateway *gw;
	struct addr relay;
	void *owner;
	void *endpoint;
	enum amt_tunnel_state state;
	uint64_t opened_us, since_us, last_query_us, last_request_us;
	uint32_t busy; // event callbacks running: free only when 0
	bool closed;

	// Request cycle (amt_request.c)
	bool waiting; // for the Query to request_nonce
	uint32_t request_nonce;
	uint32_t unanswered;
	struct timer request_timer; // retransmission when waiting, else the next cycle
	struct amt_query query;	    // the last one accepted
	bool limit;		    // its L flag
	uint8_t qrv;
	uint32_t qqi_s;

	// Reports (amt_report.c)
	struct hmap channels, groups;
	struct amt_group_list group_list; // in the order of joining
	uint32_t joined, announced;
	struct amt_channel_list changed, repeat;
	struct timer repeat_timer;
	uint32_t batch;
	struct amt_query update; // the Query whose MAC the last Update carried

	// Teardown of a former address (amt_request.c)
	struct amt_query old;
	uint8_t teardowns_left;
	struct timer teardown_timer;
};

// amt_gateway.c
void amt_drop(struct amt_gateway *gw, enum amt_drop reason, const struct addr *src, uint16_t port);
// A decoded message, or the drop is counted and false returned.
bool amt_receive(struct amt_gateway *gw, const struct addr *src, uint16_t src_port,
	const uint8_t *buf, size_t len, struct amt_msg *out);
uint32_t amt_nonce(struct amt_gateway *gw);
void amt_arm(struct amt_gateway *gw, struct timer *timer, uint64_t due_us);
uint64_t amt_backoff_us(struct amt_gateway *gw, uint32_t retry);
void amt_tunnel_send(struct amt_tunnel *t, const uint8_t *buf, size_t len);
void amt_tunnel_state(struct amt_tunnel *t, enum amt_tunnel_state state, uint64_t now_us);
// Tells the owner. False when it closed the tunnel meanwhile: t is gone.
bool amt_tunnel_event(struct amt_tunnel *t, enum amt_event ev, uint64_t now_us);

// amt_request.c
void amt_request_start(struct amt_tunnel *t, uint64_t now_us);
void amt_request_init(struct amt_tunnel *t);
void amt_request_fini(struct amt_tunnel *t);
void amt_teardown_send(struct amt_tunnel *t, const struct amt_query *q);

// amt_report.c
void amt_report_init(struct amt_tunnel *t);
// Frees the channels; nothing is sent.
void amt_report_fini(struct amt_tunnel *t);
// IS_IN of everything joined, and what has changed since the last Update.
void amt_report_current(struct amt_tunnel *t, uint64_t now_us);
// Forgets what the relay was told: the endpoint's address changed and Teardown clears the old one.
void amt_report_forget(struct amt_tunnel *t);
// BLOCKs everything that the relay was told of.
void amt_report_block_all(struct amt_tunnel *t);

#endif
