// SPDX-License-Identifier: BSD-3-Clause
// The checks between the timed repetitions: of the product that is measured, and of another one
// with all families, VLANs, MTUs and shared frames at once, whose table changes when the case's
// does.
#ifndef BENCH_AUDIT_H
#define BENCH_AUDIT_H

#include "bench/report.h"
#include "property/check.h"

struct audit;

// For a whole run. NULL when memory is short.
struct audit *audit_create(struct crossing *crossing);
void audit_destroy(struct audit *a);
// Of one case, whose lanes are set up: r->lanes[0] is of p. Results go to r. 0, or -ENOMEM.
int audit_case_begin(struct audit *a, struct decap_result *r, struct product *p, struct feed *f);
// A round. arg: struct audit.
void audit_round_cb(void *arg);
void audit_case_end(struct audit *a);

#endif
