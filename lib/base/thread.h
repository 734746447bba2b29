// SPDX-License-Identifier: BSD-3-Clause
// Threads beside the control thread, for what would keep it: files that are slow to read or write.
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>

// pthread_create() of a thread that takes no signal: they are the control thread's. 0, or an errno.
int thread_start(pthread_t *thread, void *(*main_cb)(void *arg), void *arg);

#endif
