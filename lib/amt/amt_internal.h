// SPDX-License-Identifier: BSD-3-Clause
// What the files of the engine share; nobody else includes it.
#ifndef AMT_AMT_INTERNAL_H
#define AMT_AMT_INTERNAL_H

#include <sys/queue.h>

#include "amt/amt.h"
#include "amt/amt_set.h"
#include "base/bucket.h"
#include "base/hmap.h"
#include "wire/amt.h"
#include "wire/gm.h"
#include "wire/igmp.h"

#define AMT_OUTER_IPV4 28 // IP and UDP headers of what we send
#define AMT_OUTER_IPV6 48
#define AMT_UPDATE_HDR 12 // AMT Membership Update in front of the report
// The smallest Update with a record: over IPv6, with a report's IPv6, Hop-by-Hop and MLD headers
// and one record of one source.
#define AMT_UPDATE_MIN	 (AMT_OUTER_IPV6 + AMT_UPDATE_HDR + 56 + 36)
#define AMT_UPDATE_SHORT 1400 // for relays with AMT_QUIRK_SHORT_UPDATES

#define AMT_DEFAULT_QRV 2   // RFC 9776 section 8.1, for a QRV of 0
#define AMT_DEFAULT_QQI 125 // section 8.2, for a QQIC of 0
// Below the two minutes that RFC 4787 asks a NAT to keep a mapping for (standards Q-16).
#define AMT_NAT_CYCLE_S		 60
#define AMT_CYCLE_MIN_US	 USEC_PER_SEC
#define AMT_REPORT_INTERVAL_US	 USEC_PER_SEC // Unsolicited Report Interval, RFC 9776 section 8.11
#define AMT_TEARDOWN_INTERVAL_US USEC_PER_SEC // RFC 7450 section 5.2.3.7.2
// After a remedy for silence, before the next one: an answer and a first packet take no longer.
#define AMT_REMEDY_US	(1200 * USEC_PER_MSEC)
#define AMT_NO_E_MISSES 2    // Requests answered without E only, before a relay is known for it
#define AMT_RELAYS_KEPT 8192 // whose ways are remembered

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
TAILQ_HEAD(amt_tunnel_list, amt_tunnel);

// What an accepted Query gave us: the credentials of Updates and Teardowns.
struct amt_query {
	bool valid;
	uint32_t nonce;
	uint8_t mac[AMT_MAC_LEN];
	bool g;
	struct addr gateway_addr;
	uint16_t gateway_port;
};

// What is remembered of a relay (amt_quirk.c).
struct amt_relay {
	struct hnode node; // in the gateway's relays
	struct addr addr;
	bool is_pinned;
	unsigned int pinned, learned;
	unsigned int e_misses; // in a row
	uint64_t e_missed_us;  // the last one: when the Request without E was answered
	struct amt_query owed; // of an endpoint that the relay could not be told the end of
};

struct amt_gateway {
	struct amt_cfg cfg;
	struct amt_ops ops;
	void *ctx;
	struct timers *timers;
	struct rng *rng;
	struct amt_stats stats;
	struct amt_discovery_list discoveries;
	struct amt_tunnel_list tunnels;
	struct hmap relays;
	uint8_t *inner; // a report being built, inner_size octets
	uint8_t *msg;	// the Update around it
	size_t inner_size;
};

// How a Request is written; a relay that does not answer one form may answer another.
struct amt_form {
	bool p80, e;
	bool sent; // in the present cycle, with this nonce
	uint32_t nonce;
	uint64_t first_us; // when it was first sent in it
};
#define AMT_FORMS 3

// What a tunnel has for each family of channels.
struct amt_side {
	struct amt_tunnel *t;
	uint8_t family;
	enum amt_tunnel_state state;
	uint64_t last_query_us, last_request_us;

	// Request cycle (amt_request.c)
	bool waiting; // for a Query
	struct amt_form forms[AMT_FORMS];
	unsigned int n_forms;
	uint32_t unanswered;
	bool heard; // packets came since the Request before the last one (amt_quirk.c)
	struct timer request_timer; // retransmission when waiting, else the next cycle
	struct amt_query query;	    // the last one accepted
	bool stale;		    // it was for an address that we have no more
	bool limit, ecn;	    // its L flag; answered a Request with E
	uint8_t qrv;
	uint32_t qqi_s;

	// Silence (amt_quirk.c)
	bool silent;
	bool interleaved; // when it fell silent, the other side had sent the latest Request
	struct timer remedy_timer;

	// Reports (amt_report.c)
	struct amt_set channels;
	uint32_t joined, announced;
	struct amt_list changed, repeat;
	uint8_t round; // the queue that channels of `repeat` are in
	struct timer repeat_timer;
	struct amt_query update; // the Query whose MAC the last Update carried
	size_t longest;		 // Update sent, in octets of its IP datagram
};

enum { AMT_SIDE_V4, AMT_SIDE_V6, AMT_SIDES };

struct amt_tunnel {
	struct amt_gateway *gw;
	TAILQ_ENTRY(amt_tunnel) link; // in the gateway's tunnels
	struct addr relay;
	struct bucket bucket; // of what comes from it
	void *owner;
	void *endpoint;
	enum amt_tunnel_state state;
	uint64_t opened_us, since_us;
	uint32_t busy; // event callbacks running: free only when 0
	bool closed;
	unsigned int trying; // quirks that would explain a silence
	// A fresh Request ended the silence of a side that was interleaved: if this other one goes
	// on, it was no restart of the relay.
	struct amt_side *confirm;
	uint32_t nonce; // of the last Request, of whichever side
	uint32_t batch;
	struct amt_side sides[AMT_SIDES];

	// Teardown of a former address (amt_request.c)
	struct amt_query old;
	uint8_t teardowns_left;
	struct timer teardown_timer;
};

static inline struct amt_side *amt_side(struct amt_tunnel *t, uint8_t family)
{
	return &t->sides[family == ADDR_V6 ? AMT_SIDE_V6 : AMT_SIDE_V4];
}
static inline struct amt_side *amt_side_other(struct amt_side *s)
{
	return &s->t->sides[s->family == ADDR_V6 ? AMT_SIDE_V4 : AMT_SIDE_V6];
}
// Does it ask, or have an answer?
static inline bool amt_side_active(const struct amt_side *s)
{
	return s->state == AMT_REQUESTING || s->state == AMT_UP;
}
static inline uint32_t amt_announced(const struct amt_tunnel *t)
{
	return t->sides[AMT_SIDE_V4].announced + t->sides[AMT_SIDE_V6].announced;
}

// amt_gateway.c
void amt_drop(struct amt_gateway *gw, enum amt_drop reason, const struct addr *src, uint16_t port);
// A decoded message, or the drop is counted and false returned.
bool amt_receive(struct amt_gateway *gw, const struct addr *src, uint16_t src_port,
	const uint8_t *buf, size_t len, struct amt_msg *out);
uint32_t amt_nonce(struct amt_gateway *gw);
void amt_arm(struct amt_gateway *gw, struct timer *timer, uint64_t due_us);
uint64_t amt_backoff_us(struct amt_gateway *gw, uint32_t retry);
// False when it could not be sent.
bool amt_tunnel_send(struct amt_tunnel *t, const uint8_t *buf, size_t len);
void amt_tunnel_state(struct amt_tunnel *t, enum amt_tunnel_state state, uint64_t now_us);
// Tells the owner. False when it closed the tunnel meanwhile: t is gone.
bool amt_tunnel_event(struct amt_tunnel *t, enum amt_event ev, uint64_t now_us);
const char *amt_family_name(uint8_t family); // "ipv4", "ipv6"

// amt_request.c
// A new cycle of a side; of both, when the relay knows one nonce only.
void amt_request_start(struct amt_side *s, uint64_t now_us);
// Unless one is under way; a second after the last Request at the earliest.
void amt_request_again(struct amt_side *s, uint64_t now_us);
// The side is given up; the tunnel as well when the other one is not there.
void amt_side_fail(struct amt_side *s, uint64_t now_us);
void amt_request_init(struct amt_side *s);
void amt_request_fini(struct amt_side *s);
bool amt_behind_nat(const struct amt_side *s);
bool amt_teardown_send(struct amt_tunnel *t, const struct amt_query *q);
// Has it be repeated as the RFC says.
void amt_teardown_start(struct amt_tunnel *t, const struct amt_query *q, uint64_t now_us);
void amt_teardown_timer(struct timer *timer, void *arg, uint64_t now_us);

// amt_report.c
void amt_report_init(struct amt_side *s);
// Frees the channels; nothing is sent.
void amt_report_fini(struct amt_side *s);
// IS_IN of everything joined, and what has changed since the last Update.
void amt_report_current(struct amt_side *s, uint64_t now_us);
// Forgets what the relay was told: the endpoint's address changed and Teardown clears the old one.
void amt_report_forget(struct amt_side *s);
// BLOCKs everything that the relay was told of.
void amt_report_block_all(struct amt_side *s);

// amt_quirk.c
// Those in force on a tunnel: pinned or learned, or tried on it.
unsigned int amt_quirks(const struct amt_tunnel *t);
// Can more be learned of its relay?
bool amt_quirks_open(const struct amt_tunnel *t);
void amt_quirk_learn(struct amt_gateway *gw, const struct addr *relay, enum amt_quirk quirk);
void amt_quirk_unlearn(struct amt_gateway *gw, const struct addr *relay, enum amt_quirk quirk);
// A Request was answered: in the form with E (true), or only in one without.
void amt_quirk_e(struct amt_side *s, bool answered, uint64_t now_us);
// The relay is to have a Teardown with these, when it can be reached again.
void amt_relay_owe(struct amt_gateway *gw, const struct addr *relay, const struct amt_query *q);
// Takes what is owed; false with nothing.
bool amt_relay_owed(struct amt_gateway *gw, const struct addr *relay, struct amt_query *out);
void amt_relays_fini(struct amt_gateway *gw);
void amt_silence_init(struct amt_side *s);
// A Query with this nonce, which is none of t's, came to it: does it answer another tunnel of ours?
void amt_stray_query(struct amt_tunnel *t, uint32_t nonce, uint64_t now_us);

#endif
