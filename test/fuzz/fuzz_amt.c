// SPDX-License-Identifier: BSD-3-Clause
// Whatever decodes must encode, and decode again to the same.
#include <stdlib.h>
#include <string.h>

#include "wire/amt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct amt_msg msg, again;
	uint8_t *buf;
	int n;

	if (amt_decode(data, size, &msg) != AMT_OK)
		return 0;
	buf = malloc(size);
	if (!buf)
		return 0;
	n = amt_encode(&msg, buf, size);
	if (n < 0 || amt_decode(buf, (size_t)n, &again) != AMT_OK)
		abort();
	if (again.type != msg.type || again.nonce != msg.nonce ||
		again.inner_len != msg.inner_len ||
		!addr_eq(&again.gateway_addr, &msg.gateway_addr) ||
		(msg.inner_len && memcmp(again.inner, msg.inner, msg.inner_len) != 0))
		abort();
	free(buf);
	return 0;
}
