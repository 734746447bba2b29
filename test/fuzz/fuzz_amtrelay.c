// SPDX-License-Identifier: BSD-3-Clause
// AMTRELAY RDATA.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/amtrelay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The other way: a relay as an operator writes it; what is taken is a record that decodes.
static void text(const uint8_t *data, size_t size)
{
	uint8_t rdata[AMTRELAY_RDATA_MAX];
	struct amtrelay rr = {0}, again;
	char line[600];
	size_t len;

	if (size >= sizeof(line))
		return;
	memcpy(line, data, size);
	line[size] = '\0';
	if (amtrelay_relay_parse(line, &rr) != 0)
		return;
	len = amtrelay_encode(&rr, rdata);
	if (len < 2 || amtrelay_decode(rdata, len, &again) != AMTRELAY_OK || again.type != rr.type)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[AMTRELAY_REVERSE_LEN];
	struct amtrelay rr;
	enum amtrelay_err err = amtrelay_decode(data, size, &rr);

	text(data, size);
	if (!amtrelay_err_name(err)[0])
		abort();
	if (err == AMTRELAY_OK && rr.type != AMTRELAY_NAME &&
		(amtrelay_reverse_name(&rr.addr, name) == 0) != (rr.type != AMTRELAY_NONE))
		abort();
	if (err != AMTRELAY_OK || rr.type != AMTRELAY_NAME)
		return 0;
	// What is accepted is a whole name: labels up to a root label at its very end.
	for (size_t at = 0; rr.name[at] != 0; at += 1u + rr.name[at])
		if (at + 1u + rr.name[at] >= rr.name_len)
			abort();
	return 0;
}
