// SPDX-License-Identifier: BSD-3-Clause
// Between the console's language and rte_telemetry's: parameters to a command line, rows of JSON to
// rte_telemetry's values.
#ifndef METRICS_TELEMETRY_ROWS_H
#define METRICS_TELEMETRY_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rte_tel_data;

#define TELEMETRY_PATH_LEN 56 // of DPDK 22.11
// Of an answer, which has room for 16 KiB with everything around the rows.
#define TELEMETRY_ROWS_OCTETS 12000

// The line of the console for a verb's words and the parameters of a request: NAME=VALUE is an
// option of the verb, a number the first row (*from), another word an argument. False for what is
// neither.
bool telemetry_line(const char *words, const char *params, char *line, size_t room, uint64_t *from);

// Fills d with {"rows": {"N": {...}, ...}, "from": N} (rte_telemetry has no arrays of objects) and,
// where not all rows fit or there are more, "next": the first one that is missing. rows: lines of
// one JSON object each. Decimal fractions become texts, booleans 1 and 0, nulls are left out. 0, or
// a negative errno.
int telemetry_rows(struct rte_tel_data *d, const char *rows, uint64_t from, bool more);

#endif
