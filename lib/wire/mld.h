// SPDX-License-Identifier: BSD-3-Clause
// MLDv2 on a link (RFC 9777): whole IPv6 datagrams. gm.h is the way in.
#ifndef WIRE_MLD_H
#define WIRE_MLD_H

#include <stddef.h>
#include <stdint.h>

#include "wire/gm.h"

#define MLD_QUERY_OCTETS (40 + 8 + 28) // of a query datagram without sources

// Exponential 16-bit code of section 5.1.3, milliseconds.
uint32_t mld_code_decode(uint16_t code);
uint16_t mld_code_encode(uint32_t value); // nearest not above

// gm_decode() and gm_query_encode() for IPv6.
enum gm_err mld_decode(const uint8_t *ip, size_t len, struct gm_msg *out);
int mld_query_write(const struct gm_query *q, uint8_t *buf, size_t size);

#endif
