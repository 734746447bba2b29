// SPDX-License-Identifier: BSD-3-Clause
#include "sysfs.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

bool sysfs_line(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "re");
	bool good = f && fgets(out, (int)size, f);

	if (f)
		fclose(f);
	if (!good)
		out[0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return good && out[0];
}

int sysfs_int(const char *dir, const char *file)
{
	char path[PATH_MAX], line[32];
	int n;

	if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path))
		return -1;
	return sysfs_line(path, line, sizeof(line)) && sscanf(line, "%d", &n) == 1 ? n : -1;
}
