// SPDX-License-Identifier: BSD-3-Clause
#include "bench/updater.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_pause.h>

#define WINDOW 4096 // channels of ours that are in the table

enum mode { UPDATER_PAUSED, UPDATER_RUNNING, UPDATER_STOPPED };

struct updater {
	struct product *p;
	uint64_t period; // ticks between two changes
	pthread_t thread;
	_Atomic int wanted; // enum mode; the measuring thread writes
	_Atomic int is;	    // the updater writes
	// Below: the updater's, read when it is paused.
	uint64_t added, failed, ticks;
	uint32_t next;
	struct mfib_channel *window[WINDOW];
};

static void change(struct updater *u)
{
	uint32_t at = u->next % WINDOW;
	uint32_t id = u->next % (FEED_PER_SOURCE << 16); // 65,536 sources, then again
	struct sg sg = feed_sg(id, FEED_GROUPS_MORE);
	struct product *p = u->p;

	if (u->window[at])
		mfib_channel_del(p->mfib, u->window[at]);
	u->window[at] = mfib_channel_add(p->mfib, p->tunnels[id % p->n_tunnels], &sg, p->oifs);
	if (u->window[at])
		u->added++;
	else
		u->failed++;
	u->next++;
	// Once in a while, as the control loop does.
	if (u->next % 8192 == 0)
		mfib_reclaim(p->mfib);
}

static void run(struct updater *u)
{
	uint64_t start = rte_rdtsc(), due = start, now = start;

	while (atomic_load_explicit(&u->wanted, memory_order_acquire) == UPDATER_RUNNING) {
		now = rte_rdtsc();
		if (now < due) {
			rte_pause();
			continue;
		}
		change(u);
		due += u->period;
	}
	u->ticks += now - start;
}

static void *thread_cb(void *arg)
{
	struct updater *u = arg;
	int wanted;

	while ((wanted = atomic_load_explicit(&u->wanted, memory_order_acquire)) !=
		UPDATER_STOPPED) {
		atomic_store_explicit(&u->is, wanted, memory_order_release);
		if (wanted == UPDATER_RUNNING)
			run(u);
		else
			rte_pause();
	}
	return NULL;
}

static void want(struct updater *u, enum mode mode)
{
	atomic_store_explicit(&u->wanted, mode, memory_order_release);
	while (atomic_load_explicit(&u->is, memory_order_acquire) != (int)mode)
		rte_pause();
}

struct updater *updater_create(struct product *p, uint32_t rate)
{
	struct updater *u = calloc(1, sizeof(*u));
	cpu_set_t cpus;

	if (!u)
		return NULL;
	u->p = p;
	u->period = rte_get_tsc_hz() / rate;
	for (u->next = 0; u->next < WINDOW;) // the table grows now if it has to
		change(u);
	u->added = 0;
	if (pthread_create(&u->thread, NULL, thread_cb, u) != 0) {
		free(u);
		return NULL;
	}
	CPU_ZERO(&cpus);
	CPU_SET(bench_cpu_other(), &cpus);
	(void)pthread_setaffinity_np(u->thread, sizeof(cpus), &cpus);
	return u;
}

void updater_destroy(struct updater *u)
{
	if (!u)
		return;
	atomic_store_explicit(&u->wanted, UPDATER_STOPPED, memory_order_release);
	pthread_join(u->thread, NULL);
	for (uint32_t i = 0; i < WINDOW; i++) {
		if (u->window[i])
			mfib_channel_del(u->p->mfib, u->window[i]);
	}
	free(u);
}

void updater_begin(void *state)
{
	struct updater *u = state;

	product_begin(u->p);
	want(u, UPDATER_RUNNING);
}

void updater_burst(void *state, struct rte_mbuf **m, unsigned int n)
{
	struct updater *u = state;

	product_burst(u->p, m, n);
}

void updater_end(void *state)
{
	struct updater *u = state;

	want(u, UPDATER_PAUSED);
	product_end(u->p);
}

double updater_rate(const struct updater *u)
{
	return u->ticks ? (double)u->added * (double)rte_get_tsc_hz() / (double)u->ticks : 0;
}

uint64_t updater_failed(const struct updater *u)
{
	return u->failed;
}
