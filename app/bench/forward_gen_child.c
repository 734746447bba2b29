// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>

#include "bench/forward_gen.h"

#define START_MS  30000
#define ANSWER_MS 5000

enum op { OP_START, OP_STOP, OP_COUNTERS };

struct request {
	enum op op;
	struct gen_pace pace;
};

struct hello {
	int rc;
	char err[GEN_ERR_LEN];
};

static int serve_one(struct gen_inside *g, int fd)
{
	struct gen_counters c;
	struct request r;
	int rc = child_read(fd, &r, sizeof(r), -1);

	if (rc != 0)
		return rc;
	if (r.op == OP_START)
		gen_inside_start(g, &r.pace);
	else if (r.op == OP_STOP)
		gen_inside_stop(g);
	gen_inside_counters(g, &c);
	return child_write(fd, &c, sizeof(c));
}

static int child_main(int fd, void *arg)
{
	struct hello h = {0};
	struct gen_inside *g = gen_inside_open(arg, h.err);

	h.rc = g ? 0 : -EIO;
	if (child_write(fd, &h, sizeof(h)) == 0 && g) {
		while (serve_one(g, fd) == 0)
			;
	}
	if (g)
		gen_inside_close(g);
	return g ? 0 : 1;
}

int gen_open(struct gen *g, const struct gen_cfg *cfg, char err[GEN_ERR_LEN])
{
	struct hello h = {0};
	int rc = child_fork(&g->child, child_main, (void *)(uintptr_t)cfg);

	if (rc == 0)
		rc = child_read(g->child.fd, &h, sizeof(h), START_MS);
	if (rc == 0)
		rc = h.rc;
	if (rc == 0)
		return 0;
	snprintf(err, GEN_ERR_LEN, "%s", h.err[0] ? h.err : "the generator's process ended");
	child_end(&g->child);
	return rc;
}

void gen_close(struct gen *g)
{
	child_end(&g->child);
}

static int request(struct gen *g, const struct request *r, struct gen_counters *out)
{
	int rc = child_write(g->child.fd, r, sizeof(*r));

	return rc != 0 ? rc : child_read(g->child.fd, out, sizeof(*out), ANSWER_MS);
}

int gen_start(struct gen *g, const struct gen_pace *pace)
{
	const struct request r = {.op = OP_START, .pace = *pace};
	struct gen_counters c;

	return request(g, &r, &c);
}

int gen_stop(struct gen *g)
{
	const struct request r = {.op = OP_STOP};
	struct gen_counters c;

	return request(g, &r, &c);
}

int gen_counters(struct gen *g, struct gen_counters *out)
{
	const struct request r = {.op = OP_COUNTERS};

	return request(g, &r, out);
}
