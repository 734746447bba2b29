// SPDX-License-Identifier: BSD-3-Clause
// Addresses, prefixes and channels (S,G), both families in one value type.
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum addr_family { ADDR_NONE = 0, ADDR_V4 = 4, ADDR_V6 = 6 };

// An IP address. bytes is in network order; an IPv4 address uses bytes[0..3]. Unused bytes are
// zero, so that two equal addresses are equal to memcmp() too. A zeroed struct is "none".
struct addr {
	uint8_t family; // enum addr_family
	uint8_t bytes[16];
};

struct prefix {
	struct addr addr; // host bits zero
	uint8_t len;	  // bits, 0..32 or 0..128
};

// A channel: source and SSM group, of one family (RFC 4607 section 2).
struct sg {
	struct addr s;
	struct addr g;
};

#define ADDR_STRLEN   48		    // INET6_ADDRSTRLEN and some room
#define PREFIX_STRLEN (ADDR_STRLEN + 4)	    // "/128"
#define SG_STRLEN     (2 * ADDR_STRLEN + 4) // "(S,G)"

// ip is in network order.
struct addr addr_from_v4(uint32_t ip_be);
// bytes: 16 octets in network order.
struct addr addr_from_v6(const uint8_t bytes[16]);
// The IPv4 address in network order; 0 for another family.
uint32_t addr_to_v4(const struct addr *a);
// Octets of an address of this family: 4, 16 or 0.
size_t addr_size(const struct addr *a);

// Parses dotted quad or RFC 4291 text. 0, or -EINVAL.
int addr_parse(const char *text, struct addr *out);
// Writes the text form, "-" for none; always terminated. Returns buf.
const char *addr_format(const struct addr *a, char buf[ADDR_STRLEN]);

bool addr_eq(const struct addr *a, const struct addr *b);
// Order: family, then the octets as an unsigned number. <0, 0, >0.
int addr_cmp(const struct addr *a, const struct addr *b);
bool addr_is_none(const struct addr *a);
bool addr_is_multicast(const struct addr *a);
bool addr_is_unspecified(const struct addr *a);
bool addr_is_loopback(const struct addr *a);
bool addr_is_linklocal(const struct addr *a);
// True for what can be the address of one host on the Internet side: not none, unspecified,
// loopback, link-local, multicast, 0/8, 240/4 or broadcast (RFC 1812 section 5.3.7).
bool addr_is_unicast(const struct addr *a);

// True for an address that is nobody's in the Internet: RFC 1918, RFC 6598 and RFC 4193.
bool addr_is_private(const struct addr *a);

// "a/len"; a bare address is a host prefix. Host bits are cleared. 0, or -EINVAL.
int prefix_parse(const char *text, struct prefix *out);
const char *prefix_format(const struct prefix *p, char buf[PREFIX_STRLEN]);
// Families must be the same to match.
bool prefix_match(const struct prefix *p, const struct addr *a);
// Whether any of n prefixes matches.
bool prefix_match_any(const struct prefix *p, unsigned int n, const struct addr *a);

// Whether a group is in a range of groups. One of IPv6 groups whose scope digit is 0, which is no
// scope (RFC 4291 section 2.7), holds the groups of all scopes: ff30::/32 stands for ff3x::/32.
bool group_in_range(const struct prefix *range, const struct addr *g);
// Whether a multicast address is no channel's group, whatever the ranges: RFC 4607 section 4.3
// excludes it (232.0.0.0, ff3x::4000:0 and below), or no router forwards its scope (ffx2::/16 and
// below, RFC 4291 section 2.7).
bool group_is_never(const struct addr *g);
// Whether g can be the group of a channel: in one of the ranges, and not one that never is.
bool group_is_ssm(const struct prefix *ranges, unsigned int n, const struct addr *g);

bool sg_eq(const struct sg *a, const struct sg *b);
int sg_cmp(const struct sg *a, const struct sg *b);
const char *sg_format(const struct sg *sg, char buf[SG_STRLEN]);

// port is in host order. Returns the length of the sockaddr, 0 for an address of no family.
socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *out);
// port may be NULL; host order. 0, or -EAFNOSUPPORT.
int addr_from_sockaddr(const struct sockaddr *sa, struct addr *out, uint16_t *port);

#endif
