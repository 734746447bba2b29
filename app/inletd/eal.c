// SPDX-License-Identifier: BSD-3-Clause
// DPDK's EAL: CPUs, which cpus.c chose, and memory as arguments.
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_pdump.h>

#include "base/log.h"
#include "inlet.h"
#include "sysfs.h"

#define MIN_MB	      256
#define BASE_MB	      64   // without mbufs: forwarding tables, rings, the EAL itself
#define DRIVER_MBUFS  5120 // a queue: AF_XDP's rings, and caches
#define INJECT_MBUFS  1536 // an interface
#define MBUF_OVERHEAD 384  // octets beside the frame: headroom, struct rte_mbuf, padding
#define MAX_ARGS      (CONFIG_MAX_EAL + 16)
#define EAL_ARG_LEN   (16 * INLET_MAX_LCORES)

struct args {
	char text[MAX_ARGS][EAL_ARG_LEN];
	char *argv[MAX_ARGS + 1];
	int argc;
};

__attribute__((format(printf, 2, 3))) static void add(struct args *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	// NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): clang-tidy 14 does not see va_start
	vsnprintf(a->text[a->argc], EAL_ARG_LEN, fmt, ap);
	va_end(ap);
	a->argv[a->argc] = a->text[a->argc];
	a->argc++;
}

// Free huge pages of one size, in MB.
static uint64_t huge_free_mb(const char *dir, uint64_t page_mb)
{
	char path[PATH_MAX];
	int pages;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/%s", dir);
	pages = sysfs_int(path, "free_hugepages");
	return pages > 0 ? (uint64_t)pages * page_mb : 0;
}

// What the ports' mbufs will take, roughly as ports.c and port_open() count them: a driver may have
// rings of its own beside the descriptors.
static uint64_t memory_estimate_mb(const struct inlet *in)
{
	const struct config *cfg = &in->cfg;
	uint64_t w = in->n_workers, ports = 0, desc = 0, mtu = 2048, wanted = 0, mbufs;

	for (unsigned int i = 0; i < cfg->n_ifs; i++) {
		const struct config_if *f = &cfg->ifs[i];
		unsigned int first = 0;

		while (!config_same_device(cfg->ifs[first].device, f->device))
			first++;
		ports += first == i;
		desc = RTE_MAX(desc, (uint64_t)f->rx_desc);
		desc = RTE_MAX(desc, (uint64_t)f->tx_desc);
		mtu = RTE_MAX(mtu, (uint64_t)f->mtu);
		wanted = RTE_MAX(wanted, (uint64_t)f->mbufs);
	}
	mbufs = w *
		(2 * desc + DRIVER_MBUFS + ports * desc + CROSSING_PUNT_FRAMES(INLET_PUNT_RING));
	mbufs += w * cfg->n_ifs * WORKER_TX_QUEUE + (w - 1) * (INLET_TX_RING + INLET_SPREAD_RING);
	mbufs = RTE_MAX(mbufs, wanted) * ports + cfg->n_ifs * INJECT_MBUFS;
	return BASE_MB + (mbufs * (mtu + MBUF_OVERHEAD) >> 20);
}

static uint64_t memory_mb(const struct inlet *in)
{
	uint64_t mb = in->cfg.memory_mb;

	if (mb == 0)
		mb = memory_estimate_mb(in);
	return in->cfg.memory_mb || mb > MIN_MB ? mb : MIN_MB;
}

static bool memory_is_huge(const struct inlet *in, char err[BOOT_ERR_LEN], int *ret)
{
	uint64_t mb =
		huge_free_mb("hugepages-2048kB", 2) + huge_free_mb("hugepages-1048576kB", 1024);
	uint64_t need = memory_mb(in);

	*ret = 0;
	if (in->cfg.memory == MEMORY_NO_HUGE)
		return false;
	if (mb >= need)
		return true;
	if (in->cfg.memory == MEMORY_AUTO)
		return false;
	snprintf(err, BOOT_ERR_LEN,
		"memory = \"%s\": %llu MB of huge pages free, %llu needed "
		"(drivers-config/hugepages reserves them)",
		in->cfg.memory == MEMORY_SHARED ? "shared" : "hugepages", (unsigned long long)mb,
		(unsigned long long)need);
	*ret = -ENOMEM;
	return false;
}

// lcore 0 is the control thread, lcore i + 1 is worker i, each on its CPU.
static void add_lcores(struct args *a, const struct inlet *in)
{
	char *arg;
	size_t len;

	add(a, "--lcores");
	add(a, "0@%d", in->control_cpu);
	arg = a->text[a->argc - 1];
	len = strlen(arg);
	for (unsigned int i = 0; i < in->n_workers; i++)
		len += (size_t)snprintf(
			arg + len, EAL_ARG_LEN - len, ",%u@%d", i + 1, in->worker_cpus[i]);
	add(a, "--main-lcore");
	add(a, "0");
}

// FNV-1a.
static uint32_t socket_tag(const char *path)
{
	uint32_t h = 2166136261u;

	for (; *path; path++)
		h = (h ^ (uint8_t)*path) * 16777619u;
	return h;
}

static bool is_pci(const char *device)
{
	return strncmp(device, "net_", 4) != 0;
}

static bool wants_pci(const struct config *cfg)
{
	for (unsigned int i = 0; i < cfg->n_ifs; i++) {
		const struct config_if *f = &cfg->ifs[i];

		if (is_pci(f->device))
			return true;
		for (unsigned int n = 0; n < f->n_members; n++)
			if (is_pci(f->members[n]))
				return true;
	}
	return false;
}

// For dpdk-dumpcap, a process of its own that gets copies of frames by shared memory.
static void pdump_start(void)
{
	const char *prefix = strrchr(rte_eal_get_runtime_dir(), '/');

	if (rte_pdump_init() < 0)
		log_warn("inletd", "dpdk-dumpcap cannot attach error=\"%s\"",
			rte_strerror(rte_errno));
	else
		log_info("inletd", "dpdk-dumpcap may attach file_prefix=%s",
			prefix ? prefix + 1 : "");
}

int eal_start(struct inlet *in, char err[BOOT_ERR_LEN])
{
	static struct args a; // large, and used once
	bool huge;
	int ret;

	ret = cpus_choose(in, err);
	if (ret < 0)
		return ret;
	huge = memory_is_huge(in, err, &ret);
	if (ret < 0)
		return ret;
	add(&a, "inletd");
	add_lcores(&a, in);
	// Instances are told apart by their console socket, so that one which was killed finds its
	// own leftovers again instead of piling up new ones.
	add(&a, "--file-prefix");
	add(&a, "inlet%08x", socket_tag(in->cfg.console_socket));
	if (huge && in->cfg.memory != MEMORY_SHARED) {
		add(&a, "--in-memory");
	} else if (!huge) {
		add(&a, "--no-huge");
		add(&a, "--no-shconf");
		add(&a, "-m");
		add(&a, "%llu", (unsigned long long)memory_mb(in));
	}
	// Only the devices of the configuration are ours: each is probed by name later.
	add(&a, wants_pci(&in->cfg) ? "--allow=ffff:ff:1f.7" : "--no-pci");
	if (in->cfg.log_level != LOG_LEVEL_DEBUG)
		add(&a, "--log-level=*:error");
	for (unsigned int i = 0; i < in->cfg.n_eal; i++)
		add(&a, "%s", in->cfg.eal[i]);
	if (rte_eal_init(a.argc, a.argv) < 0) {
		snprintf(err, BOOT_ERR_LEN, "DPDK's EAL does not start: %s (its own log is above)",
			rte_strerror(rte_errno));
		return -rte_errno;
	}
	if (in->cfg.memory == MEMORY_SHARED)
		pdump_start();
	log_info("inletd", "started memory=%s control_cpu=%d workers=%u", huge ? "huge" : "no-huge",
		in->control_cpu, in->n_workers);
	return 0;
}

// The run-time directory stays behind rte_eal_cleanup(), emptied or not.
static void remove_runtime_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *de;

	if (!dir)
		return;
	while ((de = readdir(dir)))
		if (de->d_type != DT_DIR)
			unlinkat(dirfd(dir), de->d_name, 0);
	closedir(dir);
	rmdir(path);
}

void eal_stop(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s", rte_eal_get_runtime_dir());
	rte_pdump_uninit();
	rte_eal_cleanup();
	remove_runtime_dir(path);
}
