// SPDX-License-Identifier: BSD-3-Clause
// Complete frames as relays send them, for forwarding through ports: all checksums right, a
// sequence number at the end of the payload.
#ifndef BENCH_FORWARD_FRAME_H
#define BENCH_FORWARD_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/addr.h"

#define FRAME_MARK	  16 // the last octets of a frame: a sequence number, and its complement
#define FRAME_MIN_PAYLOAD FRAME_MARK
#define FRAME_MAX_PAYLOAD 1400
#define FRAME_OVERHEAD	  72 // Ethernet, IPv4, UDP, AMT, inner IPv4 and UDP
#define FRAME_NATIVE	  42 // what is left of it on the other side
#define FRAME_MAX	  (FRAME_OVERHEAD + FRAME_MAX_PAYLOAD)
#define FRAME_LOCAL	  0xc0000201u // 192.0.2.1
#define FRAME_TTL	  30	      // inner, as it comes in

struct frame_shape {
	uint32_t channels, tunnels; // channels are spread over the tunnels
	uint16_t payload;	    // octets inside the inner UDP datagram
	bool udp_cksum;		    // of the outer datagram; else 0, as RFC 7450 allows
	uint8_t dst[6], src[6];	    // Ethernet
};

uint32_t frame_tunnel(const struct frame_shape *s, uint32_t channel);
struct sg frame_sg(uint32_t channel);
// Host order.
uint32_t frame_relay(uint32_t tunnel);
uint16_t frame_port(uint32_t tunnel);

// Writes a frame with sequence number 0, returns its length.
size_t frame_build(uint8_t p[FRAME_MAX], const struct frame_shape *s, uint32_t channel);

// Another sequence number in a frame of len octets. Because its complement follows, no checksum
// changes.
static inline void frame_number(uint8_t *p, size_t len, uint64_t seq)
{
	uint64_t mark[2] = {seq, ~seq};

	memcpy(p + len - FRAME_MARK, mark, sizeof(mark));
}

// What came out; native: the tunnel's headers have to be gone, the TTL to be one less and the
// Ethernet address to be the group's. False: not a frame of ours, or not right.
bool frame_read(const uint8_t *p, size_t len, const struct frame_shape *s, bool native,
	uint32_t *channel, uint64_t *seq);

// Writes n frames of random channels, from a fixed seed, as a capture file. 0 or -errno.
int frame_write(const struct frame_shape *s, unsigned int n, int fd);
// The same in memory, without a name: path gets one that children can open while this process
// lives. fd, or -errno.
#define FRAME_PATH_LEN 64
int frame_capture(const struct frame_shape *s, unsigned int n, char path[FRAME_PATH_LEN]);

#endif
