// SPDX-License-Identifier: BSD-3-Clause
// The AF_XDP driver never frees its umem (nor closes its socket): not ours to mend. Its stack is
// seen by the slow unwinder only.
#ifndef TEST_UNIT_KIF_AF_XDP_LEAK_H
#define TEST_UNIT_KIF_AF_XDP_LEAK_H

const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);
const char *__asan_default_options(void)
{
	return "fast_unwind_on_malloc=0";
}
const char *__lsan_default_suppressions(void)
{
	return "leak:xsk_umem__create";
}

#endif
