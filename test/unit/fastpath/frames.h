// SPDX-License-Identifier: BSD-3-Clause
// Frames for the tests, and what a slow and plain reading of the RFCs makes of them.
#ifndef TEST_UNIT_FASTPATH_FRAMES_H
#define TEST_UNIT_FASTPATH_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 512

struct frame {
	char name[64];
	uint8_t p[FRAME_MAX];
	size_t len;
};

// The golden frame whose name begins with id, "A12", or the i-th of them all (false past the end).
void frame_golden(const char *id, struct frame *out);
bool frame_nth(unsigned int i, struct frame *out);

// Sets the header checksum of the IPv4 header at offset off; the UDP checksum of the outer datagram
// (Ethernet and IPv4 header without options).
void frame_fix_ip(struct frame *f, size_t off);
void frame_fix_udp(struct frame *f);

// What the tunnel's data frame has to look like downstream, from its inner datagram: recomputed
// from nothing. ethernet source from mac. Returns the length.
size_t frame_expect(const struct frame *in, const uint8_t mac[6], uint8_t *out);

#endif
