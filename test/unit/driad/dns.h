// SPDX-License-Identifier: BSD-3-Clause
// Builds DNS answers for the tests.
#ifndef TEST_UNIT_DRIAD_DNS_H
#define TEST_UNIT_DRIAD_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns {
	uint8_t buf[16384];
	size_t len;
};

// An answer without records to (name, type).
void dns_begin(struct dns *m, const char *name, uint16_t type, int rcode);
// A record in the answer section, owned by the question's name.
void dns_record(struct dns *m, uint16_t type, uint32_t ttl_s, const void *rdata, size_t len);
void dns_record_hex(struct dns *m, uint16_t type, uint32_t ttl_s, const char *hex);
// An SOA record in the authority section; nothing may follow.
void dns_soa(struct dns *m, uint32_t ttl_s, uint32_t minimum_s);
// The wire form of a name in text; the octets.
size_t dns_name(const char *text, uint8_t *out);

#endif
