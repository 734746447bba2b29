// SPDX-License-Identifier: BSD-3-Clause
// Parsers of the strings in a file: addresses, prefixes, names.
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/config_internal.h"

static int refuse(char why[SCHEMA_WHY_LEN], const char *text)
{
	snprintf(why, SCHEMA_WHY_LEN, "%s", text);
	return -EINVAL;
}

static int copy_text(const char *text, char *field, size_t size, char why[SCHEMA_WHY_LEN])
{
	size_t len = strlen(text);

	if (len == 0)
		return refuse(why, "empty");
	if (len >= size) {
		snprintf(why, SCHEMA_WHY_LEN, "longer than %zu characters", size - 1);
		return -EINVAL;
	}
	memcpy(field, text, len + 1);
	return 0;
}

// The place of a text among n words, of which some may be NULL; -1 where it is none of them.
static int word_find(const char *text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (words[i] && strcmp(text, words[i]) == 0)
			return (int)i;
	}
	return -1;
}

static int hex(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	return isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

int value_mac(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	static const uint8_t none[6];
	uint8_t mac[6];

	for (int i = 0; i < 6; i++) {
		// Each test ends at the string's end before the next one reads past it.
		const char *p = text + 3 * i;
		int high = hex(p[0]), low = high < 0 ? -1 : hex(p[1]);

		if (low < 0 || p[2] != (i < 5 ? ':' : '\0'))
			return refuse(why, "not a MAC address 02:00:00:00:00:01");
		mac[i] = (uint8_t)(high << 4 | low);
	}
	if (mac[0] & 1 || memcmp(mac, none, sizeof(mac)) == 0)
		return refuse(why, "not the address of one station");
	memcpy(field, mac, sizeof(mac));
	return 0;
}

int value_ifname(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	for (const char *p = text; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
			return refuse(why, "a netdev name has letters, digits, '.', '_', '-' only");
	}
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0 || strcmp(text, "lo") == 0)
		return refuse(why, "not a name that the netdev can take");
	return copy_text(text, field, CONFIG_IFNAME_LEN, why);
}

int value_device(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	if (strchr(text, ' ') || text[0] == ',' || text[0] == '-')
		return refuse(
			why, "neither a PCI address nor a vdev such as net_af_xdp0,iface=eth1");
	return copy_text(text, field, sizeof(((struct config_if *)0)->device), why);
}

int value_member(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	char device[sizeof(((struct config_if *)0)->device)];

	if (value_device(text, device, why) < 0)
		return -EINVAL;
	return copy_text(text, field, CONFIG_MEMBER_LEN, why);
}

int value_eal(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	return copy_text(text, field, sizeof(((struct config *)0)->eal[0]), why);
}

int value_socket(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	size_t len = strlen(text);

	if (text[0] != '/')
		return refuse(why, "not an absolute path");
	if (text[len - 1] == '/')
		return refuse(why, "names a directory");
	return copy_text(text, field, sizeof(((struct config *)0)->console_socket), why);
}

int value_state_file(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	if (strcmp(text, "none") == 0) {
		*(char *)field = '\0';
		return 0;
	}
	if (strcmp(text, "auto") != 0 && (text[0] != '/' || text[strlen(text) - 1] == '/'))
		return refuse(why, "neither \"auto\" nor \"none\" nor the absolute path of a file");
	return copy_text(text, field, sizeof(((struct config *)0)->state_file), why);
}

// IPv4: the network's own address or its broadcast; IPv6: the anycast address of its routers (RFC
// 4291 section 2.6.1), but for the point-to-point links of RFC 6164.
static bool names_network(const struct addr *a, const struct prefix *net)
{
	uint32_t ip, mask;

	if (a->family == ADDR_V6)
		return net->len < 127 && addr_eq(a, &net->addr);
	if (net->len >= 31)
		return false;
	ip = ntohl(addr_to_v4(a));
	mask = UINT32_MAX >> net->len;
	return (ip & mask) == 0 || (ip & mask) == mask;
}

int value_if_addr(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	struct config_addr *out = field;
	struct prefix net;
	char host[ADDR_STRLEN];
	const char *slash = strchr(text, '/');

	if (!slash || slash - text >= (ptrdiff_t)sizeof(host) || prefix_parse(text, &net) < 0)
		return refuse(
			why, "not an address with its prefix length, a.b.c.d/len or a:b::c/len");
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = '\0';
	if (addr_parse(host, &out->addr) < 0)
		return refuse(why, "not an address");
	if (addr_is_linklocal(&out->addr) && out->addr.family == ADDR_V6)
		return refuse(why, "link-local: the kernel makes that one");
	if (net.len == 0 || !addr_is_unicast(&out->addr))
		return refuse(why, "not the address of an interface");
	if (names_network(&out->addr, &net))
		return refuse(why, out->addr.family == ADDR_V4
					   ? "the network's own or its broadcast address"
					   : "the anycast address of the subnet's routers");
	out->len = net.len;
	return 0;
}

// A prefix whose host bits are zero as written: anything else is a slip of the pen.
static int exact_prefix(const char *text, struct prefix *out, char why[SCHEMA_WHY_LEN])
{
	char bare[ADDR_STRLEN], fixed[PREFIX_STRLEN];
	struct addr written;
	size_t len = strcspn(text, "/");

	if (prefix_parse(text, out) < 0 || len >= sizeof(bare))
		return refuse(why, "not a prefix a.b.c.d/len or a:b::/len");
	memcpy(bare, text, len);
	bare[len] = '\0';
	if (addr_parse(bare, &written) < 0)
		return refuse(why, "not a prefix a.b.c.d/len or a:b::/len");
	if (!addr_eq(&written, &out->addr)) {
		snprintf(why, SCHEMA_WHY_LEN, "host bits are set; %s has none",
			prefix_format(out, fixed));
		return -EINVAL;
	}
	return 0;
}

int value_prefix(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	return exact_prefix(text, field, why);
}

int value_ssm_range(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	static const struct prefix ssm6 = {
		.addr = {.family = ADDR_V6, .bytes = {0xff, 0x30}}, .len = 32};
	struct prefix *out = field;
	char digits[PREFIX_STRLEN];

	// The x of ff3x::/32 is any scope; in a range that is the digit 0 (group_in_range()).
	if (strncasecmp(text, "ff3x", 4) == 0 &&
		copy_text(text, digits, sizeof(digits), why) == 0) {
		digits[3] = '0';
		text = digits;
	}
	if (exact_prefix(text, out, why) < 0)
		return -EINVAL;
	if (out->addr.family == ADDR_V6 && (out->len < 32 || !group_in_range(&ssm6, &out->addr)))
		return refuse(why, "not inside ff3x::/32, the groups of IPv6 channels");
	if (out->addr.family == ADDR_V4 && (out->len < 4 || !addr_is_multicast(&out->addr)))
		return refuse(why, "not inside 224.0.0.0/4");
	return 0;
}

int value_sources(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	struct prefix *out = field;

	if (exact_prefix(text, out, why) < 0)
		return -EINVAL;
	if (addr_is_multicast(&out->addr))
		return refuse(why, "multicast: sources are unicast addresses");
	return 0;
}

int value_source(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	if (addr_parse(text, field) < 0)
		return refuse(why, "not an address");
	if (!addr_is_unicast(field))
		return refuse(why, "not the address of a host");
	return 0;
}

int value_group(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	if (addr_parse(text, field) < 0)
		return refuse(why, "not an address");
	if (!addr_is_multicast(field))
		return refuse(why, "not a multicast address");
	if (group_is_never(field))
		return refuse(why, "never the group of a channel (RFC 4607 section 4.3)");
	return 0;
}

int value_path(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	if (text[0] != '/' || text[strlen(text) - 1] == '/')
		return refuse(why, "not the absolute path of a file");
	return copy_text(text, field, CONFIG_PATH_LEN, why);
}

int value_host(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	struct addr *out = field;

	if (addr_parse(text, out) < 0)
		return refuse(why, "not an address");
	if (!addr_is_unicast(out))
		return refuse(why, "not the address of a host");
	return 0;
}

int value_gateway(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	struct addr *out = field;

	// A router's own address on an IPv6 link is its link-local one.
	if (addr_parse(text, out) == 0 && out->family == ADDR_V6 && addr_is_linklocal(out))
		return 0;
	return value_host(text, field, why);
}

// The names that lib/amt has for them.
int value_quirk(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	static const char *const names[CONFIG_MAX_QUIRKS] = {
		"p-0x80", "no-e", "one-nonce", "one-endpoint", "short-updates"};
	int i = word_find(text, names, CONFIG_MAX_QUIRKS);

	if (i < 0)
		return refuse(why, "not one of p-0x80, no-e, one-nonce, one-endpoint, "
				   "short-updates");
	memcpy(field, names[i], strlen(names[i]) + 1); // each fits: CONFIG_QUIRK_LEN
	return 0;
}

// "OWNER [TTL] [IN] DS ..." or "... DNSKEY ..."; the resolver reads the rest of it.
int value_anchor(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	if (text[0] == '\0' || strchr(" \t;", text[0]) ||
		(!strcasestr(text, " DS ") && !strcasestr(text, " DNSKEY ")))
		return refuse(why, "not a DS or DNSKEY record: NAME DS ... or NAME DNSKEY ...");
	return copy_text(text, field, CONFIG_ANCHOR_LEN, why);
}

// Letters, digits, hyphens and underscores, in labels of 1 to 63 octets.
int value_domain(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	size_t len = strlen(text), label = 0;
	char *out = field;

	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len == 0 || len + 2 > CONFIG_DOMAIN_LEN)
		return refuse(why, "not a domain name");
	for (size_t i = 0; i < len; i++) {
		label = text[i] == '.' ? 0 : label + 1;
		if (label > 63 || (text[i] == '.' && (i == 0 || text[i - 1] == '.')) ||
			(label > 0 && !isalnum((unsigned char)text[i]) && text[i] != '-' &&
				text[i] != '_'))
			return refuse(why, "not a domain name");
	}
	for (size_t i = 0; i < len; i++)
		out[i] = text[i];
	out[len] = '.';
	out[len + 1] = '\0';
	return 0;
}

// 1..65535 in decimal digits and nothing else; 0 for other text.
static uint16_t port_parse(const char *text)
{
	char *end;
	unsigned long port = isdigit((unsigned char)*text) ? strtoul(text, &end, 10) : 0;

	return port == 0 || port > UINT16_MAX || *end != '\0' ? 0 : (uint16_t)port;
}

int value_listen(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	struct config_listen out = {.named = true}, *to = field;
	const char *colon = strrchr(text, ':');
	char host[ADDR_STRLEN + 2];
	size_t len = colon ? (size_t)(colon - text) : 0;
	bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';

	if (strcmp(text, "off") == 0) {
		*to = out;
		return 0;
	}
	if (len == 0 || len >= sizeof(host))
		return refuse(why, "not address:port, [address]:port or off");
	memcpy(host, text, len);
	host[len] = '\0';
	if (brackets)
		host[len - 1] = '\0';
	if (addr_parse(host + brackets, &out.addr) < 0 || (out.addr.family == ADDR_V6) != brackets)
		return refuse(why, "not address:port, [address]:port or off");
	if (addr_is_multicast(&out.addr))
		return refuse(why, "not the address of a host");
	out.port = port_parse(colon + 1);
	if (out.port == 0)
		return refuse(why, "the port is not in 1..65535");
	*to = out;
	return 0;
}

int value_resolver(const char *text, void *field, char why[SCHEMA_WHY_LEN])
{
	struct config_resolver *out = field;
	char host[ADDR_STRLEN];
	size_t len = strcspn(text, "@");
	uint16_t port = 53;

	if (text[len] == '@') {
		port = port_parse(text + len + 1);
		if (port == 0)
			return refuse(why, "the port is not in 1..65535");
	}
	if (len >= sizeof(host))
		return refuse(why, "not an address");
	memcpy(host, text, len);
	host[len] = '\0';
	if (addr_parse(host, &out->addr) < 0)
		return refuse(why, "not an address, or address@port");
	if (addr_is_unspecified(&out->addr) || addr_is_multicast(&out->addr))
		return refuse(why, "not the address of a host");
	out->port = port;
	return 0;
}
