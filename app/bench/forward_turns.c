// SPDX-License-Identifier: BSD-3-Clause
#include "bench/forward.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bench/forward_eal.h"

#define DRAIN_MS 20 // for what is under way, and for counters that a device keeps

static int contender_open(const struct contender *c, char err[FORWARD_TEXT_LEN])
{
	if (c->dut)
		return c->dut->child.pid ? 0 : dut_open(c->dut, c->dut_cfg, err);
	if (c->pmd)
		return c->pmd->child.pid ? 0 : testpmd_open(c->pmd_cfg, c->pmd, err);
	return c->gateway->child.pid ? 0 : gateway_open(c->gateway, c->gateway_cfg, err);
}

static void contender_close(const struct contender *c)
{
	if (c->dut)
		dut_close(c->dut);
	else if (c->pmd)
		testpmd_close(c->pmd);
	else
		gateway_close(c->gateway);
}

static int contender_start(const struct contender *c)
{
	if (c->dut)
		return dut_start(c->dut);
	return c->pmd ? testpmd_start(c->pmd, c->mode, 0) : gateway_start(c->gateway);
}

static int contender_stop(const struct contender *c)
{
	if (c->dut)
		return dut_stop(c->dut);
	return c->pmd ? testpmd_stop(c->pmd) : gateway_stop(c->gateway);
}

void forward_sleep(unsigned int ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
		;
}

unsigned int forward_cpu_worker(void)
{
	return forward_eal_cpus() - 1;
}

unsigned int forward_cpu_control(void)
{
	return 0;
}

// Packets a second that came back to the generator.
static int rate_far(const struct turns *t, double *pps, double *offered_mpps)
{
	struct gen_counters a, b;
	int rc = gen_counters(t->gen, &a);

	if (rc != 0)
		return rc;
	forward_sleep(t->window_ms);
	rc = gen_counters(t->gen, &b);
	if (rc != 0)
		return rc;
	*pps = (double)(b.received - a.received) * (double)a.tsc_hz / (double)(b.tsc - a.tsc);
	*offered_mpps =
		(double)(b.sent - a.sent) * (double)a.tsc_hz / (double)(b.tsc - a.tsc) / 1e6;
	return 0;
}

// What the generator saw of the product's frames in this turn. A frame out of order or not right is
// the product's fault at any load.
static int far_account(const struct turns *t, struct forward_result *r)
{
	struct gen_counters c;
	int rc = gen_counters(t->gen, &c);

	r->packets += c.received;
	if (!t->flood)
		r->lost += c.sent - c.received;
	r->wrong += c.reordered + c.wrong;
	return rc;
}

static int rate_dut(const struct turns *t, struct dut *d, double *pps)
{
	struct dut_counters a, b;
	int rc = dut_counters(d, &a);

	if (rc != 0)
		return rc;
	forward_sleep(t->window_ms);
	rc = dut_counters(d, &b);
	if (rc == 0)
		*pps = (double)(b.sent - a.sent) * (double)a.tsc_hz / (double)(b.tsc - a.tsc);
	return rc;
}

static int rate_pmd(const struct turns *t, struct testpmd *p, double *pps)
{
	int rc = testpmd_rate(p, pps); // begins the window

	if (rc != 0)
		return rc;
	forward_sleep(t->window_ms);
	return testpmd_rate(p, pps);
}

static int turn_far(
	const struct turns *t, struct forward_result *r, const struct contender *c, double *pps)
{
	struct gen_pace pace = t->pace;
	int rc, stopped;

	pace.native = !c->pmd;
	rc = gen_start(t->gen, &pace);
	if (rc != 0)
		return rc;
	forward_sleep(t->settle_ms);
	rc = rate_far(t, pps, &r->offered_mpps[c - t->c]);
	stopped = gen_stop(t->gen);
	forward_sleep(DRAIN_MS);
	if (rc == 0 && c->dut)
		rc = far_account(t, r);
	return rc == 0 ? stopped : rc;
}

static int turn(
	const struct turns *t, struct forward_result *r, const struct contender *c, double *pps)
{
	int rc = contender_start(c), stopped;

	if (rc != 0)
		return rc;
	if (t->gen) {
		rc = turn_far(t, r, c, pps);
	} else {
		forward_sleep(t->settle_ms);
		rc = c->dut ? rate_dut(t, c->dut, pps) : rate_pmd(t, c->pmd, pps);
	}
	stopped = contender_stop(c);
	if (rc == 0)
		rc = stopped;
	if (rc == 0 && *pps < 1)
		rc = -ENODATA;
	return rc;
}

// What the product says it did with the frames of its turns.
static int account(const struct turns *t, struct forward_result *r, struct dut *d)
{
	struct dut_counters c;
	const char *name;
	int rc;

	forward_sleep(DRAIN_MS);
	rc = dut_counters(d, &c);
	if (rc != 0)
		return rc;
	r->huge = c.huge;
	if (t->flood) // a full queue is what it is about
		c.drops[DROP_TX_FULL] = 0;
	r->dropped += dut_drops(&c, &name) + c.punted;
	if (name || c.punted)
		snprintf(r->why, sizeof(r->why), "%s", name ? name : "punted");
	if (t->gen)
		return 0;
	r->packets += c.received;
	r->lost += c.received - c.sent;
	return 0;
}

static int account_gateway(struct forward_result *r, struct gateway *g)
{
	struct gateway_counters c;
	int rc = gateway_counters(g, &c);

	if (rc == 0 && c.ns)
		r->gateway_busy = (double)c.cpu_ns / (double)c.ns;
	return rc;
}

static int tsc_of(struct forward_result *r, const struct contender *c)
{
	struct dut_counters now;
	int rc;

	if (!c->dut || r->tsc_hz > 0)
		return 0;
	rc = dut_counters(c->dut, &now);
	r->tsc_hz = (double)now.tsc_hz;
	return rc;
}

static int one(struct turns *t, struct forward_result *r, unsigned int i, unsigned int rep,
	char err[FORWARD_TEXT_LEN])
{
	const struct contender *c = &t->c[i];
	double pps = 0;
	int rc = contender_open(c, err);

	if (rc != 0)
		return rc;
	if ((rc = tsc_of(r, c)) == 0 && (rc = turn(t, r, c, &pps)) == 0) {
		r->lanes[i].cycles[rep] = r->tsc_hz * r->c.workers / pps;
		if (c->dut && (t->exclusive || rep + 1 == t->reps))
			rc = account(t, r, c->dut);
		else if (c->gateway)
			rc = account_gateway(r, c->gateway);
	}
	if (rc != 0)
		snprintf(err, FORWARD_TEXT_LEN, "%s: %s", c->name,
			rc == -ENODATA ? "no packet came through" : strerror(-rc));
	if (t->exclusive || rc != 0)
		contender_close(c);
	return rc;
}

int turns_run(struct turns *t, struct forward_result *r, char err[FORWARD_TEXT_LEN])
{
	int rc = 0;

	r->n_lanes = t->n;
	r->reps = t->reps;
	for (unsigned int i = 0; i < t->n; i++)
		r->lanes[i].name = t->c[i].name;
	for (unsigned int rep = 0; rep < t->reps && rc == 0; rep++) {
		bench_progress(t->what, rep + 1, t->reps);
		for (unsigned int i = 0; i < t->n && rc == 0; i++)
			rc = one(t, r, i, rep, err);
	}
	bench_progress(NULL, 0, 0);
	for (unsigned int i = 0; i < t->n; i++)
		contender_close(&t->c[i]);
	return rc;
}
