// SPDX-License-Identifier: BSD-3-Clause
#include "bench/forward_dut.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <rte_launch.h>

#include "bench/forward_inside.h"

#define HOUSEKEEPING_MS 10
#define START_MS	30000
#define ANSWER_MS	10000
#define TIMED_MS	120000
#define OUT_MAX		65536

enum op { OP_START, OP_STOP, OP_COUNTERS, OP_TIMED };

struct request {
	enum op op;
	dut_timed_cb cb; // the child is a copy of us: an address here is one there
	size_t len;
};

struct hello {
	int rc;
	char err[DUT_ERR_LEN];
};

struct timed {
	struct dut_inside *in;
	dut_timed_cb cb;
	uint8_t out[OUT_MAX];
	size_t len;
};

static int timed_lcore_cb(void *arg)
{
	struct timed *t = arg;

	t->cb(t->in, t->out, t->len);
	return 0;
}

static int serve_timed(struct dut_inside *in, int fd, const struct request *r)
{
	static struct timed t; // large
	int rc;

	t = (struct timed){.in = in, .cb = r->cb, .len = r->len};
	rc = rte_eal_remote_launch(timed_lcore_cb, &t, 1);
	if (rc == 0)
		rte_eal_wait_lcore(1);
	rc = child_write(fd, &rc, sizeof(rc));
	return rc != 0 ? rc : child_write(fd, t.out, t.len);
}

static int serve_one(struct dut_inside *in, int fd)
{
	struct dut_counters c;
	struct request r;
	int rc = child_read(fd, &r, sizeof(r), ANSWER_MS);

	if (rc != 0)
		return rc;
	switch (r.op) {
	case OP_START:
		rc = inside_start(in);
		return child_write(fd, &rc, sizeof(rc));
	case OP_STOP:
		inside_stop(in);
		return child_write(fd, &rc, sizeof(rc));
	case OP_COUNTERS:
		inside_counters(in, &c);
		return child_write(fd, &c, sizeof(c));
	case OP_TIMED:
		return serve_timed(in, fd, &r);
	}
	return -EINVAL;
}

static int child_main(int fd, void *arg)
{
	struct dut_inside in;
	struct hello h = {0};

	h.rc = inside_open(&in, arg, h.err);
	if (child_write(fd, &h, sizeof(h)) == 0 && h.rc == 0) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		int n;

		while ((n = poll(&pfd, 1, HOUSEKEEPING_MS)) >= 0) {
			inside_housekeeping(&in);
			if (n > 0 && serve_one(&in, fd) != 0)
				break; // the parent is gone or wants us to go
		}
	}
	inside_close(&in);
	return h.rc != 0;
}

int dut_open(struct dut *d, const struct dut_cfg *cfg, char err[DUT_ERR_LEN])
{
	struct hello h = {0};
	int rc;

	err[0] = '\0';
	if (cfg->n_workers > DUT_MAX_WORKERS || cfg->n_workers > cfg->cpu_worker + 1) {
		snprintf(err, DUT_ERR_LEN, "not that many CPUs for %u workers", cfg->n_workers);
		return -ERANGE;
	}
	rc = child_fork(&d->child, child_main, (void *)(uintptr_t)cfg);
	if (rc == 0)
		rc = child_read(d->child.fd, &h, sizeof(h), START_MS);
	if (rc == 0)
		rc = h.rc;
	if (rc == 0)
		return 0;
	snprintf(err, DUT_ERR_LEN, "%s", h.err[0] ? h.err : "the datapath's process ended");
	child_end(&d->child);
	return rc;
}

void dut_close(struct dut *d)
{
	child_end(&d->child);
}

static int request(struct dut *d, const struct request *r, void *answer, size_t len, int ms)
{
	int rc = child_write(d->child.fd, r, sizeof(*r));

	return rc != 0 ? rc : child_read(d->child.fd, answer, len, ms);
}

static int simple(struct dut *d, enum op op)
{
	const struct request r = {.op = op};
	int answer = 0, rc = request(d, &r, &answer, sizeof(answer), ANSWER_MS);

	return rc != 0 ? rc : answer;
}

int dut_start(struct dut *d)
{
	return simple(d, OP_START);
}

int dut_stop(struct dut *d)
{
	return simple(d, OP_STOP);
}

int dut_counters(struct dut *d, struct dut_counters *out)
{
	const struct request r = {.op = OP_COUNTERS};

	return request(d, &r, out, sizeof(*out), ANSWER_MS);
}

int dut_timed(struct dut *d, dut_timed_cb cb, void *out, size_t len)
{
	const struct request r = {.op = OP_TIMED, .cb = cb, .len = len};
	int answer = 0, rc;

	if (len > OUT_MAX)
		return -EMSGSIZE;
	rc = request(d, &r, &answer, sizeof(answer), TIMED_MS);
	if (rc != 0 || answer != 0)
		return rc != 0 ? rc : answer;
	return child_read(d->child.fd, out, len, ANSWER_MS);
}

uint64_t dut_drops(const struct dut_counters *c, const char **name)
{
	uint64_t sum = 0;

	*name = NULL;
	for (int i = 0; i < DROP_COUNT; i++) {
		if (c->drops[i] && !*name)
			*name = drop_names[i];
		sum += c->drops[i];
	}
	return sum;
}
