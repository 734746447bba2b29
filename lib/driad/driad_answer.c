// SPDX-License-Identifier: BSD-3-Clause
// Reads a DNS answer with ldns. The transport has matched it to the query; what is checked here is
// that it is an answer, to this question, and that every octet used lies inside it.
#include <errno.h>
#include <ldns/ldns.h>

#include "driad/driad_internal.h"

// RFC 2181 section 8: a TTL with the top bit set counts as zero.
static uint32_t ttl_of(const ldns_rr *rr)
{
	uint32_t ttl = ldns_rr_ttl(rr);

	return ttl > INT32_MAX ? 0 : ttl;
}

static bool answers_question(const ldns_pkt *pkt, const char *name, uint16_t type)
{
	const ldns_rr_list *questions = ldns_pkt_question(pkt);
	const ldns_rr *q;
	ldns_rdf *owner;
	bool same;

	if (!ldns_pkt_qr(pkt) || ldns_rr_list_rr_count(questions) != 1)
		return false;
	q = ldns_rr_list_rr(questions, 0);
	if (ldns_rr_get_type(q) != (ldns_rr_type)type || ldns_rr_get_class(q) != LDNS_RR_CLASS_IN)
		return false;
	owner = ldns_dname_new_frm_str(name);
	if (!owner)
		return false;
	same = ldns_dname_compare(owner, ldns_rr_owner(q)) == 0;
	ldns_rdf_deep_free(owner);
	return same;
}

int driad_records_open(
	struct driad_records *r, const uint8_t *packet, size_t len, const char *name, uint16_t type)
{
	ldns_pkt *pkt = NULL;

	if (ldns_wire2pkt(&pkt, packet, len) != LDNS_STATUS_OK)
		return -EBADMSG;
	if (!answers_question(pkt, name, type)) {
		ldns_pkt_free(pkt);
		return -EBADMSG;
	}
	*r = (struct driad_records){.pkt = pkt, .type = type, .rcode = ldns_pkt_get_rcode(pkt)};
	return 0;
}

static const ldns_rr *next_of_type(struct driad_records *r)
{
	const ldns_rr_list *answer = ldns_pkt_answer(r->pkt);

	while (r->next < ldns_rr_list_rr_count(answer)) {
		const ldns_rr *rr = ldns_rr_list_rr(answer, r->next++);

		if (ldns_rr_get_type(rr) == (ldns_rr_type)r->type &&
			ldns_rr_get_class(rr) == LDNS_RR_CLASS_IN)
			return rr;
	}
	return NULL;
}

bool driad_records_next(
	struct driad_records *r, const uint8_t **rdata, size_t *len, uint32_t *ttl_s)
{
	const ldns_rr *rr = next_of_type(r);
	const ldns_rdf *rdf;

	if (!rr)
		return false;
	rdf = ldns_rr_rdf(rr, 0);
	*ttl_s = ttl_of(rr);
	// Whatever type of field ldns takes it for, one field is the whole RDATA.
	*rdata = ldns_rr_rd_count(rr) == 1 ? ldns_rdf_data(rdf) : NULL;
	*len = *rdata ? ldns_rdf_size(rdf) : 0;
	return true;
}

bool driad_records_next_srv(struct driad_records *r, uint16_t *priority, const uint8_t **target,
	size_t *len, uint32_t *ttl_s)
{
	const ldns_rr *rr = next_of_type(r);
	const ldns_rdf *rdf;

	if (!rr)
		return false;
	*ttl_s = ttl_of(rr);
	*target = NULL;
	*len = 0;
	if (ldns_rr_rd_count(rr) != 4 || ldns_rdf_size(ldns_rr_rdf(rr, 0)) != 2)
		return true;
	rdf = ldns_rr_rdf(rr, 3);
	*priority = ldns_rdf2native_int16(ldns_rr_rdf(rr, 0));
	*target = ldns_rdf_data(rdf);
	*len = ldns_rdf_size(rdf);
	return true;
}

uint32_t driad_records_alias_ttl(const struct driad_records *r)
{
	const ldns_rr_list *answer = ldns_pkt_answer(r->pkt);
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < ldns_rr_list_rr_count(answer); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(answer, i);
		ldns_rr_type type = ldns_rr_get_type(rr);

		if ((type == LDNS_RR_TYPE_CNAME || type == LDNS_RR_TYPE_DNAME) &&
			ttl_of(rr) < least)
			least = ttl_of(rr);
	}
	return least;
}

bool driad_records_negative_ttl(const struct driad_records *r, uint32_t *ttl_s)
{
	const ldns_rr_list *authority = ldns_pkt_authority(r->pkt);

	for (size_t i = 0; i < ldns_rr_list_rr_count(authority); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(authority, i);
		uint32_t minimum;

		if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_SOA || ldns_rr_rd_count(rr) != 7)
			continue;
		minimum = ldns_rdf2native_int32(ldns_rr_rdf(rr, 6));
		*ttl_s = ttl_of(rr) < minimum ? ttl_of(rr) : minimum;
		return true;
	}
	return false;
}

void driad_records_close(struct driad_records *r)
{
	ldns_pkt_free(r->pkt);
}
