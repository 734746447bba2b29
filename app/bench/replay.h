// SPDX-License-Identifier: BSD-3-Clause
// Frames of a capture as the feed: its AMT data says which tunnels and channels there are.
#ifndef BENCH_REPLAY_H
#define BENCH_REPLAY_H

#include <stdint.h>

#include "base/addr.h"
#include "bench/feed.h"

#define REPLAY_MAX_FRAMES 4096

struct replay_frame {
	uint8_t *p;
	uint16_t len;
	bool forwarded; // by the oracle, when all is joined
};

struct replay_tunnel {
	struct addr relay, local;
	uint16_t port; // local, host order
};

struct replay_channel {
	struct sg sg;
	uint32_t tunnel;
};

struct replay {
	unsigned int n_frames, n_forwarded; // of which the oracle would forward, all being joined
	uint32_t n_tunnels, n_channels;
	struct replay_frame frames[REPLAY_MAX_FRAMES];
	struct replay_tunnel tunnels[REPLAY_MAX_FRAMES];
	struct replay_channel channels[REPLAY_MAX_FRAMES];
};

// Reads the first frames of an Ethernet capture (pcap or pcapng), those longer than an mbuf left
// out. NULL after a message on stderr.
struct replay *replay_read(const char *path);
void replay_free(struct replay *r);

#endif
