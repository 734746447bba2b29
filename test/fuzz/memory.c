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
