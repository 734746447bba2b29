// SPDX-License-Identifier: BSD-3-Clause
// What a show is narrowed down to by its options: source, group, relay (addresses or prefixes),
// port (the name of an interface).
#ifndef CONSOLE_FILTER_H
#define CONSOLE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "console/verb.h"

struct filter {
	bool has_source, has_group, has_relay;
	struct prefix source, group, relay;
	int ifindex; // -1: all
	int worker;  // -1: all
};

// False, with `refused` filled in, when one of them is not what it is to be.
bool filter_parse(struct verb_ctx *v, struct filter *f);
bool filter_sg(const struct filter *f, const struct sg *sg);
bool filter_source(const struct filter *f, const struct addr *a);
bool filter_relay(const struct filter *f, const struct addr *a);
static inline bool filter_if(const struct filter *f, unsigned int ifindex)
{
	return f->ifindex < 0 || f->ifindex == (int)ifindex;
}
// A set of interfaces, bit i: index i.
static inline bool filter_ifs(const struct filter *f, uint64_t ifs)
{
	return f->ifindex < 0 || (ifs >> f->ifindex & 1);
}
static inline bool filter_worker(const struct filter *f, int worker)
{
	return f->worker < 0 || f->worker == worker;
}

#endif
