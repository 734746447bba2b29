// SPDX-License-Identifier: BSD-3-Clause
// What the kernel tells in files of one line each.
#ifndef INLETD_SYSFS_H
#define INLETD_SYSFS_H

#include <stdbool.h>
#include <stddef.h>

// The first line of a file, without its end. False: not there, or empty; out is "" then.
bool sysfs_line(const char *path, char *out, size_t size);
// The number in a file of a directory; -1: none.
int sysfs_int(const char *dir, const char *file);

#endif
