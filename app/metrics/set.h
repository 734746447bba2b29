// SPDX-License-Identifier: BSD-3-Clause
// Rows of one kind (ports, tunnels ...), each with its labels and a value for each of the families
// that the kind has. Collected row by row, written family by family, as OpenMetrics wants it.
#ifndef METRICS_SET_H
#define METRICS_SET_H

#include <stdbool.h>

#include "observe/om.h"

#define SET_LABELS_LEN 320

struct set_row {
	char labels[SET_LABELS_LEN];
	double values[]; // NAN: has none
};

struct set {
	const struct om_family *families;
	unsigned int n_families;
	unsigned int n, room;
	char *rows;
	unsigned int family, row; // where set_write() is
	int error;		  // -ENOMEM: rows are missing
};

void set_init(struct set *s, const struct om_family *families, unsigned int n_families);
void set_fini(struct set *s);
// One more, without labels and values. NULL when memory is short. Good until the next one.
struct set_row *set_add(struct set *s);
struct set_row *set_at(const struct set *s, unsigned int i);
// Writes one row of one family; false when all are written.
bool set_write(struct set *s, struct om *o);

#endif
