// SPDX-License-Identifier: BSD-3-Clause
#include "base/thread.h"

#include <signal.h>

int thread_start(pthread_t *thread, void *(*main_cb)(void *arg), void *arg)
{
	sigset_t all, before;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(thread, NULL, main_cb, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ret;
}
