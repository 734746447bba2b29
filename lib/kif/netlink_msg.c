// SPDX-License-Identifier: BSD-3-Clause
#include "kif/netlink_msg.h"

#include <assert.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>

#define MTU_MIN 68 // RFC 791
#define MTU_MAX 65535

// A walk over attributes; a broken one ends it with rc -EBADMSG.
struct attrs {
	const uint8_t *at;
	size_t left;
	int rc;
	uint16_t type;
	const uint8_t *data;
	size_t len;
};

static bool attr_next(struct attrs *a)
{
	struct nlattr nla;
	size_t padded;

	// Trailing padding may be shorter than a header.
	if (a->left < sizeof(nla))
		return false;
	memcpy(&nla, a->at, sizeof(nla));
	if (nla.nla_len < sizeof(nla) || nla.nla_len > a->left) {
		a->rc = -EBADMSG;
		return false;
	}
	a->type = nla.nla_type & NLA_TYPE_MASK;
	a->data = a->at + sizeof(nla);
	a->len = nla.nla_len - sizeof(nla);
	padded = NLA_ALIGN((size_t)nla.nla_len);
	if (padded > a->left)
		padded = a->left;
	a->at += padded;
	a->left -= padded;
	return true;
}

static bool attr_u32(const struct attrs *a, uint32_t *out)
{
	if (a->len != sizeof(*out))
		return false;
	memcpy(out, a->data, sizeof(*out));
	return true;
}

static void take_name(const struct attrs *a, char name[16])
{
	size_t len = strnlen((const char *)a->data, a->len);

	if (len < 16) {
		memcpy(name, a->data, len);
		name[len] = '\0';
	}
}

// Only what can be the address of a port: not zero, not a group's.
static void take_mac(const struct attrs *a, uint8_t mac[6])
{
	static const uint8_t zero[6];

	if (a->len == 6 && memcmp(a->data, zero, 6) != 0 && (a->data[0] & 1) == 0)
		memcpy(mac, a->data, 6);
}

static int parse_link(uint16_t type, struct attrs *a, struct netlink_event *ev)
{
	struct ifinfomsg ifi;
	uint32_t mtu;

	if (a->left < sizeof(ifi))
		return -EBADMSG;
	memcpy(&ifi, a->at, sizeof(ifi));
	a->at += sizeof(ifi);
	a->left -= sizeof(ifi);
	// Bridges speak of their ports in messages of this type too.
	if (ifi.ifi_family != AF_UNSPEC || ifi.ifi_index <= 0)
		return -ENOMSG;
	ev->type = type == RTM_NEWLINK ? NETLINK_LINK : NETLINK_LINK_GONE;
	ev->ifindex = ifi.ifi_index;
	ev->up = (ifi.ifi_flags & IFF_UP) != 0;
	while (attr_next(a)) {
		if (a->type == IFLA_IFNAME)
			take_name(a, ev->name);
		else if (a->type == IFLA_MTU && attr_u32(a, &mtu) && mtu >= MTU_MIN &&
			 mtu <= MTU_MAX)
			ev->mtu = mtu;
		else if (a->type == IFLA_ADDRESS)
			take_mac(a, ev->mac);
	}
	return a->rc;
}

static void take_addr(const struct attrs *a, uint8_t family, struct addr *out)
{
	uint32_t v4;

	if (family == AF_INET && a->len == sizeof(v4)) {
		memcpy(&v4, a->data, sizeof(v4));
		*out = addr_from_v4(v4);
	} else if (family == AF_INET6 && a->len == 16) {
		*out = addr_from_v6(a->data);
	}
}

// Nothing may be sent from a tentative address, but from an optimistic one (RFC 4429).
static bool unusable(uint32_t flags)
{
	if (flags & IFA_F_DADFAILED)
		return true;
	return (flags & (IFA_F_TENTATIVE | IFA_F_OPTIMISTIC)) == IFA_F_TENTATIVE;
}

static int parse_addr(uint16_t type, struct attrs *a, struct netlink_event *ev)
{
	struct addr address = {0}, local = {0};
	struct ifaddrmsg ifa;
	uint32_t flags;

	if (a->left < sizeof(ifa))
		return -EBADMSG;
	memcpy(&ifa, a->at, sizeof(ifa));
	a->at += sizeof(ifa);
	a->left -= sizeof(ifa);
	if ((ifa.ifa_family != AF_INET && ifa.ifa_family != AF_INET6) || ifa.ifa_index == 0 ||
		ifa.ifa_index > INT32_MAX)
		return -ENOMSG;
	flags = ifa.ifa_flags;
	while (attr_next(a)) {
		if (a->type == IFA_ADDRESS)
			take_addr(a, ifa.ifa_family, &address);
		else if (a->type == IFA_LOCAL)
			take_addr(a, ifa.ifa_family, &local);
		else if (a->type == IFA_FLAGS)
			attr_u32(a, &flags);
	}
	if (a->rc != 0)
		return a->rc;
	// On a point-to-point link IFA_ADDRESS is the peer's.
	ev->addr = addr_is_none(&local) ? address : local;
	if (addr_is_none(&ev->addr) || ifa.ifa_prefixlen > 8 * addr_size(&ev->addr))
		return -EBADMSG;
	ev->type = type == RTM_NEWADDR && !unusable(flags) ? NETLINK_ADDR_ADD : NETLINK_ADDR_DEL;
	ev->ifindex = (int)ifa.ifa_index;
	ev->prefix_len = ifa.ifa_prefixlen;
	ev->secondary = (flags & IFA_F_SECONDARY) != 0;
	ev->deprecated = (flags & IFA_F_DEPRECATED) != 0;
	return 0;
}

int netlink_header_parse(const uint8_t *buf, size_t len, struct netlink_header *out)
{
	struct nlmsghdr nlh;

	if (len < sizeof(nlh))
		return -EBADMSG;
	memcpy(&nlh, buf, sizeof(nlh));
	if (nlh.nlmsg_len < sizeof(nlh) || nlh.nlmsg_len > len)
		return -EBADMSG;
	out->len = nlh.nlmsg_len;
	out->type = nlh.nlmsg_type;
	out->flags = nlh.nlmsg_flags;
	out->seq = nlh.nlmsg_seq;
	return 0;
}

int netlink_msg_parse(const uint8_t *msg, size_t len, struct netlink_event *ev)
{
	struct netlink_header h;
	struct attrs a = {0};

	memset(ev, 0, sizeof(*ev));
	if (netlink_header_parse(msg, len, &h) != 0)
		return -EBADMSG;
	a.at = msg + NLMSG_HDRLEN;
	a.left = h.len - NLMSG_HDRLEN;
	switch (h.type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return parse_link(h.type, &a, ev);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return parse_addr(h.type, &a, ev);
	default:
		return -ENOMSG;
	}
}

static void route_hop(struct netlink_route *r, int ifindex)
{
	if (r->n_hops < NETLINK_MAX_HOPS && ifindex > 0)
		r->ifindex[r->n_hops++] = ifindex;
}

// Several next hops: each a header of its own length, with attributes that are of no interest here.
static int route_hops(const struct attrs *a, struct netlink_route *r)
{
	struct rtnexthop hop;

	for (size_t at = 0; a->len - at >= sizeof(hop);) {
		size_t padded;

		memcpy(&hop, a->data + at, sizeof(hop));
		padded = RTNH_ALIGN((size_t)hop.rtnh_len);
		if (hop.rtnh_len < sizeof(hop) || hop.rtnh_len > a->len - at)
			return -EBADMSG;
		route_hop(r, hop.rtnh_ifindex);
		at += padded < a->len - at ? padded : a->len - at;
	}
	return 0;
}

int netlink_route_parse(const uint8_t *msg, size_t len, struct netlink_route *out)
{
	struct netlink_header h;
	struct attrs a = {0};
	struct rtmsg rtm;
	uint32_t oif;
	int rc = 0;

	memset(out, 0, sizeof(*out));
	if (netlink_header_parse(msg, len, &h) != 0)
		return -EBADMSG;
	if (h.type != RTM_NEWROUTE)
		return -ENOMSG;
	if (h.len < NLMSG_HDRLEN + sizeof(rtm))
		return -EBADMSG;
	memcpy(&rtm, msg + NLMSG_HDRLEN, sizeof(rtm));
	out->dst_len = rtm.rtm_dst_len;
	out->dynamic = rtm.rtm_protocol > RTPROT_STATIC;
	a.at = msg + NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(rtm));
	a.left = h.len - NLMSG_HDRLEN - NLMSG_ALIGN(sizeof(rtm));
	while (rc == 0 && attr_next(&a)) {
		if (a.type == RTA_OIF && attr_u32(&a, &oif))
			route_hop(out, (int)oif);
		else if (a.type == RTA_MULTIPATH)
			rc = route_hops(&a, out);
	}
	return rc != 0 ? rc : a.rc;
}

int netlink_msg_error(const uint8_t *msg, size_t len)
{
	int32_t error;

	if (len < NLMSG_HDRLEN + sizeof(error))
		return -EBADMSG;
	memcpy(&error, msg + NLMSG_HDRLEN, sizeof(error));
	// Ours to return: never positive, whatever the message says.
	return error > 0 || error < -4095 ? -EBADMSG : error;
}

void netlink_request_init(struct netlink_request *r, uint16_t type, uint16_t flags, uint32_t seq)
{
	struct nlmsghdr nlh = {.nlmsg_type = type, .nlmsg_flags = flags, .nlmsg_seq = seq};

	memset(r, 0, sizeof(*r));
	netlink_request_put(r, &nlh, sizeof(nlh));
}

void netlink_request_put(struct netlink_request *r, const void *data, size_t len)
{
	// The requests are ours and of fixed size.
	assert(r->len + NLMSG_ALIGN(len) <= sizeof(r->buf));
	memcpy(r->buf + r->len, data, len);
	r->len += NLMSG_ALIGN(len);
}

void netlink_request_attr(struct netlink_request *r, uint16_t type, const void *data, size_t len)
{
	struct nlattr nla = {.nla_len = (uint16_t)(sizeof(nla) + len), .nla_type = type};

	netlink_request_put(r, &nla, sizeof(nla));
	netlink_request_put(r, data, len);
}

void netlink_request_end(struct netlink_request *r)
{
	uint32_t len = (uint32_t)r->len;

	memcpy(r->buf, &len, sizeof(len));
}
