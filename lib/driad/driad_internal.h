// SPDX-License-Identifier: BSD-3-Clause
// What the files of the pure half of this room share.
#ifndef DRIAD_DRIAD_INTERNAL_H
#define DRIAD_DRIAD_INTERNAL_H

#include <sys/queue.h>

#include "base/hmap.h"
#include "base/share.h"
#include "driad/driad.h"
#include "wire/amtrelay.h"

#define DNS_TYPE_A    1
#define DNS_TYPE_PTR  12
#define DNS_TYPE_AAAA 28
#define DNS_TYPE_SRV  33

// driad_order.c: the best candidates seen so far, in the order to try them.
struct driad_order {
	struct driad_relay *relays; // DRIAD_MAX_RELAYS of them
	uint32_t ranks[DRIAD_MAX_RELAYS], lots[DRIAD_MAX_RELAYS];
	unsigned int n;
};
enum driad_order_verdict { ORDER_TAKEN, ORDER_DUPLICATE, ORDER_FULL };
// Adds a candidate. Its place among equal precedences is by rank, among equal ranks drawn by `lot`;
// over DRIAD_MAX_RELAYS the last one falls out (ORDER_FULL: one was lost, this one or another). An
// address that is in already keeps the lower precedence; at equal precedence discovery is optional
// only if both say so.
enum driad_order_verdict driad_order_add(
	struct driad_order *o, const struct driad_relay *relay, uint32_t rank, uint32_t lot);

// driad_select.c: what RFC 6724 section 6 says of one destination; lower is better. path: NULL for
// a destination that cannot be reached.
#define DRIAD_RANK_NO_PATH UINT32_MAX
uint32_t driad_rank(const struct addr *a, const struct driad_path *path);
// The last step: the families of one precedence take turns. Nothing may be added after it.
void driad_order_families(struct driad_order *o);

// One DNS query of a lookup: for the AMTRELAY records, or for the addresses of a name they led to.
enum driad_query_state { QUERY_WAITING, QUERY_IN_FLIGHT, QUERY_DONE };
struct driad_query {
	struct hnode node;		   // in driad.in_flight, by token
	TAILQ_ENTRY(driad_query) turn;	   // in driad.lines, while waiting
	STAILQ_ENTRY(driad_query) sibling; // in lookup.queries
	struct driad_lookup *lookup;
	enum driad_query_state state;
	uint64_t token, queued_us;
	int handle; // of the transport, 0 until it has said
	uint16_t type;
	uint8_t precedence; // types A and AAAA: those of the record that named it (section 4.2.4)
	bool discovery_optional;
	bool found;  // addresses of its family
	bool secure; // all that led to it was
	char *name;
};

struct driad_lookup {
	TAILQ_ENTRY(driad_lookup) all;
	TAILQ_ENTRY(driad_lookup) finished; // in driad.finished, once is_finished
	STAILQ_HEAD(driad_queries, driad_query) queries;
	struct driad *driad;
	struct addr source;
	driad_cb cb;
	driad_note_cb note_cb; // NULL: nobody wants to know
	void *arg;
	struct timer deadline;
	unsigned int open; // queries not done
	uint8_t asker;	   // place in driad.share
	struct driad_order order;
	struct driad_result result;
	uint32_t records;    // AMTRELAY records seen
	uint32_t ttl_s;	     // least TTL of what was used
	uint32_t negative_s; // least negative TTL heard
	// Of the answer that is being collected: the name it is about, and whether it and all that
	// led to it is secure.
	const char *note_name;
	bool note_secure;
	bool services; // DNS-SD, no source
	bool is_finished;
	bool hurried;		      // the deadline is the short one, for names only
	bool last_call;		      // or the very short one, for the other family of names
	bool no_relay;		      // a type 0 record was there
	bool failed, bogus, insecure; // some query came to nothing
};

#define DRIAD_LINES 64
// Queries under way at once, and a sixteenth more for who has few of them: names that nobody
// answers for take seconds each, and one who asks for many of those must leave a way to the others.
// All have a socket then (resolver.c).
#define DRIAD_ASKED 120
TAILQ_HEAD(driad_turns, driad_query);
TAILQ_HEAD(driad_lookups, driad_lookup);

struct driad {
	struct driad_cfg cfg;
	const struct driad_resolver_ops *ops;
	void *ctx;
	struct timers *timers;
	struct rng *rng;
	struct driad_stats stats;
	struct driad_lookups lookups;
	struct driad_lookups finished; // callback due
	// Queries that wait: a line for those of a few askers each, first come first served, and
	// the lines take turns.
	struct driad_turns lines[DRIAD_LINES];
	uint64_t waiting;   // bit i: lines[i] is not empty
	unsigned int line;  // whose turn was the last
	uint64_t asker;	    // of what is looked up now
	struct share share; // of the lookups not finished
	struct share asked; // of the queries under way
	struct hmap in_flight;
	uint64_t last_token;
	struct timer wake;
	uint64_t *sent; // when the last queries_per_100ms queries left, a ring
	uint64_t n_sent;
	bool pumping;
};

// driad.c: adds a query to a lookup and to the end of the line; takes over `name`, from malloc().
// 0 or -ENOMEM (name freed).
int driad_query_add(struct driad_lookup *l, char *name, uint16_t type,
	const struct amtrelay *record, uint64_t now_us);

// driad_turns.c: a query joins the line of its asker, at its end or its head, and leaves it.
void driad_turn_add(struct driad_query *q, bool first);
void driad_turn_remove(struct driad_query *q);
// The first of the line after the one that had its turn, of those that may ask one more; NULL:
// nobody waits who may.
struct driad_query *driad_turn_next(const struct driad *d);
// The query leaves: its line has had its turn.
void driad_turn_take(struct driad_query *q);
// When the next query may leave.
uint64_t driad_window_open_us(const struct driad *d);

// driad_collect.c: adds what an answer says to the lookup of its query; may add queries for names.
void driad_collect(struct driad_query *q, const struct driad_answer *a, uint64_t now_us);
// Makes status, TTL and detail of a lookup without open queries.
void driad_conclude(struct driad_lookup *l);

// driad_answer.c: one decoded answer.
struct driad_records {
	void *pkt;     // ldns_pkt
	uint16_t type; // the type asked for
	size_t next;
	int rcode;
};
// Decodes a message and checks that it answers (name, type). 0, or -EBADMSG with nothing to close.
int driad_records_open(struct driad_records *r, const uint8_t *packet, size_t len, const char *name,
	uint16_t type);
// The next record of the type asked for, whatever its owner: a CNAME or DNAME may have led there
// (RFC 8777 section 3.4). False at the end. *rdata is NULL when it has no octets; *ttl_s is that
// of this record.
bool driad_records_next(
	struct driad_records *r, const uint8_t **rdata, size_t *len, uint32_t *ttl_s);
// Of type SRV: its priority, and its target in wire form; target is NULL for a record without one.
bool driad_records_next_srv(struct driad_records *r, uint16_t *priority, const uint8_t **target,
	size_t *len, uint32_t *ttl_s);
// Least TTL of the answer's aliases; UINT32_MAX with none.
uint32_t driad_records_alias_ttl(const struct driad_records *r);
// How long "no such record" holds (RFC 2308 section 5); false when the answer does not say.
bool driad_records_negative_ttl(const struct driad_records *r, uint32_t *ttl_s);
void driad_records_close(struct driad_records *r);

// driad_text.c
// The text of a name in wire form, to be freed; NULL when out of memory or not a name.
char *driad_name_text(const uint8_t *wire, size_t len);
const char *driad_rcode_name(int rcode); // "SERVFAIL", "rcode" for one without a name

#endif
