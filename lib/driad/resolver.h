// SPDX-License-Identifier: BSD-3-Clause
// The IO of the DRIAD room: libunbound's event API on the control loop's event_base.
#ifndef DRIAD_RESOLVER_H
#define DRIAD_RESOLVER_H

#include "driad/driad.h"

struct event_base;
struct resolver;

struct resolver_cfg {
	const struct addr *servers; // forwarders; none: /etc/resolv.conf
	const uint16_t *ports;
	unsigned int n_servers;
	uint32_t negative_ttl_max_s; // cap of the negative cache, as in struct driad_cfg; 0: 300
	// DNSSEC validation, from these on: DS or DNSKEY records in text, and a file of them. With
	// neither, nothing is validated.
	const char *const *anchors;
	unsigned int n_anchors;
	const char *anchor_file; // NULL: none
	// Not validated, with all below.
	const char *const *insecure;
	unsigned int n_insecure;
	// The signatures may have been taken off on the way to the trust anchor's own zone, as a
	// resolver without DNSSEC does: then nothing below it is validated. False: it is bogus.
	bool may_be_stripped;
};

#define RESOLVER_ERR_LEN 256
// NULL with one line in err. `answer` is called for each answer: boot wires it to
// driad_answer_input().
typedef void (*resolver_answer_cb)(void *arg, uint64_t token, const struct driad_answer *a);
struct resolver *resolver_create(const struct resolver_cfg *cfg, struct event_base *base,
	resolver_answer_cb answer, void *arg, char err[RESOLVER_ERR_LEN]);
void resolver_destroy(struct resolver *r);
// The ops for driad_create(); ctx is the struct resolver.
extern const struct driad_resolver_ops resolver_ops;

#endif
