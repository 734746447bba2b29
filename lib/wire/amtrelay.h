// SPDX-License-Identifier: BSD-3-Clause
// The AMTRELAY record (RFC 8777 section 4): RDATA in, values out; and the reverse name it is asked
// by. We decode it ourselves: the DNS library hands over the octets unchecked.
#ifndef WIRE_AMTRELAY_H
#define WIRE_AMTRELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define AMTRELAY_RRTYPE	  260
#define AMTRELAY_NAME_MAX 255 // octets of a name in wire form, the root label included (RFC 1035)

enum amtrelay_type {
	AMTRELAY_NONE = 0, // no relay is to be used for this source
	AMTRELAY_IPV4 = 1,
	AMTRELAY_IPV6 = 2,
	AMTRELAY_NAME = 3,
};

// A decoded record.
struct amtrelay {
	uint8_t precedence;	 // lower first (section 4.2.1)
	bool discovery_optional; // the D bit (section 4.2.2)
	enum amtrelay_type type;
	struct addr addr;		 // types 1 and 2
	uint8_t name[AMTRELAY_NAME_MAX]; // type 3: wire form, always ended by the root label
	size_t name_len;
	bool rootless; // type 3: the root label was missing and has been added
};

enum amtrelay_err {
	AMTRELAY_OK = 0,
	AMTRELAY_ERR_SHORT = -1,  // no room for precedence and type
	AMTRELAY_ERR_TYPE = -2,	  // undefined type: to be ignored (section 4.2.3)
	AMTRELAY_ERR_LENGTH = -3, // not the length that the type has
	AMTRELAY_ERR_NAME = -4,	  // type 3: pointer, over-long, cut in a label, or octets after it
};

// Decodes RDATA. A name without its root label, as RFC 8777 section 4.3.2 prints one, is accepted
// and flagged; a compression pointer is refused (section 4.2.3). AMTRELAY_OK or what is wrong; *out
// is unspecified then.
enum amtrelay_err amtrelay_decode(const uint8_t *rdata, size_t len, struct amtrelay *out);
// "short", "undefined-type", "length", "name", "ok".
const char *amtrelay_err_name(enum amtrelay_err err);

#define AMTRELAY_RDATA_MAX (2 + AMTRELAY_NAME_MAX)
// The other way round: the octets of RDATA.
size_t amtrelay_encode(const struct amtrelay *in, uint8_t rdata[AMTRELAY_RDATA_MAX]);
// The relay as a zone file has it: an address, a host name (absolute, with or without its dot) or
// "." for none. Sets type, addr and name of *out. 0 or -EINVAL.
int amtrelay_relay_parse(const char *text, struct amtrelay *out);

// 32 nibbles with their dots, "ip6.arpa." and the terminating zero.
#define AMTRELAY_REVERSE_LEN (64 + 9 + 1)
// Writes the name to ask for the relays of a source (section 4.1), absolute, in text. 0, or -EINVAL
// for an address of no family.
int amtrelay_reverse_name(const struct addr *source, char buf[AMTRELAY_REVERSE_LEN]);

#endif
