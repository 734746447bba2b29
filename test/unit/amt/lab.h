// SPDX-License-Identifier: BSD-3-Clause
// A gateway with virtual time: what it sends and says is recorded.
#ifndef TEST_UNIT_AMT_LAB_H
#define TEST_UNIT_AMT_LAB_H

#include <stdbool.h>
#include <string.h>

#include "amt/amt.h"
#include "unit/unit.h"
#include "wire/amt.h"
#include "wire/igmp.h"

struct lab_sent {
	uint64_t at_us;
	struct addr dst;
	bool discovery;
	uint8_t buf[1500];
	size_t len;
	struct amt_msg msg; // decoded, pointing into buf
};

struct lab {
	struct timers timers;
	struct rng rng;
	struct amt_gateway *gw;
	uint64_t now;
	struct lab_sent *sent; // since lab_forget()
	size_t n_sent, room;
	enum amt_event events[32];
	size_t n_events;
	bool close_on_event;  // the owner closes the tunnel from its callback
	struct sg join_on_up; // and joins from it
	struct addr local, relay;
	int send_result;
	struct amt_tunnel *t;
};

struct lab_query {
	bool l, g, mld, mirrored;
	uint32_t nonce;	     // 0: that of the last Request
	const char *gateway; // with g
	uint16_t port;
	uint8_t qrv, qqic;
};

// X in the standards' examples: relay 203.0.113.15, gateway 198.51.100.10, RFC timers, MTU 1280.
void lab_open(struct lab *lab);
void lab_open_with(struct lab *lab, uint16_t update_mtu, uint64_t seed);
// With the E flag in Requests.
void lab_open_ecn(struct lab *lab, uint16_t update_mtu);
// Closes the tunnel if it is open, and checks that nothing is left behind.
void lab_close(struct lab *lab);
struct addr lab_addr(const char *text);
struct sg lab_sg(const char *s, const char *g);
// i-th of many channels: groups of `sources` sources each.
struct sg lab_sg_nth(uint32_t i, uint32_t sources);

// Runs all that is due up to then.
void lab_run(struct lab *lab, uint64_t until_us);
void lab_forget(struct lab *lab);
// The messages of a type sent since lab_forget().
size_t lab_count(const struct lab *lab, enum amt_type type);
// The n-th of them. Fails when there is none.
const struct lab_sent *lab_nth(const struct lab *lab, enum amt_type type, size_t n);
// The last Request, of this family.
const struct lab_sent *lab_request(const struct lab *lab, bool mld);
// The nonce of the last Request or Discovery.
uint32_t lab_nonce(const struct lab *lab);

void lab_tunnel(struct lab *lab);
// From the relay, port 2268.
void lab_input(struct lab *lab, const uint8_t *buf, size_t len);
// A Query to the last Request, or with mld, to the last one for MLDv2; the MAC is made from the
// nonce.
void lab_answer(struct lab *lab, const struct lab_query *q);
// A tunnel that is up: QRV 2, QQI 125, no flags.
void lab_up(struct lab *lab);
uint64_t lab_drops(const struct lab *lab);

// The records of an Update, one a source.
struct lab_record {
	uint8_t type;
	struct sg sg;
};
size_t lab_records(const struct lab_sent *s, struct lab_record *out, size_t max);
// Fails unless the Update holds exactly one record of that type and channel.
void lab_expect_record(const struct lab_sent *s, uint8_t type, const struct sg *sg);

#endif
