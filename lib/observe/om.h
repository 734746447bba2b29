// SPDX-License-Identifier: BSD-3-Clause
// A writer of the text that Prometheus reads: OpenMetrics 1.0, or the older text format 0.0.4, from
// the same calls. Pure: it writes into memory that the caller takes away piece by piece.
//
// Names are given without the suffix that the type asks for (_total, _info); a unit is the end of
// the name ("inlet_port_receive_bytes", "bytes").
#ifndef OBSERVE_OM_H
#define OBSERVE_OM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"

enum om_format { OM_TEXT, OM_OPENMETRICS };
extern const char *const om_content_types[]; // by format

enum om_type { OM_COUNTER, OM_GAUGE, OM_INFO, OM_HISTOGRAM };

struct om_family {
	const char *name;
	enum om_type type;
	const char *unit; // NULL: none
	const char *help;
};

struct om {
	enum om_format format;
	char *data;
	size_t len, room;
	int error; // -ENOMEM once memory was short; nothing is written any more
};

void om_init(struct om *o, enum om_format format);
void om_fini(struct om *o);
// What was written is somebody else's now: begins anew with an empty text.
void om_taken(struct om *o);

// What stands before the samples of a family; all of them follow, and only they.
void om_family(struct om *o, const struct om_family *f);
// labels: as om_label() writes them, or "". A value that is no number (NAN) is written as NaN.
void om_sample(struct om *o, const struct om_family *f, const char *labels, double value);
// In seconds.
void om_histogram(
	struct om *o, const struct om_family *f, const char *labels, const struct histogram *h);
// The end of the text.
void om_eof(struct om *o);

// Appends NAME="VALUE" to a list of labels, with a comma where it is not empty. What cannot stand
// in a value is escaped, octets beyond ASCII become '?'. NULL as value: nothing. A label that does
// not fit is left out, and false is returned.
bool om_label(char *labels, size_t room, const char *name, const char *value);
bool om_label_u64(char *labels, size_t room, const char *name, uint64_t value);

#endif
