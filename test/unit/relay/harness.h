// SPDX-License-Identifier: BSD-3-Clause
// A relay under virtual time, with what it sent and wished kept for the tests.
#ifndef TEST_UNIT_RELAY_HARNESS_H
#define TEST_UNIT_RELAY_HARNESS_H

#include "unit/unit.h"

#include <stdbool.h>

#include "amt/relay.h"
#include "unit/wire/vectors.h"
#include "wire/amt.h"
#include "wire/igmp.h"

#define KEPT 128

struct harness {
	struct relay *r;
	struct relay_options opt;
	struct timers timers;
	struct rng rng;
	uint64_t now_us;
	struct {
		struct addr local, dst;
		uint16_t port;
		uint8_t ecn; // of data
		uint8_t buf[256];
		size_t len;
	} sent[KEPT], data[KEPT];
	unsigned int n_sent, n_data;
	struct {
		struct sg sg;
		bool wanted;
	} wants[KEPT];
	unsigned int n_wants;
};

int harness_setup(void **state); // cmocka fixtures; the state is the struct harness
int harness_teardown(void **state);

struct addr ip4(const char *text);
struct sg sg4(const char *s, const char *g);
// Timers run on the way.
void advance(struct harness *h, uint64_t seconds);
// A golden message, from where it came and to where it went.
void input_vector(struct harness *h, const struct vector *v);
void input(
	struct harness *h, const struct addr *src, uint16_t port, const uint8_t *buf, size_t len);
// The number of drops for this reason, and that no other reason has any.
uint64_t only_drops(const struct harness *h, enum relay_drop why);
uint64_t all_drops(const struct harness *h);

// A gateway: Request, and the Query's MAC and nonce for what follows.
struct gateway {
	struct addr addr;
	uint16_t port;
	uint32_t nonce;
	uint8_t mac[AMT_MAC_LEN];
};
struct gateway gateway_request(struct harness *h, const char *addr, uint16_t port, uint32_t nonce);
// The same with the E flag.
struct gateway gateway_request_e(
	struct harness *h, const char *addr, uint16_t port, uint32_t nonce);
// An Update with these records, written as {type, "S", "G"}; NULL S for a record without sources.
struct rec {
	uint8_t type;
	const char *s, *g;
};
// Octets of the AMT message.
size_t update_make(const struct gateway *gw, const struct rec *recs, size_t n, uint8_t buf[512]);
void update(
	struct harness *h, const struct gateway *gw, uint8_t type, const char *s, const char *g);
void teardown(struct harness *h, const struct gateway *gw, uint16_t from_port);
// True when the relay sends data of (s,g) to this gateway, exactly once.
bool gets(struct harness *h, const struct gateway *gw, const char *s, const char *g);

#endif
