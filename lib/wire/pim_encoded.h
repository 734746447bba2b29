// SPDX-License-Identifier: BSD-3-Clause
// The frame and the encoded addresses that PIM messages share (RFC 7761 section 4.9.1). For the
// files of the codec.
#ifndef WIRE_PIM_ENCODED_H
#define WIRE_PIM_ENCODED_H

#include "base/cursor.h"
#include "wire/pim.h"

#define PIM_VERSION    2
#define PIM_HEADER_LEN 4

// Address families; encodings (RFC 5384 section 3.1 for type 1); flags of an encoded source.
#define PIM_FAMILY_IPV4	    1
#define PIM_FAMILY_IPV6	    2
#define PIM_ENCODING_NATIVE 0
#define PIM_ENCODING_ATTR   1
#define PIM_SOURCE_SPARSE   0x04
#define PIM_SOURCE_WILDCARD 0x02
#define PIM_SOURCE_RPT	    0x01

void pim_begin(struct wr *w, enum pim_type type);
// Octets of the message with its checksum filled in (IPv4's), or -ENOSPC.
int pim_end(struct wr *w);

// The address of an encoded form, after its family octet.
enum pim_err pim_read_addr(struct rd *r, uint8_t family, struct addr *out);
enum pim_err pim_read_unicast(struct rd *r, struct addr *out);
enum pim_err pim_read_group(struct rd *r, struct addr *out, uint8_t *mask_len);
void pim_write_unicast(struct wr *w, const struct addr *a);
// With a full mask and no flags.
void pim_write_group(struct wr *w, const struct addr *g);
// With a full mask; flags: PIM_SOURCE_*.
void pim_write_source(struct wr *w, const struct addr *s, uint8_t flags);

#endif
