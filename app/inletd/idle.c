// SPDX-License-Identifier: BSD-3-Clause
#include "inletd/idle.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

#include <rte_common.h>
#include <rte_epoll.h>
#include <rte_pause.h>

#include "inlet.h"
#include "port/port_wait.h"

// So many rounds without a packet are polled: some 50 us, more than lies between two packets of a
// stream that is worth a core.
#define POLL_ROUNDS 512
// Then it sleeps this long, twice as long after every STEP_ROUNDS further ones, up to the longest:
// which a receive queue of 1024 descriptors is to cover (4 million packets a second).
#define SLEEP_NS    15625
#define SLEEP_STEPS 4u
#define STEP_ROUNDS 16
// With descriptors to wait for it rests after so many sleeps of the shortest kind.
#define REST_ROUNDS (POLL_ROUNDS + STEP_ROUNDS)
// Without, after so many of the longest, with sleeps of a millisecond: a queue of 1024 then covers
// a million packets a second.
#define DEEP_ROUNDS (POLL_ROUNDS + 16 * STEP_ROUNDS)
#define DEEP_NS	    1000000
// A rest is cut short after this, for what is not told of: a table that the control thread is to
// have back, fragments that time out, the end.
#define REST_MS	  20
#define SMALL_BOX 4 // CPUs

struct idle_queue {
	const struct port *port;
	uint16_t queue;
	struct rte_epoll_event event;
};

// A worker's. The flag is read by the control thread and the other workers.
struct idle_worker {
	_Alignas(64) _Atomic bool resting;
	struct idle *idle;
	unsigned int number;
	int epfd;	  // -1: it sleeps by time
	int kick;	  // eventfd
	uint64_t feeders; // workers that put frames on its rings, a bit each
	uint64_t feeds;	  // and those on whose rings it puts frames
	bool punctual;	  // its timer slack is set
	struct rte_epoll_event kick_event;
	struct idle_queue queues[WORKER_MAX_PORTS];
	unsigned int n_queues;
};

struct idle {
	_Alignas(64) _Atomic bool control_rests;
	int control; // eventfd
	unsigned int n;
	struct idle_worker *workers;
};

static_assert(INLET_MAX_LCORES <= 64, "a bit a worker");

static void wake(int fd)
{
	const uint64_t one = 1;

	// Full is as good as told.
	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

static void wake_resting(struct idle *idle, uint64_t workers)
{
	for (; workers; workers &= workers - 1) {
		struct idle_worker *w = &idle->workers[__builtin_ctzll(workers)];

		if (atomic_load_explicit(&w->resting, memory_order_relaxed))
			wake(w->kick);
	}
}

// Packets have come: whoever relied on our rest is to know, after they were processed.
static void come_back(struct idle_worker *w)
{
	struct idle *idle = w->idle;

	if (!atomic_load_explicit(&w->resting, memory_order_relaxed))
		return;
	atomic_store_explicit(&w->resting, false, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
	wake_resting(idle, w->feeds);
	if (atomic_load_explicit(&idle->control_rests, memory_order_relaxed))
		wake(idle->control);
}

// Those that feed us rest as well: they will wake us.
static bool feeders_rest(const struct idle_worker *w)
{
	for (uint64_t left = w->feeders; left; left &= left - 1) {
		const struct idle_worker *f = &w->idle->workers[__builtin_ctzll(left)];

		if (!atomic_load_explicit(&f->resting, memory_order_relaxed))
			return false;
	}
	return true;
}

static void sleep_ns(struct idle_worker *w, long ns)
{
	struct timespec t = {.tv_nsec = ns};

	// Else the kernel lets a thread sleep 50 us longer than it asked.
	if (!w->punctual)
		prctl(PR_SET_TIMERSLACK, 1000UL);
	w->punctual = true;
	nanosleep(&t, NULL); // cut short: one more look at the ports
}

static void arm(struct idle_worker *w)
{
	for (unsigned int i = 0; i < w->n_queues; i++)
		port_wait_arm(w->queues[i].port, w->queues[i].queue);
}

static void wait_for_packets(struct idle_worker *w)
{
	struct rte_epoll_event events[WORKER_MAX_PORTS + 1];
	bool trouble = false;
	uint64_t count;
	int n = rte_epoll_wait(
		w->epfd, events, (int)RTE_MIN(w->n_queues + 1, RTE_DIM(events)), REST_MS);

	for (int i = 0; i < n; i++) {
		int error;
		socklen_t len = sizeof(error);

		if (events[i].fd == w->kick && read(w->kick, &count, sizeof(count)) < 0)
			continue;
		// A netdev that went down, say: taken note of, and no reason to run in circles.
		if (events[i].epdata.event & (EPOLLERR | EPOLLHUP)) {
			trouble = true;
			getsockopt(events[i].fd, SOL_SOCKET, SO_ERROR, &error, &len);
		}
	}
	if (trouble || n < 0)
		sleep_ns(w, DEEP_NS);
	if (n > 0)
		arm(w);
}

// struct worker's idle_cb.
static void idle_cb(void *arg, unsigned int rounds)
{
	struct idle_worker *w = arg;
	unsigned int slept = rounds - POLL_ROUNDS;
	bool rest = rounds >= (w->epfd >= 0 ? REST_ROUNDS : DEEP_ROUNDS);

	if (rounds == 0) {
		come_back(w);
		return;
	}
	if (rounds < POLL_ROUNDS) {
		rte_pause();
		return;
	}
	if (rest && !atomic_load_explicit(&w->resting, memory_order_relaxed)) {
		atomic_store_explicit(&w->resting, true, memory_order_relaxed);
		atomic_thread_fence(memory_order_seq_cst);
		arm(w);
		return; // one more look at the ports and the rings
	}
	if (!rest)
		sleep_ns(w, SLEEP_NS << RTE_MIN(slept / STEP_ROUNDS, SLEEP_STEPS));
	else if (!feeders_rest(w))
		sleep_ns(w, SLEEP_NS << SLEEP_STEPS);
	else if (w->epfd < 0)
		sleep_ns(w, DEEP_NS);
	else
		wait_for_packets(w);
}

bool idle_wanted(const struct inlet *in)
{
	cpu_set_t set;

	if (in->cfg.idle != CONFIG_IDLE_AUTO)
		return in->cfg.idle == CONFIG_IDLE_SLEEP;
	if (in->cfg.share_cpu)
		return true;
	return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) <= SMALL_BOX;
}

// All its queues, or it cannot wait for any of them.
static int wait_for_queues(const struct inlet *in, struct idle_worker *w, const struct worker *wk)
{
	for (unsigned int i = 0; i < wk->n_ports; i++) {
		struct idle_queue *q = &w->queues[w->n_queues];

		if (wk->ports[i].rx_queue == WORKER_NO_QUEUE)
			continue;
		*q = (struct idle_queue){
			.port = &in->ports[i].port, .queue = wk->ports[i].rx_queue};
		if (port_wait_add(q->port, q->queue, w->epfd, &q->event) < 0)
			return -1;
		w->n_queues++;
	}
	return 0;
}

// Its rings are in place.
static int open_worker(struct inlet *in, struct idle *idle, unsigned int number)
{
	struct idle_worker *w = &idle->workers[number];
	struct worker *wk = in->workers[number];

	w->idle = idle;
	w->number = number;
	w->epfd = epoll_create1(EPOLL_CLOEXEC);
	w->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->kick_event = (struct rte_epoll_event){.epdata.event = EPOLLIN};
	if (w->epfd < 0 || w->kick < 0 ||
		rte_epoll_ctl(w->epfd, EPOLL_CTL_ADD, w->kick, &w->kick_event) != 0)
		return -1;
	if (wait_for_queues(in, w, wk) < 0) {
		close(w->epfd);
		w->epfd = -1;
		w->n_queues = 0;
	}
	for (unsigned int to = 0; to < in->n_workers; to++) {
		if (to == number || (!wk->x->tx_to[to] && !wk->x->spread_to[to]))
			continue;
		w->feeds |= 1ull << to;
		idle->workers[to].feeders |= 1ull << number;
	}
	wk->idle_arg = w;
	wk->idle_cb = idle_cb;
	return 0;
}

struct idle *idle_create(struct inlet *in)
{
	struct idle *idle = aligned_alloc(64, sizeof(*idle));

	if (!idle)
		return NULL;
	memset(idle, 0, sizeof(*idle));
	idle->control = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	idle->workers = aligned_alloc(64, in->n_workers * sizeof(idle->workers[0]));
	if (idle->workers)
		memset(idle->workers, 0, in->n_workers * sizeof(idle->workers[0]));
	for (unsigned int i = 0; idle->workers && i < in->n_workers; i++)
		idle->workers[i].epfd = idle->workers[i].kick = -1;
	if (idle->workers)
		idle->n = in->n_workers;
	for (unsigned int i = 0; i < in->n_workers; i++) {
		if (idle->workers && idle->control >= 0 && open_worker(in, idle, i) == 0)
			continue;
		idle_destroy(idle);
		return NULL;
	}
	return idle;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void idle_destroy(struct idle *idle)
{
	if (!idle)
		return;
	for (unsigned int i = 0; idle->workers && i < idle->n; i++) {
		close_fd(idle->workers[i].epfd);
		close_fd(idle->workers[i].kick);
	}
	close_fd(idle->control);
	free(idle->workers);
	free(idle);
}

void idle_kick(struct idle *idle, unsigned int worker)
{
	if (!idle || worker >= idle->n)
		return;
	atomic_thread_fence(memory_order_seq_cst);
	wake_resting(idle, 1ull << worker);
}

int idle_fd(const struct idle *idle)
{
	return idle ? idle->control : -1;
}

void idle_control_begin(struct idle *idle)
{
	if (!idle)
		return;
	atomic_store_explicit(&idle->control_rests, true, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

bool idle_all_rest(const struct idle *idle)
{
	for (unsigned int i = 0; idle && i < idle->n; i++)
		if (!atomic_load_explicit(&idle->workers[i].resting, memory_order_relaxed))
			return false;
	return idle != NULL;
}

void idle_control_end(struct idle *idle)
{
	if (idle)
		atomic_store_explicit(&idle->control_rests, false, memory_order_relaxed);
}

const char *idle_text(const struct idle *idle, unsigned int w)
{
	if (!idle || w >= idle->n)
		return "poll";
	return idle->workers[w].epfd < 0 ? "sleep" : "wait";
}
