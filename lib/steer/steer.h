// SPDX-License-Identifier: BSD-3-Clause
// Which worker gets a tunnel. A NIC spreads what it receives by a Toeplitz hash of addresses and
// ports through an indirection table (RETA); the relay's address and port and our address are
// given, our port is ours to choose. Pure: what the port reads back (key, RETA) and the loads come
// in, ports and moves go out.
//
// A queue is an ethdev receive queue; worker w polls queue w where a port has one queue a worker.
#ifndef STEER_STEER_H
#define STEER_STEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define STEER_MAX_KEY	 64   // octets; drivers have 40 or 52
#define STEER_MAX_RETA	 2048 // entries
#define STEER_MAX_QUEUES 64
#define STEER_NO_QUEUE	 UINT16_MAX
#define STEER_NO_LOAD	 UINT64_MAX // of a queue that nobody polls: nothing is steered there
#define STEER_KEY_LEN	 40	    // octets that a hash of IPv6 addresses and ports uses

// What a port does with received packets, as read back from it.
struct steer_rss {
	uint8_t key[STEER_MAX_KEY]; // in the order the driver gives it; the rest is zero
	uint16_t key_len;	    // octets; 0: not known
	uint16_t n_queues;	    // receive queues, at most STEER_MAX_QUEUES
	bool ipv4_udp, ipv6_udp;    // UDP ports are hashed too
	uint16_t reta_size;	    // entries, of any number; 0: not known
	uint16_t reta[STEER_MAX_RETA];
};

// A datagram of a tunnel as we receive it: from the relay to us. Addresses of one family, ports in
// host order.
struct steer_tuple {
	struct addr relay, local;
	uint16_t relay_port, local_port;
};

// Toeplitz hash of len octets: bit 0 is the most significant bit of data[0], and the 32 key bits
// that begin at bit i are added for each bit i that is set. Key bits past key_len are zero.
uint32_t steer_toeplitz(const uint8_t *key, size_t key_len, const uint8_t *data, size_t len);
// The hash that the NIC computes for the tuple (its addresses alone where ports are not hashed).
uint32_t steer_hash(const struct steer_rss *rss, const struct steer_tuple *t);
// The place in the RETA for a hash: its low bits; the remainder for a RETA of an odd size. The RETA
// must not be empty.
unsigned int steer_bucket(const struct steer_rss *rss, uint32_t hash);
// The queue the tuple's packets arrive on; STEER_NO_QUEUE when the port tells no key or RETA.
uint16_t steer_queue(const struct steer_rss *rss, const struct steer_tuple *t);
// NULL when the choice of a local port moves packets of this family between queues; else one phrase
// that says why it does not.
const char *steer_problem(const struct steer_rss *rss, enum addr_family family);

// Ports of one local address that are taken by us, a bit each. Zeroed: none.
struct steer_ports {
	uint64_t taken[65536 / 64];
};
void steer_port_take(struct steer_ports *p, uint16_t port);
void steer_port_free(struct steer_ports *p, uint16_t port);
bool steer_port_taken(const struct steer_ports *p, uint16_t port);

// Local ports are chosen from here up (RFC 6056 section 3.2), 2268 left out.
#define STEER_PORT_MIN 1024
// Free ports looked at for one answer.
#define STEER_WALK STEER_MAX_RETA

// The search for a local port. The hash is linear: a bit of the port that flips always flips the
// same bits of the hash. So the walk over the ports begins at one that nobody can guess and flips
// first the bits that reach the RETA's first 2, 4, 8, ... entries: with entry i on queue i % n it
// meets each of n = 2^k queues within n ports, and the start makes every port of a queue equally
// likely (RFC 8777 section 6.1: who knows the port can inject data).
struct steer_search {
	const struct steer_rss *rss;
	uint16_t (*queue_cb)(void *arg, uint16_t port); // without rss
	void *arg;
	const uint64_t *load;
	unsigned int n_queues;
	const struct steer_ports *ports;
	uint32_t base; // hash with local port 0
	struct {
		uint32_t hash; // what changes with this bit of the port
		uint16_t port; // one bit
	} flip[16];	       // in the order of the walk
	uint64_t least;	       // load of all queues of the RETA
	uint32_t steps, hash;  // of the walk; of its port
	uint16_t port;
	uint16_t preferred; // 0: none
	bool prefer;	    // it has not been offered yet
	unsigned int tries; // hashes computed so far
};
struct steer_choice {
	uint16_t port;	// host order
	uint16_t queue; // its packets arrive there
};
// t: its local_port is not used. load: rss->n_queues loads of any unit, STEER_NO_LOAD for a queue
// not to be used. ports: those not to be offered, or NULL. start: random. All but t live as long as
// the search. steer_problem() must be NULL.
void steer_search_init(struct steer_search *s, const struct steer_rss *rss,
	const struct steer_tuple *t, const uint64_t *load, const struct steer_ports *ports,
	uint16_t start);
// The same where something else than a NIC's hash decides: queue_cb(arg, port).
void steer_search_init_by(struct steer_search *s, uint16_t (*queue_cb)(void *arg, uint16_t port),
	void *arg, const uint64_t *load, unsigned int n_queues, const struct steer_ports *ports,
	uint16_t start);
// Offers a port before all others: whatever the load of its queue when keep is set (the relay knows
// us by it), else only when that is at most `slack` above the least.
void steer_search_prefer(struct steer_search *s, uint16_t preferred, bool keep, uint64_t slack);
// The next port to try, on the queue with the least load among those met. False: no port is left.
bool steer_search_next(struct steer_search *s, struct steer_choice *out);

// What a worker carries.
struct steer_load {
	uint32_t tunnels;
	uint32_t fresh; // of them: their rate is not known yet
	uint64_t pps;	// of the others together
};
// A tunnel counts at least so many packets a second, so that idle ones are spread too.
#define STEER_TUNNEL_PPS 10
// Comparable weights of n workers: a fresh tunnel counts as the mean of the known ones.
void steer_weights(const struct steer_load *loads, unsigned int n, uint64_t *out);

// Rebalancing. An item is what can be moved: a tunnel, or a RETA entry with all its tunnels.
struct steer_item {
	uint64_t load;
	uint64_t allowed; // bit w: may be moved to worker w
	uint16_t worker;  // where it is
};
struct steer_move {
	uint32_t item; // its place in the array
	uint16_t from, to;
};
// Moves from the most to the least loaded workers, each the one that brings the two nearest to each
// other, until no worker that can give has more than 1.02 times the mean, or max moves are found.
// items[].worker and load[0..n_workers) (which includes what cannot be moved) are changed as if the
// moves were made. Returns how many.
unsigned int steer_plan(struct steer_item *items, unsigned int n_items, uint64_t *load,
	unsigned int n_workers, struct steer_move *moves, unsigned int max);
// The highest load relative to the mean: 1 is even, n all on one. 1 without any load.
double steer_balance(const uint64_t *load, unsigned int n);

#endif
