// SPDX-License-Identifier: BSD-3-Clause
#include "bench/forward_eal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>

#define HUGE_MB	 192 // a child needs
#define MAX_ARGS 24
#define ARG_LEN	 256

bool forward_eal_huge(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");
	unsigned long pages = 0;

	if (!f)
		return false;
	if (fscanf(f, "%lu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * 2 >= HUGE_MB;
}

unsigned int forward_eal_cpus(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned int)n : 1;
}

static bool wants_pci(const struct forward_eal *e)
{
	for (unsigned int i = 0; i < RTE_DIM(e->devices); i++)
		if (e->devices[i] && strncmp(e->devices[i], "net_", 4) != 0)
			return true;
	return false;
}

int forward_eal_start(const struct forward_eal *e)
{
	char lcores[ARG_LEN], prefix[ARG_LEN];
	const char *args[MAX_ARGS] = {"inlet-bench", "--lcores", lcores, "--main-lcore", "0",
		"--no-telemetry", "--log-level=error", prefix};
	char *argv[MAX_ARGS];
	int argc = 8;
	size_t len;

	len = (size_t)snprintf(lcores, sizeof(lcores), "0@%u", e->cpu_control);
	for (unsigned int i = 0; i < e->n_workers && len < sizeof(lcores); i++)
		len += (size_t)snprintf(
			lcores + len, sizeof(lcores) - len, ",%u@%u", i + 1, e->cpu_worker - i);
	snprintf(prefix, sizeof(prefix), "--file-prefix=%s", e->name);
	if (e->no_huge) {
		args[argc++] = "--no-huge";
		args[argc++] = "--no-shconf";
		args[argc++] = "-m";
		args[argc++] = "256";
	} else {
		args[argc++] = "--in-memory";
	}
	// An address that is no device's: the bus is there, and nothing on it is taken by itself.
	args[argc++] = wants_pci(e) ? "--allow=ffff:ff:1f.7" : "--no-pci";
	for (unsigned int i = 0; i < RTE_DIM(e->extra) && e->extra[i]; i++)
		args[argc++] = e->extra[i];
	for (int i = 0; i < argc; i++)
		argv[i] = strdup(args[i]); // the EAL may write to them; for the life of the child
	return rte_eal_init(argc, argv) < 0 ? -rte_errno : 0;
}

// The run-time directory stays behind rte_eal_cleanup(), emptied or not.
void forward_eal_stop(void)
{
	char path[4096];
	struct dirent *de;
	DIR *dir;

	snprintf(path, sizeof(path), "%s", rte_eal_get_runtime_dir());
	rte_eal_cleanup();
	dir = opendir(path);
	while (dir && (de = readdir(dir)))
		if (de->d_type != DT_DIR)
			unlinkat(dirfd(dir), de->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(path);
}
