// SPDX-License-Identifier: BSD-3-Clause
// A generator and sink on ports: a child, or the whole of `inlet-bench generate`. One core sends
// numbered frames of several relays, evenly over the channels or by Zipf's law, and looks at each
// frame that comes back.
#ifndef BENCH_FORWARD_GEN_H
#define BENCH_FORWARD_GEN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/forward_child.h"
#include "bench/forward_frame.h"

#define GEN_TEMPLATES 8192 // picks of a channel, one after the other and again: no more channels
#define GEN_ERR_LEN   320

struct gen_cfg {
	const char *port; // devargs: sends
	const char *sink; // receives; NULL: what comes back is not looked at
	struct frame_shape shape;
	double zipf; // exponent; 0: all channels alike
	const char *eal[4];
	unsigned int cpu_control, cpu;
	bool no_huge;
	int (*before_cb)(void *arg); // in the child, before the EAL: 0 or -errno; may be NULL
	void *arg;
};

// How to send, from a start on.
struct gen_pace {
	double pps;	     // 0: as fast as the window allows
	unsigned int window; // frames sent and not yet back; 0: no limit
	bool native;	     // what comes back has no tunnel headers any more
};

// Since the last start, but for tsc.
struct gen_counters {
	uint64_t tsc, tsc_hz;
	uint64_t sent;
	uint64_t refused;   // that the driver did not take, sent again later
	uint64_t received;  // frames of ours
	uint64_t missing;   // numbers that were skipped, of a channel
	uint64_t reordered; // numbers that came after a higher one of their channel, or twice
	uint64_t wrong;	    // of the right length, but not what they should be
	uint64_t other;	    // somebody else's
};

struct gen {
	struct child child;
};

// Starts it, silent. 0, or -errno with a line in err.
int gen_open(struct gen *g, const struct gen_cfg *cfg, char err[GEN_ERR_LEN]);
void gen_close(struct gen *g);
int gen_start(struct gen *g, const struct gen_pace *pace);
// Stops sending; the sink goes on until the next start.
int gen_stop(struct gen *g);
int gen_counters(struct gen *g, struct gen_counters *out);

// The same in this process: main_cb of its child, and `inlet-bench generate`.
struct gen_inside;
struct gen_inside *gen_inside_open(const struct gen_cfg *cfg, char err[GEN_ERR_LEN]);
void gen_inside_close(struct gen_inside *g);
void gen_inside_start(struct gen_inside *g, const struct gen_pace *pace);
void gen_inside_stop(struct gen_inside *g);
void gen_inside_counters(const struct gen_inside *g, struct gen_counters *out);

#endif
