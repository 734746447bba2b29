// SPDX-License-Identifier: BSD-3-Clause
// Which CPUs the control thread and the workers run on.
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "inlet.h"
#include "port/port_netdev.h"
#include "sysfs.h"

// With "auto", more polling CPUs than this are for the operator to grant by name.
#define AUTO_WORKERS 4
#define MAX_NODES    64 // NUMA sockets; a bit of a word each

// The CPUs we may run on, in order.
static unsigned int cpus_allowed(int *cpus, unsigned int room)
{
	unsigned int n = 0;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 0;
	for (int cpu = 0; cpu < CPU_SETSIZE && n < room; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[n++] = cpu;
	return n;
}

static bool is_in(int cpu, const int *cpus, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (cpus[i] == cpu)
			return true;
	return false;
}

// The NUMA socket of a device that is not probed yet; -1 where the kernel does not say.
static int device_node(const char *device)
{
	char path[512], name[16];

	port_netdev_name(device, name);
	if (name[0])
		snprintf(path, sizeof(path), "/sys/class/net/%s/device", name);
	else
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s%.*s",
			strchr(device, ':') == strrchr(device, ':') ? "0000:" : "",
			(int)strcspn(device, ","), device);
	return sysfs_int(path, "numa_node");
}

// Those of the ports, a bit each; 0: unknown.
static uint64_t port_nodes(const struct config *cfg)
{
	uint64_t nodes = 0;

	for (unsigned int i = 0; i < cfg->n_ifs; i++) {
		int node = device_node(cfg->ifs[i].device);

		if (node >= 0 && node < MAX_NODES)
			nodes |= 1ull << node;
	}
	return nodes;
}

static bool cpu_is_on(int cpu, uint64_t nodes)
{
	char path[96];

	for (int node = 0; node < MAX_NODES; node++) {
		if (!(nodes >> node & 1))
			continue;
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/node%d", cpu, node);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

// As many as there are, up to AUTO_WORKERS, those on a port's socket first.
static void choose_workers(struct inlet *in, const int *cpus, unsigned int n)
{
	uint64_t nodes = port_nodes(&in->cfg);

	for (int near = 1; near >= 0; near--) {
		for (unsigned int i = 0; i < n && in->n_workers < AUTO_WORKERS; i++) {
			if (cpus[i] == in->control_cpu || cpu_is_on(cpus[i], nodes) != (bool)near)
				continue;
			in->worker_cpus[in->n_workers++] = cpus[i];
		}
	}
	if (in->n_workers == 0)
		in->worker_cpus[in->n_workers++] = in->control_cpu;
}

static void warn_shared(const struct inlet *in)
{
	for (unsigned int i = 0; i < in->n_workers; i++) {
		if (in->worker_cpus[i] == in->control_cpu)
			log_warn("inletd",
				"worker %u shares its CPU with the control thread, which costs "
				"both dearly cpu=%d",
				i, in->control_cpu);
		if (is_in(in->worker_cpus[i], in->worker_cpus, i))
			log_warn("inletd",
				"worker %u shares its CPU with another worker, which costs both "
				"dearly cpu=%d",
				i, in->worker_cpus[i]);
	}
}

static int choose_control(struct inlet *in, const int *cpus, unsigned int n, char *err)
{
	const struct config *cfg = &in->cfg;

	in->control_cpu = cfg->control_cpu;
	for (unsigned int i = 0; i < n && in->control_cpu < 0; i++)
		if (!is_in(cpus[i], cfg->workers, cfg->n_workers))
			in->control_cpu = cpus[i];
	if (in->control_cpu < 0 && cfg->share_cpu && n > 0)
		in->control_cpu = cpus[n - 1];
	if (is_in(in->control_cpu, cpus, n))
		return 0;
	snprintf(err, BOOT_ERR_LEN,
		"no CPU for the control thread among those allowed (share_cpu = true lets it share "
		"one with a worker)");
	return -EINVAL;
}

int cpus_choose(struct inlet *in, char err[BOOT_ERR_LEN])
{
	int cpus[CPU_SETSIZE];
	unsigned int n = cpus_allowed(cpus, CPU_SETSIZE);
	const struct config *cfg = &in->cfg;
	int ret = choose_control(in, cpus, n, err);

	if (ret < 0)
		return ret;
	for (unsigned int i = 0; i < cfg->n_workers; i++) {
		if (!is_in(cfg->workers[i], cpus, n)) {
			snprintf(err, BOOT_ERR_LEN, "workers: CPU %d is not one we may run on",
				cfg->workers[i]);
			return -EINVAL;
		}
		in->worker_cpus[in->n_workers++] = cfg->workers[i];
	}
	if (!cfg->n_workers)
		choose_workers(in, cpus, n);
	warn_shared(in);
	return 0;
}
