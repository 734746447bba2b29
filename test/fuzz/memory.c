// SPDX-License-Identifier: BSD-3-Clause
#include "memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

// In this file malloc() and the others are the real ones: see meson.build.
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static unsigned int left;

void memory_fail(unsigned int n)
{
	left = n;
}

static bool fails(void)
{
	if (left == 0 || --left > 0)
		return false;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : realloc(p, size);
}

void memory_tight(struct timers *ts, unsigned int n)
{
	static struct timer others[1024];
	static unsigned int n_others;

	while (n_others > 0)
		timer_cancel(ts, &others[--n_others]);
	if (n == 0)
		return;
	while (n_others < sizeof(others) / sizeof(others[0]) && ts->count < ts->room) {
		timer_init(&others[n_others], NULL, NULL);
		timer_arm(ts, &others[n_others++], NEVER_US);
	}
	memory_fail(n);
}
