// SPDX-License-Identifier: BSD-3-Clause
// IGMP and MLD datagrams by hand, the odd ones too, for both families.
#ifndef TEST_UNIT_WIRE_GM_BUILD_H
#define TEST_UNIT_WIRE_GM_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define DATAGRAM_MAX 9216

struct datagram {
	struct addr src, dst; // src gives the family
	uint8_t ttl;
	bool no_alert;
	bool bad_checksum; // of the message
};
// The datagram around a message whose checksum is filled in. Octets.
size_t datagram_build(
	const struct datagram *d, const uint8_t *msg, size_t len, uint8_t out[DATAGRAM_MAX]);

// A message while it is written: the records of a report.
struct message {
	uint8_t family;
	uint8_t buf[DATAGRAM_MAX - 64];
	size_t len;
};
void message_report(struct message *m, uint8_t family);
// aux: octets of auxiliary data, a multiple of 4.
void message_record(struct message *m, uint8_t type, const struct addr *group,
	const struct addr *sources, uint16_t n_sources, size_t aux);
// A report, leave or query of the old versions; type as on the wire.
void message_old(struct message *m, uint8_t family, uint8_t type, const struct addr *group);

struct addr ip(const char *text);

#endif
