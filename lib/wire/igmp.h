// SPDX-License-Identifier: BSD-3-Clause
// IGMPv3 (RFC 9776): whole IPv4 datagrams. gm.h reads and writes both families.
#ifndef WIRE_IGMP_H
#define WIRE_IGMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "wire/gm.h"

#define IGMP_QUERY_OCTETS (24 + 12) // of a query datagram without sources
#define IGMP_REPORT_HEAD  24	    // the IP header

enum igmp_record_type {
	IGMP_IS_IN = 1,
	IGMP_IS_EX = 2,
	IGMP_TO_IN = 3,
	IGMP_TO_EX = 4,
	IGMP_ALLOW = 5,
	IGMP_BLOCK = 6,
};

struct igmp_query {
	uint32_t max_resp_ds; // tenths of a second, decoded
	uint8_t qrv;	      // as received; 0 means the default, 2
	uint32_t qqi_s;	      // decoded from QQIC as received; 0 means the default, 125
	struct addr group;    // none for a General Query
	uint16_t n_sources;
};

enum igmp_err {
	IGMP_OK = 0,
	IGMP_ERR_IP = -1,	// inner IP header invalid, or longer than the buffer
	IGMP_ERR_PROTOCOL = -2, // not IPv4, or not IGMP, or not a query/report
	IGMP_ERR_LENGTH = -3,	// not the length of an IGMPv3 message (8 octets: v1/v2)
	IGMP_ERR_CHECKSUM = -4,
};

// Decodes an IPv4 datagram holding an IGMPv3 query. The IP source, Router Alert, TOS and IHL are
// not checked (standards Q-08, Q-08b). Octets past the IP total length are ignored.
enum igmp_err igmp_query_decode(const uint8_t *ip, size_t len, struct igmp_query *out);
// Exponential 8-bit code of section 4.1.1 / 4.1.7.
uint32_t igmp_code_decode(uint8_t code);
uint8_t igmp_code_encode(uint32_t value); // nearest not above

// Writes a General Query datagram to 224.0.0.1 (with Router Alert, TTL 1, TOS 0xc0). Octets, or
// -ENOSPC.
int igmp_query_encode(const struct addr *src, uint8_t max_resp_code, uint8_t qrv, uint8_t qqic,
	uint8_t *buf, size_t size);

// Walks a report (the relay's side). cb is called for each source of each record, and once with
// s = none for a record without sources. Unknown record types are passed on too; aux data is
// skipped. Everything is checked before the first callback.
typedef void (*igmp_record_cb)(void *arg, uint8_t type, const struct addr *g, const struct addr *s);
enum igmp_err igmp_report_decode(const uint8_t *ip, size_t len, igmp_record_cb cb, void *arg);

// gm_decode() and gm_query_encode() for IPv4.
enum gm_err igmp_decode(const uint8_t *ip, size_t len, struct gm_msg *out);
int igmp_query_write(const struct gm_query *q, uint8_t *buf, size_t size);
// For gm_report: what stands in front of the records, from 0.0.0.0 to 224.0.0.22; and what depends
// on all that follows.
void igmp_report_head(struct wr *w);
void igmp_report_finish(uint8_t *buf, size_t len);

#endif
