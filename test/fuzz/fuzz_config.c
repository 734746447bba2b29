// SPDX-License-Identifier: BSD-3-Clause
// The configuration loader over a file in memory. config_load() wants a path: that of the
// descriptor.
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"

// libconfig 1.5 loses the string before a syntax error: not ours, and a few octets a broken file.
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig_yylex\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config c;
	char path[32], err[CONFIG_ERR_LEN];
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (write(fd, data, size) == (ssize_t)size)
		config_load(path, &c, err);
	close(fd);
	return 0;
}
