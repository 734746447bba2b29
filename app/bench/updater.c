// SPDX-License-Identifier: BSD-3-Clause
#include "bench/updater.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_pause.h>

#define WINDOW 4096	      // channels of ours that are in the table
#define WAVE   32768	      // the most of them
#define OURS   (16u * 65536u) // channels that we use in turn
#define TURN   10000 // changes between two calls of the control loop: 100 ms of 100,000 a second

enum mode { UPDATER_PAUSED, UPDATER_RUNNING, UPDATER_STOPPED };

struct updater {
	struct product *p;
	struct updater_cfg cfg;
	uint64_t period; // ticks between two changes
	uint64_t behind; // ticks that it was late with the next one when it was paused
	pthread_t thread;
	pthread_mutex_t lock; // of wanted and is
	pthread_cond_t changed;
	enum mode wanted, is;
	_Atomic bool stop; // seen while it runs
	// Below: the updater's, read when it is paused.
	uint64_t added, failed, ticks, changes;
	uint32_t next, oldest;	    // channels oldest to next - 1 are in the table
	bool falling;		    // of a wave
	struct mfib_tunnel *tunnel; // of ours, or NULL
	struct mfib_channel *channels[WAVE];
};

static void add(struct updater *u)
{
	struct product *p = u->p;
	uint32_t id = u->next % OURS;
	struct sg sg = feed_sg_more(&p->joined, id);
	struct mfib_tunnel *t = p->tunnels[id % p->n_tunnels];

	u->channels[u->next++ % WAVE] = mfib_channel_add(
		p->mfib, t, &sg, product_oifs_cb(p, id % p->n_channels) & ~ORACLE_NOT_JOINED);
	if (u->channels[(u->next - 1) % WAVE])
		u->added++;
	else
		u->failed++;
}

static void del(struct updater *u)
{
	struct mfib_channel **c = &u->channels[u->oldest++ % WAVE];

	if (*c)
		mfib_channel_del(u->p->mfib, *c);
	*c = NULL;
}

// A tunnel on a local address of its own, so that the address comes and goes too; of either family.
static void toggle_tunnel(struct updater *u)
{
	struct feed_shape s = {.tunnels = 2, .family = FEED_MIXED};
	uint32_t family = (uint32_t)(u->changes / TURN / 2 % 2);
	struct addr relay = feed_relay(&s, family), local = feed_local(&s, family);
	uint32_t more = rte_cpu_to_be_32(FEED_LOCAL_MORE);

	if (u->tunnel) {
		mfib_tunnel_del(u->p->mfib, u->tunnel);
		u->tunnel = NULL;
		return;
	}
	memcpy(local.bytes + (local.family == ADDR_V6 ? 12 : 0), &more, 4);
	u->tunnel = mfib_tunnel_add(u->p->mfib, &relay, &local, FEED_PORTS);
	if (!u->tunnel)
		u->failed++;
}

static void change(struct updater *u)
{
	uint32_t n = u->next - u->oldest;

	if (!u->cfg.waves) {
		if (n == WINDOW)
			del(u);
		add(u);
	} else {
		u->falling = u->falling ? n > 0 : n == WAVE;
		if (u->falling)
			del(u);
		else
			add(u);
	}
	if (++u->changes % TURN != 0)
		return;
	mfib_reclaim(u->p->mfib);
	if (u->cfg.waves)
		toggle_tunnel(u);
}

static void run(struct updater *u)
{
	// What is behind is made up for: else each pause would forgive it, and the rate be less
	// than what was asked for.
	uint64_t start = rte_rdtsc(), due = start - u->behind, now = start;

	while (!atomic_load_explicit(&u->stop, memory_order_acquire)) {
		now = rte_rdtsc();
		if (now < due) {
			rte_pause();
			continue;
		}
		change(u);
		due += u->period;
	}
	u->behind = now > due ? now - due : 0;
	u->ticks += now - start;
}

static void *thread_cb(void *arg)
{
	struct updater *u = arg;

	pthread_mutex_lock(&u->lock);
	while (u->wanted != UPDATER_STOPPED) {
		u->is = u->wanted;
		pthread_cond_broadcast(&u->changed);
		if (u->is == UPDATER_RUNNING) {
			pthread_mutex_unlock(&u->lock);
			run(u);
			pthread_mutex_lock(&u->lock);
		}
		while (u->wanted == u->is)
			pthread_cond_wait(&u->changed, &u->lock);
	}
	pthread_mutex_unlock(&u->lock);
	return NULL;
}

static void want(struct updater *u, enum mode mode)
{
	pthread_mutex_lock(&u->lock);
	u->wanted = mode;
	atomic_store_explicit(&u->stop, mode != UPDATER_RUNNING, memory_order_release);
	pthread_cond_broadcast(&u->changed);
	while (mode != UPDATER_STOPPED && u->is != mode)
		pthread_cond_wait(&u->changed, &u->lock);
	pthread_mutex_unlock(&u->lock);
}

struct updater *updater_create(struct product *p, const struct updater_cfg *cfg)
{
	struct updater *u = calloc(1, sizeof(*u));
	cpu_set_t cpus;

	if (!u)
		return NULL;
	u->p = p;
	u->cfg = *cfg;
	u->period = rte_get_tsc_hz() / cfg->rate;
	u->stop = true;
	while (!cfg->waves && u->next < WINDOW) // the table grows now if it has to
		change(u);
	u->added = 0;
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->changed, NULL);
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
	want(u, UPDATER_STOPPED);
	pthread_join(u->thread, NULL);
	while (u->oldest != u->next)
		del(u);
	if (u->tunnel)
		mfib_tunnel_del(u->p->mfib, u->tunnel);
	pthread_cond_destroy(&u->changed);
	pthread_mutex_destroy(&u->lock);
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

void updater_drain(void *state)
{
	struct updater *u = state;

	product_drain(u->p);
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
