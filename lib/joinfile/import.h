// SPDX-License-Identifier: BSD-3-Clause
// The joinfile that is read: followed as it changes, and only the difference is told.
#ifndef JOINFILE_IMPORT_H
#define JOINFILE_IMPORT_H

#include "base/timer.h"
#include "joinfile/joinfile.h"

struct joinfile_import;

struct joinfile_import_cfg {
	const char *path;		 // absolute; the caller's, as what follows is
	const struct prefix *ssm_ranges; // what is outside is passed over
	unsigned int n_ssm_ranges;
	uint32_t max_channels; // a file with more is not used
	struct joinfile_stats *stats;
};

struct joinfile_import_ops {
	// A channel begins or ends to be wanted. False for one that was not taken in, at some
	// limit: it is asked for again some seconds later. Called between a begin and an end.
	bool (*want_cb)(void *ctx, const struct sg *sg, bool wanted, uint64_t now_us);
	void (*begin_cb)(void *ctx);
	void (*end_cb)(void *ctx, uint64_t now_us);
};

// Reads the file for the first time, if it is there. NULL with errno.
struct joinfile_import *joinfile_import_create(const struct joinfile_import_cfg *cfg,
	const struct joinfile_import_ops *ops, void *ctx, struct timers *timers, uint64_t now_us);
// What is wanted stays wanted.
void joinfile_import_destroy(struct joinfile_import *im);
// Poll for readability, then call joinfile_import_input().
int joinfile_import_fd(const struct joinfile_import *im);
void joinfile_import_input(struct joinfile_import *im, uint64_t now_us);

// What the file says, sorted. Good until the next call with a time.
const struct joinfile_list *joinfile_import_list(const struct joinfile_import *im);
// Another number after each time that the list changed.
uint64_t joinfile_import_changes(const struct joinfile_import *im);

struct joinfile_import_view {
	const char *path;
	bool present;	   // the file was there at the last look
	uint32_t channels; // of the list
	uint32_t refused;  // of them, those not taken in yet
	uint32_t passed;   // lines passed over
	uint64_t read_us;  // when the list was read; 0: not yet
	const char *error; // why the file, as it is now, is not used; "" when it is
};
void joinfile_import_view(const struct joinfile_import *im, struct joinfile_import_view *out);

#endif
