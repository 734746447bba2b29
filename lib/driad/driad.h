// SPDX-License-Identifier: BSD-3-Clause
// Relay discovery by DNS reverse names (DRIAD, RFC 8777): from a source address to the ordered
// list of relays its sender published. Pure: the transport is a driad_resolver (resolver.h).
#ifndef DRIAD_DRIAD_H
#define DRIAD_DRIAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/rng.h"
#include "base/timer.h"

struct driad;
struct driad_lookup;

enum driad_status {
	DRIAD_OK,	 // at least one relay
	DRIAD_NO_RECORD, // NXDOMAIN or no AMTRELAY data
	DRIAD_NO_RELAY,	 // type 0 only: the sender says that no relay is to be used
	DRIAD_UNUSABLE,	 // records, but none that decodes to a usable relay address
	DRIAD_FAILED,	 // SERVFAIL, timeout, refused: worth a retry soon
	DRIAD_BOGUS,	 // DNSSEC says forged: worth a retry
	DRIAD_INSECURE,	 // not signed, and signed answers are required: worth a retry
	DRIAD_LIMIT,	 // the rate limit's queue is full: worth a retry
};
// "ok", "no-record", ... "DNSSEC bogus", "DNSSEC insecure"
const char *driad_status_name(enum driad_status s);

struct driad_relay {
	struct addr addr;
	uint8_t precedence;	 // lower first
	bool discovery_optional; // the D bit: true = Request may be sent at once
};
#define DRIAD_MAX_RELAYS 64

struct driad_result {
	enum driad_status status;
	// In the order to try them (section 3.1.2): by precedence, then by RFC 6724 with the paths
	// of struct driad_cfg, at random among equals; the families of one precedence take turns
	// (RFC 8305 section 4), those without a path come last.
	struct driad_relay relays[DRIAD_MAX_RELAYS];
	unsigned int n_relays;
	// How long the answer holds: the least TTL of its records and of the names they led to, or
	// the negative TTL (RFC 2308, capped). 0 where a retry with back-off is due: DRIAD_FAILED,
	// DRIAD_BOGUS, DRIAD_INSECURE and DRIAD_LIMIT.
	uint32_t ttl_s;
	uint32_t ignored; // records not used: undefined type, malformed, unusable address
	char detail[160]; // one clause for people: "SERVFAIL from the resolver", ...
};

typedef void (*driad_cb)(void *arg, const struct driad_result *result, uint64_t now_us);

// What the resolver says of one query, whatever its transport.
struct driad_answer {
	int rcode; // DNS rcode, or -1: no answer at all
	// What DNSSEC says of the answer with all aliases in it; neither: a zone without signatures
	// is on the way, or nothing was validated.
	bool bogus, secure;
	const char *why_bogus; // may be NULL
	const uint8_t *packet; // the DNS message in wire form, or NULL
	size_t len;
};
// The transport. query() starts one, returns a handle > 0, or a negative errno; the answer comes
// later, or from within query(), by driad_answer_input(driad, token, ...). After cancel() no answer
// comes.
struct driad_resolver_ops {
	int (*query)(void *ctx, const char *name, uint16_t rrtype, uint64_t token);
	void (*cancel)(void *ctx, int handle);
};

// What a packet to a relay would have as its source address.
struct driad_path {
	struct addr src;
	uint8_t src_len; // prefix length of its network
	bool deprecated;
};

struct driad_cfg {
	uint32_t queries_per_100ms; // over it, queries wait their turn
	uint32_t negative_ttl_max_s;
	uint32_t max_waiting;	 // lookups in flight or waiting at most (limits.lookups)
	bool use_ipv4, use_ipv6; // families of relay that a tunnel can be opened to
	bool require_secure;	 // an answer that is not signed is not used
	// Optional: the path to a relay; false when there is none at the moment.
	bool (*path)(void *ctx, const struct addr *relay, struct driad_path *out);
	void *path_ctx;
};

// Answers and records that are not used, each for a reason that is counted.
#define DRIAD_DROP_LIST(X)                                                                \
	X(BOGUS, "DNSSEC says that the answer is forged; none of its data was looked at") \
	X(INSECURE, "answer without DNSSEC signatures, and dnssec = \"require\"")         \
	X(FAILED, "no answer, an error, or one that is not an answer to the question")    \
	X(TYPE, "AMTRELAY record of an undefined type")                                   \
	X(MALFORMED, "record that does not decode")                                       \
	X(FAMILY, "relay of a family that no tunnel can be opened to")                    \
	X(BOGON, "relay address that no host can have: loopback, multicast, ...")         \
	X(SURPLUS, "relay or name that is named twice, or is past the limit")             \
	X(LIMIT, "limits.lookups reached, by who asks or by all: asked again later")
enum driad_drop {
#define X(name, text) DRIAD_DROP_##name,
	DRIAD_DROP_LIST(X)
#undef X
		DRIAD_DROP_COUNT
};
extern const char *const driad_drop_names[DRIAD_DROP_COUNT]; // "BOGUS" ...
extern const char *const driad_drop_texts[DRIAD_DROP_COUNT];

struct driad_stats {
	uint64_t lookups, queries, answers_ok, answers_negative;
	uint64_t rate_delayed, cache_hits;
	uint64_t drops[DRIAD_DROP_COUNT];
};

struct driad *driad_create(const struct driad_cfg *cfg, const struct driad_resolver_ops *ops,
	void *ctx, struct timers *timers, struct rng *rng);
// use_ipv4 and use_ipv6 of the configuration, from now on.
void driad_families(struct driad *d, bool use_ipv4, bool use_ipv6);
// Other values from now on, but for use_ipv4 and use_ipv6; and, where ctx is another one, another
// transport, which what the old one still works on is asked again. Callbacks may come. 0 or -ENOMEM
// with all as it was.
int driad_configure(struct driad *d, const struct driad_cfg *cfg, void *ctx, uint64_t now_us);
void driad_destroy(struct driad *d); // lookups still open are cancelled without their callback
// Who asks for what is looked up from now on, any number; 0: nobody in particular. Queries that
// wait are sent by turns of those who asked, so that one who asks for very much waits for himself;
// and whoever has most of max_waiting leaves some to others (base/share.h).
void driad_asker(struct driad *d, uint64_t who);
// Starts a lookup for `source`. The callback comes once, never from within this call. NULL when out
// of memory.
struct driad_lookup *driad_lookup_start(
	struct driad *d, const struct addr *source, driad_cb cb, void *arg, uint64_t now_us);
// The same for the relays that the network offers by DNS-SD (section 3.1.2, RFC 6763): the services
// _amt._udp in these domains, by PTR and SRV, or by SRV alone. An SRV's priority is the precedence;
// the addresses are those of Discovery. The port is AMT's, whatever a record says.
struct driad_lookup *driad_lookup_services(struct driad *d, const char *const *domains,
	unsigned int n_domains, driad_cb cb, void *arg, uint64_t now_us);

// What came to light in a lookup, for people who want to know why the result is as it is.
struct driad_note {
	const char *name; // whose address it is; NULL: the AMTRELAY record has the address
	struct driad_relay relay;
	uint32_t rank;		 // driad_rank_why()
	enum driad_drop dropped; // DRIAD_DROP_COUNT: it was not
	bool secure;		 // by DNSSEC, and so was all that led there
};
typedef void (*driad_note_cb)(void *arg, const struct driad_note *note);
// driad_lookup_start() that tells of each candidate as well, with the same arg; maybe from within.
struct driad_lookup *driad_lookup_noted(struct driad *d, const struct addr *source, driad_cb cb,
	driad_note_cb note_cb, void *arg, uint64_t now_us);
// By which rule a relay comes before another one of its precedence and family; both are ranks of
// notes. A literal.
const char *driad_rank_why(uint32_t first, uint32_t second);

void driad_lookup_cancel(struct driad *d, struct driad_lookup *l);
void driad_answer_input(
	struct driad *d, uint64_t token, const struct driad_answer *a, uint64_t now_us);
const struct driad_stats *driad_stats(const struct driad *d);
// Questions that the transport has not answered yet.
unsigned int driad_asking(const struct driad *d);

#endif
