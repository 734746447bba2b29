// SPDX-License-Identifier: BSD-3-Clause
// The file that is written: all that is joined, for other programs to read as their joinfile.
#ifndef JOINFILE_EXPORT_H
#define JOINFILE_EXPORT_H

#include "base/timer.h"
#include "joinfile/joinfile.h"

struct joinfile_export;
struct joinfile_import;

struct joinfile_export_cfg {
	const char *path;		      // absolute; the caller's, as what follows is
	const struct joinfile_import *import; // has the populations; NULL: none are known
	struct joinfile_stats *stats;
};

struct joinfile_export_ops {
	// A number that is another one once a channel came or went since.
	uint64_t (*changes_cb)(void *ctx);
	uint32_t (*count_cb)(void *ctx);
	// Calls cb for each of them, in any order.
	void (*each_cb)(void *ctx, void (*cb)(void *arg, const struct sg *sg), void *arg);
};

// Writes the file when what is joined is not what it says: sorted by group and source, at most once
// a second, the first time a second from now (by then those are there that a restart brings back).
// NULL when out of memory.
struct joinfile_export *joinfile_export_create(const struct joinfile_export_cfg *cfg,
	const struct joinfile_export_ops *ops, void *ctx, struct timers *timers, uint64_t now_us);
// The file stays as it is: who reads it shall not leave everything because we restart.
void joinfile_export_destroy(struct joinfile_export *ex);

struct joinfile_export_view {
	const char *path;
	uint32_t channels;   // that the file has
	uint64_t written_us; // 0: not yet
	int error;	     // negative errno of the last try, 0: it went well
};
void joinfile_export_view(const struct joinfile_export *ex, struct joinfile_export_view *out);

#endif
