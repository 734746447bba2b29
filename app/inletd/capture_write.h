// SPDX-License-Identifier: BSD-3-Clause
// The thread that writes captured frames to a file: nothing that a disk does is waited for by the
// control loop or a worker.
#ifndef INLETD_CAPTURE_WRITE_H
#define INLETD_CAPTURE_WRITE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <pcap/pcap.h>

#include "crossing/crossing.h"
#include "crossing/tap.h"

struct capture_writer {
	// Set before the thread begins.
	struct crossing_tap *taps[CROSSING_MAX_WORKERS];
	unsigned int n_taps;
	uint64_t max_packets, max_octets; // 0: no limit. Octets of frames, as they are written
	// The thread's own.
	uint64_t tsc, tsc_hz; // a time of one clock
	uint64_t wall_ns;     // and of the other: ns since 1970
	pcap_t *pcap;
	pcap_dumper_t *dump; // closed by the thread
	FILE *file;	     // dump's
	pthread_t thread;
	// Control thread to writer: no worker fills the taps any more; write what is left, and end.
	_Atomic bool drain;
	// Writer to control thread.
	_Atomic uint64_t packets, octets; // written
	_Atomic int error;		  // errno of a write that failed
	_Atomic bool full;		  // a limit is reached
	_Atomic bool done;		  // the file is closed
};

// Takes over file, which is empty. 0, or a negative errno; then file is closed.
int capture_writer_start(struct capture_writer *w, FILE *file, int snaplen);

#endif
