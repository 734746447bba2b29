// SPDX-License-Identifier: BSD-3-Clause
// MLDv2 on a link (RFC 9777): whole IPv6 datagrams. gm.h is the way in.
#ifndef WIRE_MLD_H
#define WIRE_MLD_H

#include <stddef.h>
#include <stdint.h>

#include "wire/gm.h"

#define MLD_QUERY_OCTETS (40 + 8 + 28) // of a query datagram without sources
#define MLD_REPORT_HEAD	 (40 + 8)      // the IP header and the Hop-by-Hop options

// Exponential 16-bit code of section 5.1.3, milliseconds.
uint32_t mld_code_decode(uint16_t code);
uint16_t mld_code_encode(uint32_t value); // nearest not above

// gm_decode() and gm_query_encode() for IPv6.
enum gm_err mld_decode(const uint8_t *ip, size_t len, struct gm_msg *out);
int mld_query_write(const struct gm_query *q, uint8_t *buf, size_t size);
// For gm_report, as igmp_report_head(); to ff02::16, from MLD_REPORT_SOURCE: RFC 9777 wants a
// link-local source, and inside AMT any does (RFC 7450 section 5.2.1).
#define MLD_REPORT_SOURCE "fe80::2"
void mld_report_head(struct wr *w);
void mld_report_finish(uint8_t *buf, size_t len);

#endif
