// SPDX-License-Identifier: BSD-3-Clause
// AMT gateway engine (RFC 7450 section 5.2), IPv4 tunnels carrying IPv4 channels. Pure: messages
// and the time come in, messages and events go out through amt_ops; amt_io.h owns the sockets. One
// tunnel (pseudo-interface, section 5.2.2) a relay address and local address.
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

enum amt_tunnel_state {
	AMT_REQUESTING, // Request sent, no Query accepted yet
	AMT_UP,		// a Query was accepted; the query cycle runs
	AMT_FAILED,	// given up; the owner has been told and must close it
};
const char *amt_tunnel_state_name(enum amt_tunnel_state s); // "requesting" ...

enum amt_event {
	AMT_EV_UP,    // first Query accepted: current-state report follows at once
	AMT_EV_DOWN,  // Requests unanswered request_tries times: state is AMT_FAILED
	AMT_EV_FULL,  // Query with L=1 while nothing was joined through the tunnel: AMT_FAILED
	AMT_EV_LIMIT, // Query with L=1 while channels are joined: others are better sent elsewhere
	AMT_EV_ENDPOINT, // G=1 and our address or port as the relay sees it changed; Teardown sent
};

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
	uint16_t update_mtu; // octets of the IPv4 datagram that an Update makes, at most
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
	X(QUERY_LENGTH, "Query is not IGMPv3 by its length")                 \
	X(QUERY_CHECKSUM, "Query's IGMP checksum wrong")                     \
	X(QUERY_NOT_GENERAL, "Query is not a General Query")                 \
	X(QUERY_GATEWAY, "Query has G=1 but no room for the gateway fields")

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

// NULL with errno set: ENOMEM, or EINVAL for an update_mtu below 84.
struct amt_gateway *amt_gateway_create(const struct amt_cfg *cfg, const struct amt_ops *ops,
	void *ctx, struct timers *timers, struct rng *rng);
// All tunnels and discoveries must be closed.
void amt_gateway_destroy(struct amt_gateway *gw);
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

// Opens a tunnel and sends the first Request. `owner` is the caller's, returned by
// amt_tunnel_owner(). `endpoint` is the IO's (the socket), returned by amt_tunnel_endpoint(). NULL:
// out of memory.
struct amt_tunnel *amt_tunnel_open(struct amt_gateway *gw, const struct addr *relay, void *owner,
	void *endpoint, uint64_t now_us);
// With channels joined: Teardown when the relay sets G, else an Update that BLOCKs everything
// (section 5.2.3.8). Then frees; no event comes.
void amt_tunnel_close(struct amt_tunnel *t, uint64_t now_us);
// Adds a channel: ALLOW at once when up (repeated QRV-1 times), with the next current-state report
// otherwise. 0, -EEXIST, -ENOMEM, -EINVAL when not IPv4. The forwarding entry must be in place
// before this call.
int amt_tunnel_join(struct amt_tunnel *t, const struct sg *sg, uint64_t now_us);
// BLOCK, repeated likewise. 0 or -ENOENT. Joining again in between merges (RFC 9776 section 5.1).
int amt_tunnel_leave(struct amt_tunnel *t, const struct sg *sg, uint64_t now_us);
// Many joins or leaves at once: reports are packed between begin and end instead of one a channel.
void amt_tunnel_batch_begin(struct amt_tunnel *t);
void amt_tunnel_batch_end(struct amt_tunnel *t, uint64_t now_us);
// What the tunnel's endpoint received; src_port in host order.
void amt_tunnel_input(struct amt_tunnel *t, const struct addr *src, uint16_t src_port,
	const uint8_t *buf, size_t len, uint64_t now_us);
// Asks the relay again now (address change, ICMP unreachable after an Update, silence): a new
// Request cycle. Nothing when an answer is waited for already (the back-off goes on), and a second
// after the last Request at the earliest.
void amt_tunnel_refresh(struct amt_tunnel *t, uint64_t now_us);

void *amt_tunnel_owner(const struct amt_tunnel *t);
void *amt_tunnel_endpoint(const struct amt_tunnel *t);
struct amt_tunnel_view {
	struct addr relay;
	enum amt_tunnel_state state;
	uint32_t channels;
	uint8_t qrv;
	uint32_t query_interval_s;
	bool limit_flag, gateway_flag; // L and G of the last Query
	struct addr gateway_addr;      // as the relay reported it; none without G
	uint16_t gateway_port;
	uint64_t since_us, last_query_us, next_request_us;
	uint32_t unanswered; // Requests sent since the last accepted Query
};
void amt_tunnel_view(const struct amt_tunnel *t, struct amt_tunnel_view *out);

#endif
