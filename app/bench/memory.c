// SPDX-License-Identifier: BSD-3-Clause
// What the table costs: the worker's replica by the table's own account, the control thread's part
// by the heap.
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench/product.h"

static size_t heap(void)
{
	struct mallinfo2 i = mallinfo2();

	return i.uordblks + i.hblkhd;
}

struct sizes {
	struct mfib_usage usage;
	double table, control; // octets a channel
};

static int measure(uint32_t channels, uint32_t tunnels, struct crossing *crossing, struct sizes *s)
{
	struct feed_shape shape = {.channels = channels, .tunnels = tunnels};
	size_t before = heap();
	struct product *p = product_create(&shape, 1, crossing);

	if (!p)
		return -1;
	// The bench's own lists of pointers are not the product's.
	s->control = (double)(heap() - before - sizeof(void *) * (channels + tunnels)) / channels;
	mfib_usage(p->mfib, &s->usage);
	s->table = (double)s->usage.bytes / channels;
	product_destroy(p);
	return 0;
}

static void print(const struct sizes *s, bool json)
{
	if (json)
		printf("{\"bench\":\"memory\",\"case\":{\"channels\":%u,\"tunnels\":%u},"
		       "\"table_bytes\":%zu,\"slots\":%u,\"table_bytes_per_channel\":%.1f,"
		       "\"control_bytes_per_channel\":%.1f,\"memory\":\"%s\"}\n",
			s->usage.channels, s->usage.tunnels, s->usage.bytes, s->usage.slots,
			s->table, s->control, bench_memory());
	else
		printf("%9u %7u %12zu %9u %9.1f %9.1f\n", s->usage.channels, s->usage.tunnels,
			s->usage.bytes, s->usage.slots, s->table, s->control);
	fflush(stdout);
}

int memory_main(const struct bench_options *o)
{
	static const uint32_t sizes[] = {1, 1000, 10000, 100000, 1000000};
	unsigned int n = o->channels.n ? o->channels.n : RTE_DIM(sizes);
	struct crossing *crossing;

	if (bench_eal_init(o, 512) != 0)
		return 1;
	crossing = crossing_create(1, NULL, 2, 64, 64, 1518);
	if (!crossing)
		return 1;
	if (!o->json)
		printf("%9s %7s %12s %9s %9s %9s\n", "channels", "tunnels", "table", "slots",
			"a channel", "control");
	for (unsigned int i = 0; i < n; i++) {
		uint32_t channels = o->channels.n ? o->channels.v[i] : sizes[i];
		struct sizes s;

		if (measure(channels, RTE_MIN(channels, 1000u), crossing, &s) != 0) {
			fprintf(stderr, "inlet-bench: short of memory for %u channels\n", channels);
			return 1;
		}
		print(&s, o->json);
	}
	crossing_destroy(crossing);
	return 0;
}
