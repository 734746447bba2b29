// SPDX-License-Identifier: BSD-3-Clause
// The joinfile: channels that another program wants, a text file of lines
//
//   source,group[,population]      # what a number of receivers wants
//
// with blank lines and comments between them. This header is the pure part: octets in, entries out,
// and back; import.h and export.h follow the files.
#ifndef JOINFILE_JOINFILE_H
#define JOINFILE_JOINFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define JOINFILE_MAX_OCTETS (16u << 20)
#define JOINFILE_LINE_LEN   (2 * ADDR_STRLEN + 16) // of joinfile_format()

struct joinfile_entry {
	uint32_t line;	     // of the file, from 1
	uint32_t population; // receivers, where the file says how many
	bool has_population;
	bool wanted;  // import.c: the brain was told and took it
	struct sg sg; // unicast source, multicast group, of one family
};

struct joinfile_list {
	struct joinfile_entry *e;
	uint32_t n;
};

struct joinfile_error {
	uint32_t line;
	const char *what; // literal, a clause without a full stop
};

// X(name, text): what was not used. One counter each.
#define JOINFILE_DROP_LIST(X)                                            \
	X(UNREADABLE, "file that cannot be read, the one before holds")  \
	X(MALFORMED, "file with a malformed line, the one before holds") \
	X(TOO_LARGE, "file past its limits, the one before holds")       \
	X(NOT_SSM, "line passed over: group is outside the SSM ranges")  \
	X(LIMIT, "channel refused for now: limit of channels reached")   \
	X(EXPORT, "exported file that could not be written")

enum joinfile_drop {
#define X(name, text) JOINFILE_DROP_##name,
	JOINFILE_DROP_LIST(X)
#undef X
		JOINFILE_DROP_COUNT
};
extern const char *const joinfile_drop_names[JOINFILE_DROP_COUNT]; // "MALFORMED" ...
extern const char *const joinfile_drop_texts[JOINFILE_DROP_COUNT];

struct joinfile_stats {
	uint64_t read, exported; // files
	uint64_t drops[JOINFILE_DROP_COUNT];
};

// At least as many as a file of these octets can have entries.
uint32_t joinfile_lines(const char *text, size_t len);
// The entries of a whole file in the order of its lines, *n of them. 0; -EINVAL for a line that is
// none; -E2BIG for more than room entries; then err says which line. Nothing is half used: on an
// error the entries are to be thrown away.
int joinfile_parse(const char *text, size_t len, struct joinfile_entry *entries, uint32_t room,
	uint32_t *n, struct joinfile_error *err);
// One line with its end, NUL-terminated; its length without the NUL.
size_t joinfile_format(const struct joinfile_entry *e, char buf[JOINFILE_LINE_LEN]);

// Sorts by sg_cmp(). A channel that is named twice is there once, with the larger population.
void joinfile_sort(struct joinfile_list *l);
// What was taken out of a list, and the first line of it.
struct joinfile_passed {
	uint32_t n_not_ssm, not_ssm_line;
};
// Takes out what is no channel: groups outside the ranges.
void joinfile_pass(struct joinfile_list *l, const struct prefix *ssm_ranges,
	unsigned int n_ssm_ranges, struct joinfile_passed *out);

// From an old list to a new one, both sorted, step by step: first all that goes, then what comes.
struct joinfile_change {
	struct joinfile_list *from, *to;
	uint32_t at_from, at_to, at_due;
};
// The next entry of from that was wanted and is not in to; NULL at the end. What is in both stays
// wanted.
struct joinfile_entry *joinfile_change_gone(struct joinfile_change *c);
// The next entry of to that is not wanted yet; NULL at the end. After the last of those gone.
struct joinfile_entry *joinfile_change_due(struct joinfile_change *c);

#endif
