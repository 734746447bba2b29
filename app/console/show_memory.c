// SPDX-License-Identifier: BSD-3-Clause
// show memory: what the process holds, of each kind, so that what grows can be seen.
#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mempool.h>

#include "console/verb.h"
#include "driad/driad.h"
#include "mfib/mfib.h"

static const struct render_column columns[] = {
	{"what", RENDER_LEFT},
	{"used", RENDER_RIGHT},
	{"of", RENDER_RIGHT}, // absent: no limit, or none that is known
	{"unit", RENDER_LEFT},
};

static void row(struct render *r, const char *what, uint64_t used, uint64_t of, const char *unit)
{
	render_text(r, what);
	render_u64(r, used);
	if (of)
		render_u64(r, of);
	else
		render_none(r);
	render_text(r, unit);
}

static void show_process(struct render *r)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	if (f) {
		if (fscanf(f, "%*u %lu", &pages) != 1)
			pages = 0;
		fclose(f);
	}
	row(r, "resident", pages * (uint64_t)sysconf(_SC_PAGESIZE), 0, "octets");
}

// What malloc() has given out of what it has of the kernel. It walks the lists of what is free:
// some hundred microseconds after 100,000 channels have gone.
static void show_malloc(struct render *r)
{
	struct mallinfo2 m = mallinfo2();

	row(r, "malloc", m.uordblks + m.hblkhd, m.arena + m.hblkhd, "octets");
}

static void show_dpdk(struct render *r)
{
	struct rte_malloc_socket_stats s;
	uint64_t used = 0, of = 0;

	for (int socket = 0; socket < RTE_MAX_NUMA_NODES; socket++) {
		if (rte_malloc_get_socket_stats(socket, &s) == 0) {
			used += s.heap_allocsz_bytes;
			of += s.heap_totalsz_bytes;
		}
	}
	row(r, "dpdk", used, of, "octets");
}

static void show_pool(struct rte_mempool *pool, void *arg)
{
	row(arg, pool->name, rte_mempool_in_use_count(pool), pool->size, "mbufs");
}

// Entries of a directory of ours in /proc, less dots and, of descriptors, the one that is read.
static uint64_t entries(const char *path, uint64_t own)
{
	DIR *d = opendir(path);
	uint64_t n = 0;

	if (!d)
		return 0;
	for (const struct dirent *e = readdir(d); e; e = readdir(d))
		n += e->d_name[0] != '.';
	closedir(d);
	return n - own;
}

void verb_show_memory(struct verb_ctx *v)
{
	struct rlimit files = {0};
	struct mfib_usage usage = {0};

	render_table_begin(v->r, "memory", columns, RTE_DIM(columns));
	show_process(v->r);
	show_malloc(v->r);
	show_dpdk(v->r);
	if (v->o->mfib) {
		mfib_usage(v->o->mfib, &usage);
		row(v->r, "tables", usage.bytes, 0, "octets");
		row(v->r, "table records", usage.control, 0, "octets");
	}
	if (rte_lcore_count() > 0) // without EAL, in tests, there is no list of pools either
		rte_mempool_walk(show_pool, v->r);
	getrlimit(RLIMIT_NOFILE, &files);
	row(v->r, "descriptors", entries("/proc/self/fd", 1), files.rlim_cur, "descriptors");
	row(v->r, "threads", entries("/proc/self/task", 0), 0, "threads");
	if (v->o->timers)
		row(v->r, "timers", v->o->timers->count, 0, "timers");
	if (v->o->driad)
		row(v->r, "dns questions", driad_asking(v->o->driad), 0, "questions");
	render_table_end(v->r);
}
