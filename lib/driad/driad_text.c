// SPDX-License-Identifier: BSD-3-Clause
#include <ldns/ldns.h>

#include "driad/driad_internal.h"

const char *const driad_drop_names[DRIAD_DROP_COUNT] = {
#define X(name, text) [DRIAD_DROP_##name] = #name,
	DRIAD_DROP_LIST(X)
#undef X
};

const char *const driad_drop_texts[DRIAD_DROP_COUNT] = {
#define X(name, text) [DRIAD_DROP_##name] = text,
	DRIAD_DROP_LIST(X)
#undef X
};

const char *driad_status_name(enum driad_status s)
{
	switch (s) {
	case DRIAD_OK:
		return "ok";
	case DRIAD_NO_RECORD:
		return "no-record";
	case DRIAD_NO_RELAY:
		return "no-relay";
	case DRIAD_UNUSABLE:
		return "unusable";
	case DRIAD_FAILED:
		return "failed";
	case DRIAD_BOGUS:
		return "DNSSEC bogus";
	case DRIAD_INSECURE:
		return "DNSSEC insecure";
	case DRIAD_LIMIT:
		return "limit";
	}
	return "?";
}

char *driad_name_text(const uint8_t *wire, size_t len)
{
	ldns_rdf *rdf = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, len, wire);
	char *text;

	if (!rdf)
		return NULL;
	text = ldns_rdf2str(rdf);
	ldns_rdf_deep_free(rdf);
	return text;
}

const char *driad_rcode_name(int rcode)
{
	switch (rcode) {
	case LDNS_RCODE_FORMERR:
		return "FORMERR";
	case LDNS_RCODE_SERVFAIL:
		return "SERVFAIL";
	case LDNS_RCODE_NXDOMAIN:
		return "NXDOMAIN";
	case LDNS_RCODE_NOTIMPL:
		return "NOTIMP";
	case LDNS_RCODE_REFUSED:
		return "REFUSED";
	}
	return "an error";
}
