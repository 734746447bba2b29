// SPDX-License-Identifier: BSD-3-Clause
// IP headers as AMT carries them: what is accepted lies within what was given.
#include <stdlib.h>

#include "wire/ip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipv4_hdr h4;
	struct ipv6_hdr h6;

	if (ipv4_decode(data, size, &h4) == 0 &&
		(h4.hdr_len < 20 || h4.hdr_len > h4.total_len || h4.total_len > size ||
			ip_cksum(data, h4.hdr_len) != 0))
		abort();
	if (ipv6_decode(data, size, &h6) == 0 && (size_t)h6.payload_len + 40 > size)
		abort();
	// Summed in two parts, the first of them even, it is the same.
	if (size > 0) {
		size_t first = data[0] % (size / 2 + 1) * 2;
		uint32_t sum = ip_cksum_add(0, data, first);

		if (ip_cksum_fold(ip_cksum_add(sum, data + first, size - first)) !=
			ip_cksum(data, size))
			abort();
	}
	return 0;
}
