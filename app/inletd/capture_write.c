// SPDX-License-Identifier: BSD-3-Clause
#include "inletd/capture_write.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "base/thread.h"

#define BATCH		 256		   // records between two looks at the file's health
#define IDLE_NS		 (5 * 1000 * 1000) // until the rings are looked at again
#define NICE		 19
#define NSEC_PER_SEC_U64 1000000000ull

// The first in time of what the rings hold.
static struct crossing_tap *first(struct capture_writer *w, const struct crossing_tap_record **out)
{
	struct crossing_tap *best = NULL;

	*out = NULL;
	for (unsigned int i = 0; i < w->n_taps; i++) {
		const struct crossing_tap_record *r = crossing_tap_peek(w->taps[i]);

		if (r && (!*out || (int64_t)(r->tsc - (*out)->tsc) < 0)) {
			*out = r;
			best = w->taps[i];
		}
	}
	return best;
}

// ns since 1970 of a time of the TSC.
static uint64_t wall_ns(const struct capture_writer *w, uint64_t tsc)
{
	uint64_t ticks = tsc - w->tsc;

	if ((int64_t)ticks < 0)
		return w->wall_ns;
	return w->wall_ns + ticks / w->tsc_hz * NSEC_PER_SEC_U64 +
	       ticks % w->tsc_hz * NSEC_PER_SEC_U64 / w->tsc_hz;
}

static bool is_full(const struct capture_writer *w, uint64_t packets, uint64_t octets)
{
	return (w->max_packets && packets >= w->max_packets) ||
	       (w->max_octets && octets >= w->max_octets);
}

// Up to a batch; how many records. *octets grows by theirs.
static unsigned int write_some(struct capture_writer *w, uint64_t packets, uint64_t *octets)
{
	const struct crossing_tap_record *r;
	struct crossing_tap *t;
	unsigned int n = 0;

	while (n < BATCH && !ferror(w->file) && !is_full(w, packets + n, *octets) &&
		(t = first(w, &r)) != NULL) {
		uint64_t ns = wall_ns(w, r->tsc);
		struct pcap_pkthdr h = {
			// The file is one of nanoseconds: those are what tv_usec holds.
			.ts = {(time_t)(ns / NSEC_PER_SEC_U64),
				(suseconds_t)(ns % NSEC_PER_SEC_U64)},
			.caplen = r->caplen,
			.len = r->len,
		};

		pcap_dump((u_char *)w->dump, &h, (const u_char *)(r + 1));
		*octets += r->caplen;
		crossing_tap_next(t, r);
		n++;
	}
	return n;
}

// What a failed write has left of a record goes.
static void cut(const struct capture_writer *w, long good)
{
	if (good > 0 && ftruncate(fileno(w->file), good) < 0)
		return; // then it ends in a piece of a record
}

static void write_all(struct capture_writer *w)
{
	const struct timespec idle = {.tv_nsec = IDLE_NS};
	uint64_t packets = 0, octets = 0;
	long good = ftell(w->file);

	while (!is_full(w, packets, octets)) {
		bool last = atomic_load_explicit(&w->drain, memory_order_acquire);
		unsigned int n;

		errno = 0; // pcap_dump() leaves what its write says
		n = write_some(w, packets, &octets);
		if (n > 0 && (pcap_dump_flush(w->dump) < 0 || ferror(w->file))) {
			atomic_store_explicit(&w->error, errno ? errno : EIO, memory_order_relaxed);
			cut(w, good);
			return;
		}
		if (n > 0) {
			packets += n;
			good = ftell(w->file);
			atomic_store_explicit(&w->packets, packets, memory_order_relaxed);
			atomic_store_explicit(&w->octets, octets, memory_order_relaxed);
		} else if (last) {
			return;
		} else {
			nanosleep(&idle, NULL);
		}
	}
	atomic_store_explicit(&w->full, true, memory_order_relaxed);
}

static void *run(void *arg)
{
	struct capture_writer *w = arg;

	// Of this thread alone, as Linux has it.
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
	write_all(w);
	pcap_dump_close(w->dump);
	pcap_close(w->pcap);
	atomic_store_explicit(&w->done, true, memory_order_release);
	return NULL;
}

int capture_writer_start(struct capture_writer *w, FILE *file, int snaplen)
{
	struct timespec now;
	int ret = ENOMEM;

	clock_gettime(CLOCK_REALTIME, &now);
	w->tsc = rte_rdtsc();
	w->tsc_hz = rte_get_tsc_hz();
	w->wall_ns = (uint64_t)now.tv_sec * NSEC_PER_SEC_U64 + (uint64_t)now.tv_nsec;
	w->file = file;
	w->pcap = pcap_open_dead_with_tstamp_precision(
		DLT_EN10MB, snaplen, PCAP_TSTAMP_PRECISION_NANO);
	w->dump = w->pcap ? pcap_dump_fopen(w->pcap, file) : NULL;
	if (!w->dump)
		goto fail;
	errno = EIO;
	if (pcap_dump_flush(w->dump) < 0) {
		ret = errno;
		goto fail;
	}
	// It takes no signal: SIGXFSZ, blocked, makes a write fail instead.
	ret = thread_start(&w->thread, run, w);
	if (ret == 0)
		return 0;
fail:
	if (w->dump)
		pcap_dump_close(w->dump);
	else
		fclose(file);
	if (w->pcap)
		pcap_close(w->pcap);
	return -ret;
}
