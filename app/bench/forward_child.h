// SPDX-License-Identifier: BSD-3-Clause
// Processes that are measured in turn. Each hangs on a socket of ours and ends when that closes, so
// that none of them outlives this process, however it ends.
#ifndef BENCH_FORWARD_CHILD_H
#define BENCH_FORWARD_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

struct child {
	pid_t pid; // 0: none
	int fd;	   // our end of a socket
};

// Runs main_cb(fd, arg) in a child, whose exit status is what it returns. It has to return soon
// after fd reads end of file. 0 or -errno.
int child_fork(struct child *c, int (*main_cb)(int fd, void *arg), void *arg);
// Executes argv[0] with fd as standard input, output and error. 0 or -errno.
int child_exec(struct child *c, char *const argv[]);
// Closes its socket and waits for its end, for a few seconds; then kills it. Whether it left with
// status 0.
bool child_end(struct child *c);
// From now on SIGINT and SIGTERM end all children, then this process.
void children_catch_signals(void);

// All of len octets within a time, or -errno; -EPIPE at the end of the file.
int child_read(int fd, void *buf, size_t len, int timeout_ms);
int child_write(int fd, const void *buf, size_t len);

#endif
