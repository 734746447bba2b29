// SPDX-License-Identifier: BSD-3-Clause
// One PIM interface in virtual time, and what it did as text. Neighbour n is 10.1.1.n; we are
// 10.1.1.1. Channel c is (192.0.2.c, 232.252.0.c). With PIM_FAMILY=6 in the environment the same
// over IPv6: fe80::n, (2001:db8::c, ff3e::8000:c).
#ifndef TEST_UNIT_PIM_HARNESS_H
#define TEST_UNIT_PIM_HARNESS_H

#include "base/addr.h"
#include "base/rng.h"
#include "base/timer.h"
#include "pim/pim.h"
#include "wire/pim.h"

#define BENCH_START_US (1000 * US_PER_S)

struct bench {
	struct timers timers;
	struct rng rng;
	struct pim_if *pif;
	uint64_t now_us;
	struct prefix ranges[2]; // 232/8 and 233/8, or ff3e::/32 and ff35::/32
	bool log_hellos;	 // our Hellos are told too
	bool log_includes;	 // include_cb is too
	// Actions since bench_expect(), each followed by a blank:
	//   +c/n  wanted because of neighbour n      -c/n  no longer, n is 0 for a timer
	//   echo-c  a PruneEcho     hello-H  a Hello of holdtime H
	//   assert-c, cancel-c  an Assert of ours, an AssertCancel
	//   mute-c, unmute-c  another router forwards it, or no longer does
	//   dr, not-dr  with log_includes: we are the DR now, or no longer are
	//   serve-c, leave-c  with log_includes: receivers attached directly are ours, or not
	char done[4096];
	unsigned int wanted; // channels wanted now
	unsigned int muted;
	bool dry;	    // no packets of any channel come in from its source
	unsigned int local; // a channel that receivers on the interface want without PIM; 0: none
	uint8_t last[2048]; // last message sent
	size_t last_len;
};

bool bench_is_v6(void);
// Of the two the one of the family.
struct addr bench_addr(const char *v4, const char *v6);
struct addr addr_of(const char *text);
struct addr neighbor_addr(unsigned int n);
unsigned int neighbor_number(const struct addr *a);
struct sg channel_sg(unsigned int c);
struct pim_cfg bench_cfg(struct bench *b);

// Up as 10.1.1.1, with the first Hello sent unless quiet; in watch mode the daemon has the address.
void bench_begin(struct bench *b);
void bench_begin_cfg(struct bench *b, const struct pim_cfg *cfg);
// Also checks that every want was ended.
void bench_end(struct bench *b);
// Runs every timer until ms after the start, each at its own time.
void bench_until(struct bench *b, uint64_t ms);
// The actions since the last call are exactly these.
#define bench_expect(b, text) bench_expect_at((b), (text), __FILE__, __LINE__)
void bench_expect_at(struct bench *b, const char *text, const char *file, int line);

// To all PIM routers from neighbour n.
void bench_input(struct bench *b, unsigned int n, const uint8_t *pim, size_t len);
void bench_hello(struct bench *b, unsigned int n, uint16_t holdtime_s, uint32_t genid);
// A Hello without any option but the holdtime.
void bench_bare_hello(struct bench *b, unsigned int n, uint16_t holdtime_s);
void bench_join(struct bench *b, unsigned int n, unsigned int c, uint16_t holdtime_s);
void bench_prune(struct bench *b, unsigned int n, unsigned int c);
// A Join or Prune of neighbour n that names neighbour `upstream`.
void bench_jp(struct bench *b, unsigned int n, unsigned int upstream, unsigned int c, bool join,
	uint16_t holdtime_s);
// preference 0x7fffffff and metric 0xffffffff: an AssertCancel.
void bench_assert(
	struct bench *b, unsigned int n, unsigned int c, uint32_t preference, uint32_t metric);
// A native packet of the channel comes in.
void bench_data(struct bench *b, unsigned int c);
void bench_hello_priority(struct bench *b, unsigned int n, uint16_t holdtime_s, uint32_t priority);
// How many drops of all kinds; one kind.
uint64_t bench_drops(const struct bench *b);
uint64_t bench_drop(const struct bench *b, enum pim_drop why);
// Makes version and checksum right.
void pim_seal(uint8_t *pim, size_t len);

// The PIM packets of a capture, over IPv4 and IPv6.
struct frame {
	struct addr src, dst;
	uint64_t at_us; // since the first
	uint8_t pim[1024];
	size_t len;
};
#define FRAMES_MAX 64
size_t frames_load(const char *file, struct frame out[FRAMES_MAX]);

#endif
