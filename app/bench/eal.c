// SPDX-License-Identifier: BSD-3-Clause
#include "bench/bench.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_memory.h>

static const char *memory_kind = "4k";
static unsigned int cpu_main, cpu_other;

static uint64_t meminfo(const char *key)
{
	FILE *f = fopen("/proc/meminfo", "r");
	unsigned long long v = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, strlen(key)) == 0 &&
			sscanf(line + strlen(key), ": %llu", &v) == 1)
			break;
	}
	if (f)
		fclose(f);
	return v;
}

// Without reserved huge pages the memory moves to transparent ones, which the kernel gives to
// anonymous memory only: a copy is made in such pages, and takes the place of the original. Offsets
// within a large page stay the same, so that the move keeps them whole.
static int thp_cb(const struct rte_memseg_list *msl, void *arg)
{
	size_t large = 2u << 20, len = RTE_ALIGN_CEIL(msl->len, large) + 2 * large;
	uint8_t *room, *copy;
	bool *all = arg;

	if (msl->external)
		return 0;
	room = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED) {
		*all = false;
		return 0;
	}
	copy = RTE_PTR_ALIGN_CEIL(room, large);
	copy += (uintptr_t)msl->base_va % large;
	*all &= madvise(room, len, MADV_HUGEPAGE) == 0;
	memcpy(copy, msl->base_va, msl->len);
	if (mremap(copy, msl->len, msl->len, MREMAP_MAYMOVE | MREMAP_FIXED, msl->base_va) !=
		msl->base_va)
		*all = false;
	return 0;
}

// All of it may be asked for and little be given.
static bool thp_given(uint64_t kb)
{
	return meminfo("AnonHugePages") >= kb / 10 * 9;
}

int bench_eal_init(const struct bench_options *o, unsigned int megabytes)
{
	bool huge = !o->no_huge &&
		    meminfo("HugePages_Free") * meminfo("Hugepagesize") >= megabytes * 1024ull;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	char cpu[16], prefix[48], mb[16];
	char *argv[16];
	int argc = 0, rc;
	bool all = true;

	cpu_main = cpus > 0 ? (unsigned int)cpus - 1 : 0;
	cpu_other = cpu_main > 0 ? cpu_main - 1 : 0;
	snprintf(cpu, sizeof(cpu), "%u", cpu_main);
	snprintf(prefix, sizeof(prefix), "--file-prefix=inlet-bench-%d", (int)getpid());
	snprintf(mb, sizeof(mb), "%u", megabytes);
	argv[argc++] = "inlet-bench";
	argv[argc++] = "-l";
	argv[argc++] = cpu;
	argv[argc++] = "--no-pci";
	argv[argc++] = "--no-telemetry";
	argv[argc++] = "--log-level=error";
	argv[argc++] = prefix;
	if (huge) {
		argv[argc++] = "--in-memory";
	} else {
		argv[argc++] = "--no-huge";
		argv[argc++] = "--no-shconf";
		argv[argc++] = "-m";
		argv[argc++] = mb;
	}
	rc = rte_eal_init(argc, argv);
	if (rc < 0) {
		fprintf(stderr, "inlet-bench: EAL: %s\n", rte_strerror(rte_errno));
		return -rte_errno;
	}
	if (huge) {
		memory_kind = "huge";
	} else if (!o->no_huge) {
		(void)rte_memseg_list_walk(thp_cb, &all);
		if (all && thp_given(megabytes * 1024ull))
			memory_kind = "thp";
	}
	return 0;
}

const char *bench_memory(void)
{
	return memory_kind;
}

// The value of a line of /proc/cpuinfo with this key, or false.
static bool cpuinfo(const char *line, const char *key, char *value, size_t size)
{
	size_t len = strlen(key);
	const char *colon = strchr(line, ':');

	if (strncmp(line, key, len) != 0 || line[len] != '\t' || !colon)
		return false;
	snprintf(value, size, "%s", colon[1] ? colon + 2 : "");
	value[strcspn(value, "\"\\\n")] = '\0';
	return true;
}

// A virtual machine's name says little: family and model tell what it is.
const char *bench_cpu(void)
{
	static char cpu[128];
	char name[96] = "unknown", family[16] = "0", model[16] = "0", line[256];
	FILE *f = fopen("/proc/cpuinfo", "r");

	while (f && fgets(line, sizeof(line), f) && line[0] != '\n') {
		if (!cpuinfo(line, "model name", name, sizeof(name)) &&
			!cpuinfo(line, "cpu family", family, sizeof(family)))
			cpuinfo(line, "model", model, sizeof(model));
	}
	if (f)
		fclose(f);
	snprintf(cpu, sizeof(cpu), "%s %s/%s", name, family, model);
	return cpu;
}

unsigned int bench_cpu_main(void)
{
	return cpu_main;
}

unsigned int bench_cpu_other(void)
{
	return cpu_other;
}

size_t bench_heap(void)
{
	struct mallinfo2 i = mallinfo2();
	struct rte_malloc_socket_stats s;
	size_t sum = i.uordblks + i.hblkhd;

	for (int socket = 0; socket < RTE_MAX_NUMA_NODES; socket++) {
		if (rte_malloc_get_socket_stats(socket, &s) == 0)
			sum += s.heap_allocsz_bytes;
	}
	return sum;
}

void bench_progress(const char *what, unsigned int done, unsigned int of)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (what)
		fprintf(stderr, "\r\033[K%s %u/%u", what, done, of);
	else
		fprintf(stderr, "\r\033[K");
	fflush(stderr);
}
