// SPDX-License-Identifier: BSD-3-Clause
#include "bench/forward.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int contender_open(const struct contender *c, char err[FORWARD_TEXT_LEN])
{
	if (c->dut)
		return c->dut->child.pid ? 0 : dut_open(c->dut, c->dut_cfg, err);
	return c->pmd->child.pid ? 0 : testpmd_open(c->pmd_cfg, c->pmd, err);
}

static void contender_close(const struct contender *c)
{
	if (c->dut)
		dut_close(c->dut);
	else
		testpmd_close(c->pmd);
}

static int contender_start(const struct contender *c)
{
	return c->dut ? dut_start(c->dut) : testpmd_start(c->pmd, c->mode, c->tx_first);
}

static int contender_stop(const struct contender *c)
{
	return c->dut ? dut_stop(c->dut) : testpmd_stop(c->pmd);
}

void forward_sleep(unsigned int ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

	while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
		;
}

unsigned int forward_cpu_worker(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned int)n - 1 : 0;
}

unsigned int forward_cpu_control(void)
{
	return 0;
}

// Packets a second at the far end of what runs now.
static int rate_far(const struct turns *t, double tsc_hz, double *pps)
{
	uint64_t f0, f1, t0, t1;
	int rc = t->count_cb(t->arg, &f0, &t0);

	if (rc != 0)
		return rc;
	forward_sleep(t->window_ms);
	rc = t->count_cb(t->arg, &f1, &t1);
	if (rc == 0)
		*pps = (double)(f1 - f0) * tsc_hz / (double)(t1 - t0);
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

static int turn(const struct turns *t, const struct contender *c, double tsc_hz, double *pps)
{
	int rc = contender_start(c), stopped;

	if (rc != 0)
		return rc;
	forward_sleep(t->settle_ms);
	if (t->count_cb)
		rc = rate_far(t, tsc_hz, pps);
	else
		rc = c->dut ? rate_dut(t, c->dut, pps) : rate_pmd(t, c->pmd, pps);
	stopped = contender_stop(c);
	if (rc == 0)
		rc = stopped;
	if (rc == 0 && *pps < 1)
		rc = -ENODATA;
	return rc;
}

// What the product did with the frames of the turns so far.
static int account(struct forward_result *r, struct dut *d)
{
	struct dut_counters c;
	const char *name;
	int rc;

	forward_sleep(20); // for counters that a device keeps
	rc = dut_counters(d, &c);
	if (rc != 0)
		return rc;
	r->tsc_hz = (double)c.tsc_hz;
	r->huge = c.huge;
	r->packets += c.received;
	r->dropped += dut_drops(&c, &name) + c.punted;
	if (name || c.punted)
		snprintf(r->why, sizeof(r->why), "%s", name ? name : "punted");
	r->lost += c.received - c.sent;
	return 0;
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
	if ((rc = tsc_of(r, c)) == 0 && (rc = turn(t, c, r->tsc_hz, &pps)) == 0) {
		r->lanes[i].cycles[rep] = r->tsc_hz / pps;
		if (c->dut && (t->exclusive || rep + 1 == t->reps))
			rc = account(r, c->dut);
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
