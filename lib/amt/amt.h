// SPDX-License-Identifier: BSD-3-Clause
// AMT gateway engine (RFC 7450 section 5.2): tunnels over IPv4 or IPv6 that carry channels of both
// families. Pure: messages and the time come in, messages and events go out through amt_ops;
// amt_io.h owns the sockets. One tunnel (section 5.2.2) a relay address and local address. In it
// each family has a side of its own: its Requests (the P flag), Queries, MAC and reports (section
// 4.2.1.2); a side begins with its first channel, or when it is asked for.
#ifndef AMT_AMT_H
#define AMT_AMT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/rng.h"
#include "base/timer.h"

struct amt_gateway;
struct amt_tunnel;
struct amt_discovery;

// Of a tunnel, and of each side of it.
enum amt_tunnel_state {
	AMT_REQUESTING, // Request sent, no Query accepted yet
	AMT_UP,	    // a Query was accepted; the query cycle runs. A tunnel: of one side at least
	AMT_FAILED, // given up. A tunnel: the owner has been told and must close it; a side:
		    // the other one goes on, and this one is tried again now and then
	AMT_IDLE,   // a side only: nobody has wanted it
};
const char *amt_tunnel_state_name(enum amt_tunnel_state s); // "requesting" ...

enum amt_event {
	AMT_EV_UP,    // first Query accepted: current-state report follows at once
	AMT_EV_DOWN,  // Requests unanswered request_tries times: state is AMT_FAILED
	AMT_EV_FULL,  // Query with L=1 while nothing was joined through the tunnel: AMT_FAILED
	AMT_EV_LIMIT, // Query with L=1 while channels are joined: others are better sent elsewhere
	AMT_EV_ENDPOINT, // G=1 and our address or port as the relay sees it changed; Teardown sent
	// The second side, of a tunnel that is up by the other (or, for DOWN, may still come up by
	// it). amt_tunnel_side() tells which: it is AMT_UP or AMT_FAILED now.
	AMT_EV_SIDE_UP,	  // its first Query was accepted, or the first after it had failed
	AMT_EV_SIDE_DOWN, // its Requests were unanswered request_tries times; its channels get
			  // nothing. They may stay joined (it is tried again every retry_max_s)
			  // or be left and taken elsewhere
};

// What relays in the field do against RFC 7450 (standards 6). X(name, text, what it does).
#define AMT_QUIRK_LIST(X)                                                                     \
	X(P80, "p-0x80", "takes and sets its flags at the other end of the octet: P is 0x80") \
	X(NO_E, "no-e", "does not answer a Request with the E flag of RFC 9601")              \
	X(ONE_NONCE, "one-nonce", "knows one nonce a tunnel, that of the latest Request")     \
	X(ONE_ENDPOINT, "one-endpoint", "has one tunnel an address, and answers to its port") \
	X(SHORT_UPDATES, "short-updates", "takes no Update of more than 1400 octets")

enum amt_quirk_index {
#define X(name, text, what) AMT_QUIRK_INDEX_##name,
	AMT_QUIRK_LIST(X)
#undef X
		AMT_QUIRK_COUNT
};
enum amt_quirk {
#define X(name, text, what) AMT_QUIRK_##name = 1 << AMT_QUIRK_INDEX_##name,
	AMT_QUIRK_LIST(X)
#undef X
};
extern const char *const amt_quirk_names[AMT_QUIRK_COUNT]; // "p-0x80" ..., by index
// Names of a set, space between them; "" for none. Returns buf.
#define AMT_QUIRKS_STRLEN 80
const char *amt_quirks_format(unsigned int quirks, char buf[AMT_QUIRKS_STRLEN]);
// One name. 0 when there is no such quirk.
unsigned int amt_quirk_parse(const char *name);

struct amt_ops {
	// One datagram from the tunnel's own endpoint to dst, port 2268. 0 or a negative errno.
	int (*send)(void *ctx, struct amt_tunnel *t, const struct addr *dst, const uint8_t *buf,
		size_t len);
	// The same from the shared discovery endpoint.
	int (*send_discovery)(void *ctx, const struct addr *dst, const uint8_t *buf, size_t len);
	// The tunnel may be closed from here.
	void (*event_cb)(void *ctx, struct amt_tunnel *t, enum amt_event ev, uint64_t now_us);
	// Optional. The address that the tunnel sends from, none when not known: a Query that
	// reports another one means a NAT in between, and the query cycle is kept under 60 s.
	struct addr (*local_addr)(void *ctx, const struct amt_tunnel *t);
	// Optional. Is this an address of this machine? Such a relay is not accepted.
	bool (*is_ours)(void *ctx, const struct addr *a);
};

struct amt_cfg {
	uint32_t retry_initial_ms;
	uint32_t retry_max_s;
	uint32_t request_tries;
	uint16_t update_mtu; // octets of the IP datagram that an Update makes, at most
	uint32_t relay_rate; // messages a second of a relay to a tunnel; 0: no limit
	bool ecn;	     // E flag in Requests: the data path decapsulates by RFC 6040
};

// X(name, text): why a received message was not used.
#define AMT_DROP_LIST(X)                                                     \
	X(SHORT, "message truncated")                                        \
	X(VERSION, "AMT version is not 0")                                   \
	X(TYPE, "type that a gateway ignores")                               \
	X(DATA, "multicast data on the control path")                        \
	X(UNEXPECTED, "no answer is waited for")                             \
	X(NONCE, "nonce is not that of the Request or Discovery")            \
	X(SOURCE, "source address or port is not the relay's")               \
	X(ADV_LENGTH, "Advertisement's address is neither 4 nor 16 octets")  \
	X(ADV_FAMILY, "Advertisement's address is of another family")        \
	X(ADV_ADDRESS, "Advertisement's address cannot be a relay")          \
	X(QUERY_IP, "Query's inner IP header invalid or overrun")            \
	X(QUERY_PROTOCOL, "Query's inner protocol is not the one asked for") \
	X(QUERY_LENGTH, "Query is not IGMPv3 or MLDv2 by its length")        \
	X(QUERY_CHECKSUM, "Query's IGMP or ICMPv6 checksum wrong")           \
	X(QUERY_NOT_GENERAL, "Query is not a General Query")                 \
	X(QUERY_GATEWAY, "Query has G=1 but no room for the gateway fields") \
	X(RELAY_RATE, "more than amt.relay_rate to a tunnel from its relay")

enum amt_drop {
#define X(name, text) AMT_DROP_##name,
	AMT_DROP_LIST(X)
#undef X
		AMT_DROP_COUNT
};
extern const char *const amt_drop_names[AMT_DROP_COUNT];
extern const char *const amt_drop_texts[AMT_DROP_COUNT];

struct amt_stats {
	uint64_t discovery_tx, advertisement_rx, request_tx, query_rx, update_tx, teardown_tx;
	uint64_t records_tx, send_errors;
	uint64_t drops[AMT_DROP_COUNT];
};

// NULL with errno set: ENOMEM, or EINVAL for an update_mtu below 152.
struct amt_gateway *amt_gateway_create(const struct amt_cfg *cfg, const struct amt_ops *ops,
	void *ctx, struct timers *timers, struct rng *rng);
// Other values from now on; exchanges under way go on with those that they began with. Not within a
// batch. 0, or -EINVAL or -ENOMEM with the old ones in force.
int amt_gateway_configure(struct amt_gateway *gw, const struct amt_cfg *cfg);
// All tunnels and discoveries must be closed.
void amt_gateway_destroy(struct amt_gateway *gw);
// Memory in octets, what malloc() adds left out: of the tunnels, and of the sets of channels that
// they report.
struct amt_octets {
	size_t tunnels, sets;
};
void amt_gateway_octets(const struct amt_gateway *gw, struct amt_octets *out);
const struct amt_stats *amt_gateway_stats(const struct amt_gateway *gw);

// Discovery/Advertisement with one discovery address (section 5.2.3.4). cb comes once: relay is the
// address to send Requests to, or none after request_tries tries. The discovery is gone when cb
// returns; cancel only before.
typedef void (*amt_discovery_cb)(void *arg, const struct addr *relay, uint64_t now_us);
struct amt_discovery *amt_discovery_start(struct amt_gateway *gw, const struct addr *to,
	amt_discovery_cb cb, void *arg, uint64_t now_us);
void amt_discovery_cancel(struct amt_gateway *gw, struct amt_discovery *d);
// What the discovery endpoint received; src_port in host order.
void amt_discovery_input(struct amt_gateway *gw, const struct addr *src, uint16_t src_port,
	const uint8_t *buf, size_t len, uint64_t now_us);

// Opens a tunnel and sends the first Request, for IPv4 channels. `owner` is the caller's, returned
// by amt_tunnel_owner(). `endpoint` is the IO's (the socket), returned by amt_tunnel_endpoint().
// NULL: out of memory.
struct amt_tunnel *amt_tunnel_open(struct amt_gateway *gw, const struct addr *relay, void *owner,
	void *endpoint, uint64_t now_us);
// The same; the first Request is for channels of this family (enum addr_family).
struct amt_tunnel *amt_tunnel_open_for(struct amt_gateway *gw, const struct addr *relay,
	uint8_t family, void *owner, void *endpoint, uint64_t now_us);
// Begins the side of a family that is AMT_IDLE, or one that is AMT_FAILED anew; else nothing.
void amt_tunnel_want(struct amt_tunnel *t, uint8_t family, uint64_t now_us);
enum amt_tunnel_state amt_tunnel_side(const struct amt_tunnel *t, uint8_t family);
// With channels joined: Teardown when the relay sets G, else an Update that BLOCKs everything
// (section 5.2.3.8). Then frees; no event comes.
void amt_tunnel_close(struct amt_tunnel *t, uint64_t now_us);
// Adds a channel: ALLOW at once when up (repeated QRV-1 times), with the next current-state report
// otherwise. Its family's side begins if nobody wanted it before. 0, -EEXIST, -ENOMEM, -EINVAL for
// addresses of two families. The forwarding entry must be in place before this call.
int amt_tunnel_join(struct amt_tunnel *t, const struct sg *sg, uint64_t now_us);
// BLOCK, repeated likewise. 0 or -ENOENT. Joining again in between merges (RFC 9776 section 5.1).
int amt_tunnel_leave(struct amt_tunnel *t, const struct sg *sg, uint64_t now_us);
// Many joins or leaves at once: reports are packed between begin and end instead of one a channel.
void amt_tunnel_batch_begin(struct amt_tunnel *t);
void amt_tunnel_batch_end(struct amt_tunnel *t, uint64_t now_us);
// What the tunnel's endpoint received; src_port in host order.
void amt_tunnel_input(struct amt_tunnel *t, const struct addr *src, uint16_t src_port,
	const uint8_t *buf, size_t len, uint64_t now_us);
// Asks the relay again now (address change, ICMP unreachable after an Update): a new Request cycle
// of each side that is up. Nothing when an answer is waited for already (the back-off goes on), and
// a second after the last Request at the earliest.
void amt_tunnel_refresh(struct amt_tunnel *t, uint64_t now_us);
// Nothing of what is joined in a family has come for some time. The relay may have lost our
// memberships, or its secret: the side asks again, as amt_tunnel_refresh(). Called again without
// amt_tunnel_heard() in between, quirks that would explain the silence are tried.
void amt_tunnel_silent(struct amt_tunnel *t, uint8_t family, uint64_t now_us);
// Packets of the family come. Cheap, for any number of calls.
void amt_tunnel_heard(struct amt_tunnel *t, uint8_t family);

// One source of a family brings nothing though others do. When the other family's Request was the
// latest, the relay may have forgotten the MAC of our last Update (AMT_QUIRK_ONE_NONCE): the side
// asks again, and true is returned.
bool amt_tunnel_ask(struct amt_tunnel *t, uint8_t family, uint64_t now_us);
// At once after that, the source brings packets: the relay has that quirk.
void amt_tunnel_answered(struct amt_tunnel *t);

// What is known of a relay, for the life of the gateway and beyond that of tunnels. Pinned quirks
// hold whatever is observed, and nothing else is then learned of that relay.
void amt_relay_pin(struct amt_gateway *gw, const struct addr *relay, unsigned int quirks);
// From now on what is learned of it counts.
void amt_relay_unpin(struct amt_gateway *gw, const struct addr *relay);
// The quirks in force; *pinned (unless NULL): by amt_relay_pin().
unsigned int amt_relay_quirks(const struct amt_gateway *gw, const struct addr *relay, bool *pinned);

void *amt_tunnel_owner(const struct amt_tunnel *t);
void *amt_tunnel_endpoint(const struct amt_tunnel *t);
struct amt_side_view {
	enum amt_tunnel_state state;
	uint32_t channels;
	uint8_t qrv;
	uint32_t query_interval_s;
	bool limit_flag, gateway_flag; // L and G of the last Query
	uint64_t last_query_us, next_request_us;
	uint32_t unanswered; // Requests sent since the last accepted Query
};
struct amt_tunnel_view {
	struct addr relay;
	enum amt_tunnel_state state;
	uint32_t channels; // of both families
	// Of the side that is up, or asks; of IPv4's when both do.
	uint8_t qrv;
	uint32_t query_interval_s;
	bool limit_flag, gateway_flag; // L and G of the last Query
	struct addr gateway_addr;      // as the relay reported it; none without G
	uint16_t gateway_port;
	uint64_t since_us, last_query_us, next_request_us;
	uint32_t unanswered;
	struct amt_side_view ipv4, ipv6; // by the family of the channels
	unsigned int quirks;		 // in force, enum amt_quirk
	bool nat;			 // the relay sees us at another address than we have
	bool ecn;			 // the E flag is sent and answered
};
void amt_tunnel_view(const struct amt_tunnel *t, struct amt_tunnel_view *out);

#endif
