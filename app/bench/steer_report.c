// SPDX-License-Identifier: BSD-3-Clause
// What inlet-bench steer prints and plots.
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/bench.h"
#include "bench/steer.h"

#define WIDTH	760
#define LEFT	110
#define BAR_ROW 70

struct spread {
	uint64_t min, max;
	double mean, balance; // balance: max / mean
};

static struct spread spread_of(const uint64_t *v, unsigned int n)
{
	struct spread s = {.min = UINT64_MAX, .balance = steer_balance(v, n)};

	for (unsigned int i = 0; i < n; i++) {
		s.mean += (double)v[i] / n;
		s.min = v[i] < s.min ? v[i] : s.min;
		s.max = v[i] > s.max ? v[i] : s.max;
	}
	return s;
}

static void show_tunnel(const struct steer_options *o, const struct steer_tunnel *t)
{
	char relay[ADDR_STRLEN], local[ADDR_STRLEN];

	addr_format(&t->t.relay, relay);
	addr_format(&t->t.local, local);
	if (o->json)
		printf("{\"bench\":\"steer_port\",\"case\":{\"relay\":\"%s\",\"local\":\"%s\"},"
		       "\"port\":%u,\"queue\":%u,\"tries\":%u,\"pps\":%llu}\n",
			relay, local, t->t.local_port, t->queue, t->tries,
			(unsigned long long)t->pps);
	else
		printf("  %s -> %s port %u: queue %u, %u tries, %llu packets/s\n", relay, local,
			t->t.local_port, t->queue, t->tries, (unsigned long long)t->pps);
}

void steer_report_begin(const struct steer_options *o, const struct steer_tunnel *t, uint32_t n)
{
	uint64_t sum = 0, most = 0;

	for (uint32_t i = 0; i < n; i++) {
		sum += t[i].pps;
		most = t[i].pps > most ? t[i].pps : most;
	}
	if (!o->json)
		printf("Key %s (%u octets), RETA %u, %u queues, %u local addresses.\n", o->key_name,
			o->rss.key_len, o->rss.reta_size, o->rss.n_queues, o->n_locals);
	for (uint32_t i = 0; n <= STEER_LIST_UP_TO && i < n; i++)
		show_tunnel(o, &t[i]);
	if (o->json)
		return;
	printf("Balance is the most loaded queue relative to the mean, 1 is even");
	if (sum > 0)
		printf("; the largest tunnel alone makes %.2f",
			(double)most * o->rss.n_queues / (double)sum);
	printf(".\n\n%-13s %8s %8s %8s %9s %9s %9s %7s %6s %7s %6s\n", "placement", "tunnels",
		"min", "max", "load", "min/mean", "balance", "tries", "worst", "ns", "moves");
}

static void json_row(const struct steer_options *o, uint32_t n, const struct steer_row *r,
	const struct steer_row *random)
{
	const unsigned int q = o->rss.n_queues;
	struct spread t = spread_of(r->tunnels, q), l = spread_of(r->load, q);

	printf("{\"bench\":\"steer\",\"case\":{\"placement\":\"%s\",\"key\":\"%s\",\"reta\":%u,"
	       "\"queues\":%u,\"tunnels\":%u,\"locals\":%u,\"zipf\":%.2f,\"seed\":%llu}",
		r->placement, o->key_name, o->rss.reta_size, q, n, o->n_locals, o->zipf,
		(unsigned long long)o->seed);
	printf(",\"tunnels_min\":%llu,\"tunnels_max\":%llu,\"tunnels_balance\":%.4f",
		(unsigned long long)t.min, (unsigned long long)t.max, t.balance);
	printf(",\"load_min\":%llu,\"load_max\":%llu,\"balance\":%.4f", (unsigned long long)l.min,
		(unsigned long long)l.max, l.balance);
	// As with cycles: above 1 is better than the reference.
	if (random)
		printf(",\"ratio\":{\"random\":%.4f}", steer_balance(random->load, q) / l.balance);
	printf(",\"tries\":%.2f,\"tries_worst\":%u,\"ns\":%.0f,\"moves\":%u}\n", r->tries,
		r->tries_worst, r->ns, r->moves);
}

void steer_report_row(const struct steer_options *o, uint32_t n, const struct steer_row *r,
	const struct steer_row *random)
{
	const unsigned int q = o->rss.n_queues;
	struct spread t = spread_of(r->tunnels, q), l = spread_of(r->load, q);

	if (o->json) {
		json_row(o, n, r, random);
	} else {
		printf("%-13s %8.0f %8llu %8llu %9.0f %9.3f %9.3f", r->placement, t.mean,
			(unsigned long long)t.min, (unsigned long long)t.max, l.mean,
			l.mean > 0 ? (double)l.min / l.mean : 1, l.balance);
		if (r->tries > 0)
			printf(" %7.1f %6u %7.0f", r->tries, r->tries_worst, r->ns);
		else
			printf(" %7s %6s %7s", "-", "-", "-");
		printf(" %6u\n", r->moves);
	}
	fflush(stdout);
}

static void plot_row(FILE *f, const struct steer_options *o, const struct steer_row *r,
	unsigned int at, double most)
{
	const unsigned int q = o->rss.n_queues;
	double step = (double)(WIDTH - LEFT - 20) / q, base = 40 + (at + 1.0) * BAR_ROW;

	fprintf(f, "<text x='8' y='%.0f'>%s</text>\n<text x='8' y='%.0f' fill='#777'>%.2f</text>\n",
		base - 24, r->placement, base - 8, steer_balance(r->load, q));
	for (unsigned int i = 0; i < q; i++) {
		double h = most > 0 ? (double)r->load[i] / most * (BAR_ROW - 16) : 0;

		fprintf(f, "<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f' fill='#4477aa'/>\n",
			LEFT + i * step, base - h, step * 0.8, h);
	}
	fprintf(f, "<line x1='%d' y1='%.0f' x2='%d' y2='%.0f' stroke='#000'/>\n", LEFT, base,
		WIDTH - 20, base);
}

int steer_report_plot(const struct steer_options *o, const struct steer_row *rows, unsigned int n)
{
	double most = 0;
	char path[4096];
	FILE *f = NULL;

	for (unsigned int i = 0; i < n; i++)
		for (unsigned int q = 0; q < o->rss.n_queues; q++)
			if ((double)rows[i].load[q] > most)
				most = (double)rows[i].load[q];
	if ((size_t)snprintf(path, sizeof(path), "%s/steer.svg", o->plot_dir) >= sizeof(path))
		return -ENAMETOOLONG;
	if (mkdir(o->plot_dir, 0777) == 0 || errno == EEXIST)
		f = fopen(path, "w");
	if (!f) {
		fprintf(stderr, "inlet-bench: %s: %s\n", path, strerror(errno));
		return -EIO;
	}
	fprintf(f,
		"<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%u' "
		"font-family='sans-serif' font-size='12'>\n"
		"<rect width='100%%' height='100%%' fill='white'/>\n"
		"<text x='8' y='24'>packets a second of each queue, and the balance (1: "
		"even)</text>\n",
		WIDTH, 60 + n * BAR_ROW);
	for (unsigned int i = 0; i < n; i++)
		plot_row(f, o, &rows[i], i, most);
	fprintf(f, "</svg>\n");
	return fclose(f) == 0 ? 0 : -EIO;
}
