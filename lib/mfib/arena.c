// SPDX-License-Identifier: BSD-3-Clause
#include "mfib/arena.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mempolicy.h>
#include <linux/mman.h>
#include <rte_lcore.h>

#define HUGE ((size_t)2 << 20)
// A smaller arena is not worth a huge page: it has no more than 32 small ones.
#define HUGE_FROM (HUGE / 16)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static size_t round_up(size_t size, size_t unit)
{
	return (size + unit - 1) / unit * unit;
}

static uint8_t *map(size_t size, int flags)
{
	void *p = mmap(
		NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

// Aligned to huge pages, for the kernel to use them if it has some.
static uint8_t *map_aligned(size_t size)
{
	uint8_t *p = map(size + HUGE, MAP_NORESERVE);
	size_t head;

	if (!p)
		return NULL;
	head = (HUGE - (uintptr_t)p % HUGE) % HUGE;
	if (head > 0)
		(void)munmap(p, head);
	(void)munmap(p + head + size, HUGE - head);
	(void)madvise(p + head, size, MADV_HUGEPAGE);
	return p + head;
}

int arena_reserve(struct arena *a, size_t size, int socket)
{
	*a = (struct arena){0};
	if (size < HUGE_FROM) {
		a->size = a->piece = round_up(size, (size_t)sysconf(_SC_PAGESIZE));
		a->base = map(a->size, 0);
	} else {
		a->size = round_up(size, HUGE);
		a->piece = HUGE;
		// Not MAP_NORESERVE: it fails here when there are too few, not later.
		a->base = map(a->size, MAP_HUGETLB | MAP_HUGE_2MB);
		if (!a->base)
			a->base = map_aligned(a->size);
	}
	if (!a->base) {
		*a = (struct arena){0};
		return -ENOMEM;
	}
	// Preferred, not bound: far memory is better than no table.
	if (socket >= 0 && socket < 64 && rte_socket_count() > 1) {
		unsigned long mask = 1ul << socket;

		(void)syscall(SYS_mbind, a->base, a->size, MPOL_PREFERRED, &mask, 65ul, 0u);
	}
	return 0;
}

int arena_populate(struct arena *a)
{
	// An error where a plain write would be a SIGBUS or the end of the process.
	if (madvise(a->base + a->ready, a->piece, MADV_POPULATE_WRITE) != 0)
		return -ENOMEM;
	a->ready += a->piece;
	return 0;
}

void arena_shrink(struct arena *a)
{
	a->size -= a->piece;
	(void)munmap(a->base + a->size, a->piece);
}

void arena_free(struct arena *a)
{
	if (a->size > 0)
		(void)munmap(a->base, a->size);
	*a = (struct arena){0};
}
