// SPDX-License-Identifier: BSD-3-Clause
// AMT messages (RFC 7450 section 5.1, RFC 9601 for the E flag): the UDP payload in, values out.
#ifndef WIRE_AMT_H
#define WIRE_AMT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define AMT_PORT    2268
#define AMT_MAC_LEN 6

enum amt_type {
	AMT_RELAY_DISCOVERY = 1,
	AMT_RELAY_ADVERTISEMENT = 2,
	AMT_REQUEST = 3,
	AMT_MEMBERSHIP_QUERY = 4,
	AMT_MEMBERSHIP_UPDATE = 5,
	AMT_MULTICAST_DATA = 6,
	AMT_TEARDOWN = 7,
};

// A decoded message; only the members of its type are set. Values in host order. `inner` points
// into the buffer that was decoded.
struct amt_msg {
	enum amt_type type;
	uint32_t nonce;		  // 1..5, 7
	struct addr relay;	  // 2
	bool p, e;		  // 3: MLDv2 wanted; ECN-capable
	bool l, g;		  // 4: limit; gateway fields present
	bool mirrored;		  // 3, 4: flags as Linux has them, P and G at 0x80, L at 0x40
	uint8_t mac[AMT_MAC_LEN]; // 4, 5, 7
	struct addr gateway_addr; // 4 with g, 7
	uint16_t gateway_port;	  // 4 with g, 7
	const uint8_t *inner;	  // 4, 5, 6: encapsulated datagram (and what may trail it)
	size_t inner_len;	  // 4 with g: without the 18 gateway octets
};

enum amt_decode_err {
	AMT_OK = 0,
	AMT_ERR_SHORT = -1,	 // truncated for its type
	AMT_ERR_VERSION = -2,	 // version is not 0
	AMT_ERR_TYPE = -3,	 // undefined type
	AMT_ERR_ADV_LENGTH = -4, // Advertisement address neither 4 nor 16 octets
	AMT_ERR_GATEWAY = -5,	 // Query with G=1 without room for the gateway fields
};

// Reserved bits are ignored. AMT_OK or what is wrong; *out is unspecified then.
enum amt_decode_err amt_decode(const uint8_t *buf, size_t len, struct amt_msg *out);
// The same of a message whose sender has its flags mirrored; E is not known there.
enum amt_decode_err amt_decode_mirrored(const uint8_t *buf, size_t len, struct amt_msg *out);
// Writes msg (inner copied for types 4, 5 and 6). The octets written, or -ENOSPC, or -EINVAL for a
// type or address that cannot be encoded.
int amt_encode(const struct amt_msg *msg, uint8_t *buf, size_t size);

#endif
