// SPDX-License-Identifier: BSD-3-Clause
// The golden AMT packets by name: frames of test/golden/*.pcap, listed in amt-vectors.names.
#ifndef TEST_UNIT_WIRE_VECTORS_H
#define TEST_UNIT_WIRE_VECTORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct vector {
	char name[64];
	struct addr src, dst; // of the outer IP header
	uint16_t src_port, dst_port;
	uint8_t amt[512]; // UDP payload
	size_t len;
};

#define VECTORS_MAX 128

// All of them, in the order of the list; the number. Fails the test when a file is missing or odd.
size_t vectors_load(struct vector out[VECTORS_MAX]);
// The one whose name begins with id, "A04". Fails the test when there is none.
void vector_get(const char *id, struct vector *out);

#endif
