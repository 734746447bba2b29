// SPDX-License-Identifier: BSD-3-Clause
#include "bench/forward_testpmd.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_common.h>

#define PREFIX	    "inlet-bench-testpmd"
#define RUNTIME_DIR "/var/run/dpdk/" PREFIX // root's

#define START_MS  20000 // ports with a link to wait for
#define ANSWER_MS 5000
#define MAX_ARGS  48
#define ARG_LEN	  512

struct args {
	char text[MAX_ARGS][ARG_LEN];
	char *argv[MAX_ARGS + 1];
	int argc;
};

__attribute__((format(printf, 2, 3))) static void add(struct args *a, const char *fmt, ...)
{
	va_list ap;

	if (a->argc == MAX_ARGS)
		return;
	va_start(ap, fmt);
	vsnprintf(a->text[a->argc], ARG_LEN, fmt, ap);
	va_end(ap);
	a->argv[a->argc] = a->text[a->argc];
	a->argv[++a->argc] = NULL;
}

static void add_eal(struct args *a, const struct testpmd_cfg *cfg)
{
	size_t len;
	bool pci = false;

	add(a, "--lcores");
	add(a, "0@%u", cfg->cpu_control);
	len = strlen(a->text[a->argc - 1]);
	for (unsigned int i = 0; i < cfg->n_workers; i++)
		len += (size_t)snprintf(a->text[a->argc - 1] + len, ARG_LEN - len, ",%u@%u", i + 1,
			cfg->cpu_worker - i);
	add(a, "--no-telemetry");
	add(a, "--log-level=error");
	add(a, "--file-prefix=" PREFIX);
	if (cfg->no_huge) {
		add(a, "--no-huge");
		add(a, "--no-shconf");
		add(a, "-m");
		add(a, "256");
	} else {
		add(a, "--in-memory");
	}
	for (unsigned int i = 0; i < RTE_DIM(cfg->eal) && cfg->eal[i]; i++)
		add(a, "%s", cfg->eal[i]);
	for (unsigned int i = 0; i < cfg->n_devices; i++) {
		bool vdev = strncmp(cfg->devices[i], "net_", 4) == 0;

		pci = pci || !vdev;
		add(a, "%s", vdev ? "--vdev" : "-a");
		add(a, "%s", cfg->devices[i]);
	}
	if (!pci)
		add(a, "--no-pci");
}

static void add_own(struct args *a, const struct testpmd_cfg *cfg)
{
	add(a, "--");
	add(a, "-i");
	add(a, "--total-num-mbufs=%u", cfg->mbufs);
	add(a, "--nb-cores=%u", cfg->n_workers);
	add(a, "--rxq=%u", cfg->n_workers);
	add(a, "--txq=%u", cfg->n_workers);
	if (cfg->n_devices == 1)
		add(a, "--port-topology=loop");
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

// Reads on until what was read since the last command holds `text`, a whole line of it.
static int expect(struct testpmd *t, const char *text, unsigned int ms)
{
	uint64_t end = now_ms() + ms, now;
	const char *at;

	while (!(at = strstr(t->text, text)) || !strchr(at, '\n')) {
		struct pollfd pfd = {.fd = t->child.fd, .events = POLLIN};
		ssize_t n;

		now = now_ms();
		if (now >= end)
			return -ETIMEDOUT;
		if (poll(&pfd, 1, (int)(end - now)) <= 0)
			continue;
		if (t->len > TESTPMD_TEXT / 2) { // it is the end that counts
			t->len = TESTPMD_TEXT / 4;
			memcpy(t->text, t->text + TESTPMD_TEXT / 4, t->len);
		}
		n = read(t->child.fd, t->text + t->len, TESTPMD_TEXT - t->len - 1);
		if (n <= 0)
			return -EPIPE;
		t->len += (size_t)n;
		t->text[t->len] = '\0';
	}
	return 0;
}

__attribute__((format(printf, 2, 3))) static int command(struct testpmd *t, const char *fmt, ...)
{
	char line[64];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	t->len = 0;
	t->text[0] = '\0';
	return child_write(t->child.fd, line, (size_t)n);
}

// The first line it said that reads like a complaint, or the last one.
static void complaint(const struct testpmd *t, char err[TESTPMD_ERR_LEN])
{
	static char text[TESTPMD_TEXT]; // strtok_r() writes
	const char *said = "nothing";
	char *rest = NULL;

	memcpy(text, t->text, sizeof(text));
	for (char *l = strtok_r(text, "\r\n", &rest); l; l = strtok_r(NULL, "\r\n", &rest)) {
		said = l;
		if (strstr(l, "rror") || strstr(l, "annot"))
			break;
	}
	snprintf(err, TESTPMD_ERR_LEN, "dpdk-testpmd: %.400s", said);
}

int testpmd_open(const struct testpmd_cfg *cfg, struct testpmd *t, char err[TESTPMD_ERR_LEN])
{
	static struct args a; // large
	int rc;

	memset(t, 0, sizeof(*t));
	memset(&a, 0, sizeof(a));
	t->out = cfg->n_devices - 1;
	add(&a, "stdbuf"); // it writes to no terminal, and whole blocks then
	add(&a, "-oL");
	add(&a, "dpdk-testpmd");
	add_eal(&a, cfg);
	add_own(&a, cfg);
	rc = child_exec(&t->child, a.argv);
	if (rc == 0)
		rc = expect(t, "\nDone", START_MS);
	if (rc == 0)
		return 0;
	if (strstr(t->text, "No such file")) {
		snprintf(err, TESTPMD_ERR_LEN, "dpdk-testpmd is not installed (package dpdk-dev)");
		rc = -ENOENT;
	} else {
		complaint(t, err);
	}
	testpmd_close(t);
	return rc;
}

void testpmd_close(struct testpmd *t)
{
	child_end(&t->child);
	rmdir(RUNTIME_DIR); // it leaves it, empty
}

int testpmd_start(struct testpmd *t, const char *mode, unsigned int tx_first)
{
	int rc;

	if (strcmp(mode, t->mode) != 0) {
		rc = command(t, "set fwd %s\n", mode);
		if (rc == 0)
			rc = expect(t, "packet forwarding mode", ANSWER_MS);
		if (rc != 0)
			return rc;
		snprintf(t->mode, sizeof(t->mode), "%s", mode);
	}
	return tx_first ? command(t, "start tx_first %u\n", tx_first) : command(t, "start\n");
}

int testpmd_stop(struct testpmd *t)
{
	int rc = command(t, "stop\n");

	return rc != 0 ? rc : expect(t, "\nDone.", ANSWER_MS);
}

int testpmd_rate(struct testpmd *t, double *pps)
{
	int rc = command(t, "show port stats %u\n", t->out);
	const char *at;

	if (rc == 0)
		rc = expect(t, "Tx-pps:", ANSWER_MS);
	if (rc != 0)
		return rc;
	at = strstr(t->text, "Tx-pps:");
	*pps = strtod(at + strlen("Tx-pps:"), NULL);
	return 0;
}
