// SPDX-License-Identifier: BSD-3-Clause
// The sum over octets against DPDK's, at every length and alignment.
#include "unit/unit.h"

#include <rte_ip.h>

#include "base/rng.h"
#include "fastpath/cksum.h"

#define MAX 1600

static void sums(void **state)
{
	uint8_t room[MAX + 16];
	struct rng rng = rng_seeded(7);

	(void)state;
	for (size_t n = 0; n < MAX; n++) {
		uint8_t *p = room + n % 16;

		rng_bytes(&rng, p, n);
		if (n % 3 == 0) // the largest sums
			memset(p, 0xff, n);
		assert_int_equal(fold16(octets_sum(p, n)), fold16(rte_raw_cksum(p, n)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(sums)};

	return RUN_TESTS(tests);
}
