// SPDX-License-Identifier: BSD-3-Clause
// Loads of workers, and which moves make them even.
#include "steer/steer.h"

void steer_weights(const struct steer_load *loads, unsigned int n, uint64_t *out)
{
	uint64_t pps = 0, known = 0, mean;

	for (unsigned int i = 0; i < n; i++) {
		pps += loads[i].pps;
		known += loads[i].tunnels - loads[i].fresh;
	}
	mean = known ? pps / known : 0;
	for (unsigned int i = 0; i < n; i++)
		out[i] = loads[i].pps + loads[i].fresh * mean +
			 (uint64_t)loads[i].tunnels * STEER_TUNNEL_PPS;
}

double steer_balance(const uint64_t *load, unsigned int n)
{
	double sum = 0, most = 0;

	for (unsigned int i = 0; i < n; i++) {
		sum += (double)load[i];
		if ((double)load[i] > most)
			most = (double)load[i];
	}
	return sum > 0 ? most * n / sum : 1;
}

// What moving `load` takes off the higher of two workers that are `gap` apart.
static uint64_t gain_of(uint64_t load, uint64_t gap)
{
	if (load >= gap)
		return 0;
	return load < gap - load ? load : gap - load;
}

// The least loaded worker of a set; n_workers for an empty one.
static unsigned int lowest(const uint64_t *load, unsigned int n_workers, uint64_t allowed)
{
	unsigned int found = n_workers;

	for (unsigned int w = 0; w < n_workers; w++)
		if ((allowed >> w & 1) && (found == n_workers || load[w] < load[found]))
			found = w;
	return found;
}

// The best single move away from worker `from`; false for none.
static bool best_move(const struct steer_item *items, unsigned int n_items, const uint64_t *load,
	unsigned int n_workers, uint16_t from, struct steer_move *out)
{
	uint64_t best = 0, allowed = 0, gain;
	unsigned int to = n_workers;

	for (unsigned int i = 0; i < n_items; i++) {
		if (items[i].worker != from || items[i].load <= best)
			continue;
		if (items[i].allowed != allowed) { // mostly the same from item to item
			allowed = items[i].allowed;
			to = lowest(load, n_workers, allowed);
		}
		if (to == n_workers || load[to] >= load[from])
			continue;
		gain = gain_of(items[i].load, load[from] - load[to]);
		if (gain <= best)
			continue;
		best = gain;
		*out = (struct steer_move){i, from, (uint16_t)to};
	}
	return best > 0;
}

// The most loaded worker that is not stuck, when it has more than 1.02 times the mean of these;
// else n_workers.
static unsigned int highest(const uint64_t *load, unsigned int n_workers, uint64_t stuck)
{
	unsigned int found = n_workers, n = 0;
	uint64_t sum = 0;

	for (unsigned int w = 0; w < n_workers; w++) {
		if (stuck >> w & 1)
			continue;
		n++;
		sum += load[w];
		if (found == n_workers || load[w] > load[found])
			found = w;
	}
	return n && load[found] > sum / n + sum / n / 50 ? found : n_workers;
}

unsigned int steer_plan(struct steer_item *items, unsigned int n_items, uint64_t *load,
	unsigned int n_workers, struct steer_move *moves, unsigned int max)
{
	unsigned int n = 0, from;
	uint64_t stuck = 0;

	// Beside a worker with one item too large to move, the others may still be made even.
	while (n < max && (from = highest(load, n_workers, stuck)) < n_workers) {
		if (!best_move(items, n_items, load, n_workers, (uint16_t)from, &moves[n])) {
			stuck |= 1ull << from;
			continue;
		}
		load[from] -= items[moves[n].item].load;
		load[moves[n].to] += items[moves[n].item].load;
		items[moves[n].item].worker = moves[n].to;
		n++;
	}
	return n;
}
