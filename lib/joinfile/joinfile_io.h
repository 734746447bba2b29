// SPDX-License-Identifier: BSD-3-Clause
// The IO of the joinfile room: files whole, and inotify on the folder of one.
#ifndef JOINFILE_JOINFILE_IO_H
#define JOINFILE_JOINFILE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

// Which file was read, and in which state.
struct joinfile_id {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
};

// Reads a regular file whole into *text, which is the caller's to free(). 0 or a negative errno, of
// which: -EFBIG more than max octets, -EAGAIN it changed while it was read, -EINVAL no regular
// file. *id is set in any case.
int joinfile_read(const char *path, size_t max, char **text, size_t *len, struct joinfile_id *id);
// Octets of a file; 0 where there is none.
size_t joinfile_size(const char *path);
// Writes a file beside path and renames it over it, so that a reader sees the one or the other. 0
// or a negative errno with path as it was.
int joinfile_write(const char *path, const char *text, size_t len);

struct joinfile_watch;

// What may have happened to the file.
enum joinfile_event {
	JOINFILE_NOTHING,
	JOINFILE_CHANGED,  // written in place and closed, or gone; more of it may follow
	JOINFILE_REPLACED, // by rename: it is whole
};

// Watches the folder of path, an absolute one; a file that is renamed over it would not be seen
// otherwise. NULL with errno; a folder that is not there is no error, see joinfile_watch_lost().
struct joinfile_watch *joinfile_watch_open(const char *path);
void joinfile_watch_close(struct joinfile_watch *w);
// Poll for readability, then call joinfile_watch_input(), which returns the strongest of all that
// is waiting. id: what was read last, to tell whether a link on the way to the file now leads to
// another one.
int joinfile_watch_fd(const struct joinfile_watch *w);
enum joinfile_event joinfile_watch_input(struct joinfile_watch *w, const struct joinfile_id *id);
// The folder is not there (any more): to be tried again now and then.
bool joinfile_watch_lost(const struct joinfile_watch *w);
// True when it is watched again: the file may be another one by now.
bool joinfile_watch_again(struct joinfile_watch *w);

#endif
