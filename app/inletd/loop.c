// SPDX-License-Identifier: BSD-3-Clause
// The control loop: one thread, asleep in epoll until a socket, a TAP or a timer has something, and
// looking into the punt rings in between (a worker that is at work makes no system call to wake
// it).
#include <unistd.h>

#include <rte_mbuf.h>

#include "capture/capture.h"
#include "inlet.h"

// A Join, an ARP or a DNS answer waits in a punt ring for so long at most ...
#define POLL_IDLE_US (1 * USEC_PER_MSEC)
// ... unless all workers rest, who wake us when they come back ...
#define POLL_REST_US (100 * USEC_PER_MSEC)
// ... and for so long while a conversation is under way.
#define POLL_BUSY_US 100
#define BUSY_FOR_US  (20 * USEC_PER_MSEC)
#define PUNT_BURST   64
#define PUNT_ROUNDS  8
// What we hear through a capture of the TAP, which is read once a turn.
#define PUNT_HEARD (1u << PUNT_PIM | 1u << PUNT_MEMBERSHIP)
// The Joins of a hundred thousand channels run out at one time when their router has died.
#define TIMERS_AT_ONCE 256
#define LONGEST_US     (1 * USEC_PER_SEC) // over which the longest delay is told

static size_t punt(struct inlet *in, struct rte_mbuf *m, uint64_t now_us)
{
	const size_t whole = rte_pktmbuf_pkt_len(m);
	struct iface *ifc = m->port < in->n_ifs ? &in->ifs[m->port] : NULL;
	const uint8_t *frame;
	size_t len;

	if (ifc && ifc->kif && rte_pktmbuf_linearize(m) == 0) {
		frame = rte_pktmbuf_mtod(m, const uint8_t *);
		len = rte_pktmbuf_pkt_len(m);
		if (!iface_native(ifc, frame, len, now_us))
			kif_write(ifc->kif, frame, len);
	}
	rte_pktmbuf_free(m);
	return whole;
}

// As much as a capture handles in a turn: the rest waits in the punt ring, where a sender that
// shouts leaves room for others (fastpath/police.c), and not in the capture's. True: some is left.
static bool punt_heard(struct inlet *in, unsigned int k, uint64_t now_us)
{
	struct rte_mbuf *m;

	for (size_t octets = 0; octets < CAPTURE_BATCH_OCTETS; octets += punt(in, m, now_us)) {
		if (crossing_punt_dequeue(in->crossing, 1u << k, &m, 1) == 0)
			return false;
		in->busy_until_us = now_us + BUSY_FOR_US;
	}
	return true;
}

// A bounded number, so that a flood of punted packets leaves time for everything else. True: some
// are left.
static bool punt_poll(struct inlet *in, uint64_t now_us)
{
	struct rte_mbuf *mbufs[PUNT_BURST];
	bool left = false;

	for (unsigned int k = 0; k < PUNT_CLASSES; k++)
		if (PUNT_HEARD & 1u << k)
			left |= punt_heard(in, k, now_us);
	for (int round = 0; round < PUNT_ROUNDS; round++) {
		unsigned int n = crossing_punt_dequeue(
			in->crossing, PUNT_ALL & ~PUNT_HEARD, mbufs, PUNT_BURST);

		for (unsigned int i = 0; i < n; i++)
			punt(in, mbufs[i], now_us);
		if (n > 0)
			in->busy_until_us = now_us + BUSY_FOR_US;
		if (n < PUNT_BURST)
			return left;
	}
	return true;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg; // only here to wake the loop
}

static void on_worker(evutil_socket_t fd, short what, void *arg)
{
	uint64_t count;

	(void)what;
	(void)arg;
	if (read(fd, &count, sizeof(count)) < 0)
		return;
}

static int loop_start(struct inlet *in)
{
	if (in->tick)
		return 0;
	in->tick = evtimer_new(in->base, on_tick, in);
	if (!in->tick)
		return -1;
	if (!in->idle)
		return 0;
	in->idle_event =
		event_new(in->base, idle_fd(in->idle), EV_READ | EV_PERSIST, on_worker, in);
	return in->idle_event && event_add(in->idle_event, NULL) == 0 ? 0 : -1;
}

static uint64_t poll_after_us(const struct inlet *in, uint64_t now_us)
{
	if (now_us < in->busy_until_us)
		return POLL_BUSY_US;
	return idle_all_rest(in->idle) ? POLL_REST_US : POLL_IDLE_US;
}

// What a turn keeps from being done in time: whatever the one before it did, and whoever else had
// the CPU.
static void count_turn(struct inlet *in, uint64_t now)
{
	uint64_t late = in->planned_us && now > in->planned_us ? now - in->planned_us : 0;
	struct observe_loop *l = &in->loop;

	l->turns++;
	histogram_add(&l->late, late);
	if (late > l->longest_us)
		l->longest_us = late;
	if (late > in->longest_us)
		in->longest_us = late;
	if (now < in->longest_due_us)
		return;
	l->longest_now_us = in->longest_us;
	in->longest_us = 0;
	in->longest_due_us = now + LONGEST_US;
}

static void loop_once(struct inlet *in)
{
	uint64_t now = clock_mono_us(), due, next;
	struct timeval tv;
	bool left;

	idle_control_begin(in->idle);
	count_turn(in, now);
	left = punt_poll(in, now);
	timers_run_some(&in->timers, now, TIMERS_AT_ONCE);
	next = left ? now : now + poll_after_us(in, now);
	due = timers_next(&in->timers);
	if (due < next)
		next = due;
	in->planned_us = next;
	now = clock_mono_us();
	tv.tv_sec = 0;
	tv.tv_usec = next > now ? (suseconds_t)(next - now) : 0;
	evtimer_add(in->tick, &tv);
	event_base_loop(in->base, EVLOOP_ONCE);
	idle_control_end(in->idle);
}

void loop_run(struct inlet *in)
{
	if (loop_start(in) < 0)
		return;
	in->planned_us = 0; // what was before is no turn
	while (!in->stop)
		loop_once(in);
}

void loop_drain(struct inlet *in, uint64_t for_us)
{
	uint64_t until = clock_mono_us() + for_us;

	if (loop_start(in) < 0)
		return;
	while (clock_mono_us() < until)
		loop_once(in);
}
