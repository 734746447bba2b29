// SPDX-License-Identifier: BSD-3-Clause
// PIM version 2 messages that an SSM router meets (RFC 7761 section 4.9): Hello, Join/Prune and
// Assert. Octets in, host-order values out. Both families; a mixed message is told, not refused.
#ifndef WIRE_PIM_H
#define WIRE_PIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define PIM_HOLDTIME_FOREVER 0xffff // Hello and Join/Prune: no expiry
#define PIM_HELLO_LEN	     34	    // what pim_hello_encode() writes without secondary addresses
#define PIM_SECONDARIES_MAX  16	    // addresses of an Address List that are kept
#define PIM_HELLO_MAX_LEN    (PIM_HELLO_LEN + 4 + PIM_SECONDARIES_MAX * 18)
#define PIM_ASSERT_MAX_LEN   50
#define PIM_GROUPS_MAX	     255 // group sets in one Join/Prune: the count is one octet

enum pim_type {
	PIM_HELLO = 0,
	PIM_JOIN_PRUNE = 3,
	PIM_ASSERT = 5,
};

enum pim_err {
	PIM_OK = 0,
	PIM_ERR_SHORT = -1,	// no room for the PIM header
	PIM_ERR_VERSION = -2,	// version is not 2
	PIM_ERR_CHECKSUM = -3,	// over the whole message; over a pseudo-header too for IPv6
	PIM_ERR_MALFORMED = -4, // a length or count passes the end, or an option has a wrong length
	PIM_ERR_FAMILY = -5,	// address family of unknown size: the rest cannot be walked
	PIM_ERR_ENCODING = -6,	// encoding type of unknown size: likewise
};

// Checks length, version and checksum and tells the type, which may be any of 0..15. The reserved
// octet is ignored (RFC 9436 gives it flags).
enum pim_err pim_header_decode(const uint8_t *buf, size_t len, uint8_t *type);
// The same for a message over IPv6, whose sum covers a pseudo-header with the addresses of the IP
// header. The encoders below write the sum of IPv4; pim_cksum6() replaces it.
enum pim_err pim_header_decode6(const uint8_t *buf, size_t len, const struct addr *src,
	const struct addr *dst, uint8_t *type);
void pim_cksum6(uint8_t *buf, size_t len, const struct addr *src, const struct addr *dst);

// What a Hello says. Absent options have their flag clear and value zero, except the holdtime.
struct pim_hello {
	uint16_t holdtime_s; // 105 when the option is absent (section 4.11)
	bool has_genid, has_dr_priority, has_lan_prune_delay;
	uint32_t genid;
	uint32_t dr_priority;
	bool tracking; // the T bit
	uint16_t propagation_delay_ms;
	uint16_t override_interval_ms;
	unsigned int n_secondaries; // Address List; those past the array are checked and left out
	struct addr secondaries[PIM_SECONDARIES_MAX];
};

// buf is the whole message, its header already checked. Unknown options are stepped over by their
// length (section 4.9.2); of a repeated one the last counts. PIM_OK or PIM_ERR_MALFORMED.
enum pim_err pim_hello_decode(const uint8_t *buf, size_t len, struct pim_hello *out);
// Writes a Hello with holdtime, LAN Prune Delay, DR Priority and GenID, whatever the has_ flags
// say, and the Address List if there are secondary addresses. Octets, or -ENOSPC.
int pim_hello_encode(const struct pim_hello *hello, uint8_t *buf, size_t size);

// A Join/Prune that was checked to its last entry. `groups` points into the buffer decoded.
struct pim_jp {
	struct addr upstream;
	uint16_t holdtime_s;
	uint8_t n_groups;
	const uint8_t *groups;
	size_t groups_len; // with whatever trails the last group set
};

// One source of one group set, as it stands in the message: nothing but its size was judged.
struct pim_jp_entry {
	bool join; // else prune
	struct addr g;
	uint8_t g_mask_len;
	struct addr s;
	uint8_t s_mask_len;
	bool wildcard;	 // the W bit: (*,G)
	bool rpt;	 // the R bit: (S,G,rpt)
	bool attributes; // encoding type 1 (RFC 5384); the attributes themselves are stepped over
};
typedef void (*pim_jp_cb)(void *arg, const struct pim_jp_entry *entry);

// buf is the whole message, its header already checked. Every group set and source is walked before
// this says PIM_OK, so that a message is applied whole or not at all. Octets after the last group
// set are ignored.
enum pim_err pim_jp_decode(const uint8_t *buf, size_t len, struct pim_jp *out);
// Hands over the entries of a decoded message in their order.
void pim_jp_walk(const struct pim_jp *jp, pim_jp_cb cb, void *arg);

// A (S,G) entry to send.
struct pim_jp_item {
	struct sg sg;
	bool join;
};
// Writes a Join/Prune. Neighbouring items of one group share a group set, its joins before its
// prunes. Octets; -ENOSPC when they do not fit or need more than PIM_GROUPS_MAX sets; -EINVAL for
// an address of none or of another family than upstream's.
int pim_jp_encode(const struct addr *upstream, uint16_t holdtime_s, const struct pim_jp_item *items,
	size_t n, uint8_t *buf, size_t size);

// An Assert (section 4.9.6). s is unspecified in a (*,G) one.
#define PIM_PREFERENCE_INFINITE 0x7fffffffu
#define PIM_METRIC_INFINITE	0xffffffffu
struct pim_assert_msg {
	struct sg sg;
	uint8_t g_mask_len;  // decoded; a full mask is written
	bool rpt;	     // the R bit
	uint32_t preference; // 31 bits
	uint32_t metric;
};
// buf is the whole message, its header already checked. Octets behind the metric are ignored.
enum pim_err pim_assert_decode(const uint8_t *buf, size_t len, struct pim_assert_msg *out);
// Octets; -ENOSPC; -EINVAL for addresses of none or of two families.
int pim_assert_encode(const struct pim_assert_msg *msg, uint8_t *buf, size_t size);

#endif
