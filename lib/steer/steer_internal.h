// SPDX-License-Identifier: BSD-3-Clause
#ifndef STEER_STEER_INTERNAL_H
#define STEER_STEER_INTERNAL_H

#include "steer/steer.h"

#define STEER_TUPLE_MAX 36 // octets of two IPv6 addresses and two ports

uint32_t steer_key_window(const uint8_t *key, size_t key_len, size_t at);
bool steer_hashes_ports(const struct steer_rss *rss, uint8_t family);

// Where the local port begins in the hashed octets, in bits.
static inline size_t steer_port_bit(enum addr_family family)
{
	return family == ADDR_V4 ? 80 : 272;
}

#endif
