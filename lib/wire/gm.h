// SPDX-License-Identifier: BSD-3-Clause
// Group membership on a link: IGMPv3 (RFC 9776) and MLDv2 (RFC 9777) messages as whole IP
// datagrams, in one form for both families; on a link and inside AMT.
#ifndef WIRE_GM_H
#define WIRE_GM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/cursor.h"

enum gm_type {
	GM_QUERY,      // IGMPv3, MLDv2
	GM_REPORT,     // IGMPv3, MLDv2
	GM_OLD_QUERY,  // IGMPv1 and v2, MLDv1
	GM_OLD_REPORT, // the same
	GM_OLD_LEAVE,  // IGMPv2 Leave, MLDv1 Done
};

enum gm_err {
	GM_OK = 0,
	GM_ERR_IP = -1,	      // IP header invalid, longer than the buffer, or a fragment
	GM_ERR_PROTOCOL = -2, // neither IGMP nor ICMPv6
	GM_ERR_TYPE = -3,     // another message of these protocols
	GM_ERR_LENGTH = -4,   // not a length that such a message has, or a record past its end
	GM_ERR_CHECKSUM = -5,
};

// Sources of a query or a record, still on the wire.
struct gm_sources {
	struct rd rd;
	uint8_t family;
	uint16_t left;
};

struct gm_record {
	uint8_t type; // enum igmp_record_type, or another: the receiver ignores those
	struct addr group;
	struct gm_sources sources;
};

struct gm_records {
	struct rd rd;
	uint8_t family;
	uint16_t left;
};

struct gm_msg {
	enum gm_type type;
	struct addr src, dst; // of the IP header; none when that is invalid
	uint8_t ttl;	      // or hop limit
	bool router_alert;
	struct addr group; // of a query (none: General), an old report or leave
	// Of a GM_QUERY:
	uint32_t max_resp_ms;
	bool suppress; // the S flag
	uint8_t qrv;   // 0: the default
	uint32_t qqi_s;
	struct gm_sources sources;
	struct gm_records records; // of a GM_REPORT
};

// Decodes a datagram of either family; out points into it. Checksum, lengths and every record are
// checked; TTL, Router Alert and addresses are only told. Octets past the IP length and past the
// last record are ignored (they count in the checksum). On an error src and dst are set where the
// IP header was good.
enum gm_err gm_decode(const uint8_t *ip, size_t len, struct gm_msg *out);

// Each takes the next one off; false at the end.
bool gm_record_next(struct gm_records *it, struct gm_record *out);
bool gm_source_next(struct gm_sources *it, struct addr *out);

// A query to send. Values that the wire's code cannot say become the next lower ones.
struct gm_query {
	struct addr src; // gives the family
	uint32_t max_resp_ms;
	bool suppress;
	uint8_t qrv;
	uint32_t qqi_s;
	struct addr group; // none: General
	const struct addr *sources;
	uint16_t n_sources;
};
// Writes the datagram: to 224.0.0.1 or ff02::1 when General, else to the group; TTL 1, Router
// Alert. Octets, or -ENOSPC, -EINVAL for addresses of two families.
int gm_query_encode(const struct gm_query *q, uint8_t *buf, size_t size);
// How many sources fit into a query of so many octets.
size_t gm_query_capacity(uint8_t family, size_t octets);

// Builds a report datagram to 224.0.0.22 or ff02::16, record by record, never past the size given.
struct gm_report {
	uint8_t family;
	uint8_t *buf;
	size_t size, len;
	uint16_t n_records;
	size_t record; // offset of the open record, 0 when none
	uint16_t n_sources;
};
void gm_report_begin(struct gm_report *r, uint8_t family, uint8_t *buf, size_t size);
// Adds source s to a record of this type (enum igmp_record_type) and group; opens one when the last
// is of another type or group. 0, or -ENOSPC: end this report and begin another. A report too small
// for one is -ENOSPC too. -EINVAL for addresses of another family.
int gm_report_add(struct gm_report *r, uint8_t type, const struct sg *sg);
// Fills in lengths and checksums. Octets of the datagram.
int gm_report_end(struct gm_report *r);

// What a peer decodes from the codes for these values: the nearest not above.
uint32_t gm_max_resp_ms(uint8_t family, uint32_t ms);
uint32_t gm_qqi_s(uint32_t s);

// For igmp.c and mld.c.
struct addr gm_rd_addr(struct rd *r, uint8_t family);
// S flag and QRV, QQIC, number of sources, sources: alike in both protocols.
enum gm_err gm_rd_query(struct rd *r, uint8_t family, struct gm_msg *out);
// The records of a report, from their number on; GM_ERR_LENGTH when one runs past the end.
enum gm_err gm_rd_records(struct rd *r, uint8_t family, struct gm_records *out);
// What gm_rd_query() reads.
void gm_wr_query(struct wr *w, const struct gm_query *q);

#endif
