// SPDX-License-Identifier: BSD-3-Clause
// The state file, as it lies on the disk after whatever happened to it: what is taken from it is
// joined, or nothing is. The machines that it goes to only count.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "inletd/inlet.h"
#include "inletd/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_US	   (1795495800ull * USEC_PER_SEC)
#define MAX_JOINED 64

static unsigned int joined, begun;
static char pim, membership;

static bool taken(const struct sg *sg, const struct addr *from, uint64_t expires, uint64_t now)
{
	if (addr_is_none(&sg->s) || addr_is_none(&sg->g) || addr_is_none(from) || expires <= now ||
		expires > now + STATE_MAX_US)
		abort();
	joined++;
	return true;
}

bool pim_if_restore(struct pim_if *pif, const struct sg *sg, const struct addr *neighbor,
	uint64_t expires_us, uint64_t now_us)
{
	(void)pif;
	return taken(sg, neighbor, expires_us, now_us);
}

bool membership_restore(struct membership *m, const struct sg *sg, const struct addr *reporter,
	uint64_t expires_us, uint64_t now_us)
{
	(void)m;
	return taken(sg, reporter, expires_us, now_us);
}

void channels_batch_begin(struct channels *cs)
{
	(void)cs;
}

void channels_batch_end(struct channels *cs, uint64_t now_us)
{
	(void)cs;
	(void)now_us;
}

uint64_t state_realtime_us(void)
{
	return NOW_US;
}

void state_begin(struct inlet *in, uint64_t now_us)
{
	(void)in;
	(void)now_us;
	begun++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config_if lan = {.name = "lan"}, wan = {.name = "wan"};
	static struct inlet in;
	static struct iface *ifs;
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	log_threshold = LOG_LEVEL_ERROR;
	if (fd < 0)
		return 0;
	if (!ifs) {
		in.ifs[0].cfg = &lan;
		in.ifs[1].cfg = &wan;
		in.n_ifs = 2;
		ifs = in.ifs;
		for (int f = 0; f < IFACE_FAMILIES; f++) {
			ifs[0].pim[f].pim = (struct pim_if *)(void *)&pim;
			ifs[0].membership[f].m = (struct membership *)(void *)&membership;
		}
	}
	in.cfg.max_channels = MAX_JOINED;
	joined = begun = 0;
	snprintf(in.cfg.state_file, sizeof(in.cfg.state_file), "/proc/self/fd/%d", fd);
	if (write(fd, data, size) == (ssize_t)size) {
		state_restore(&in);
		if (joined > MAX_JOINED || begun != 1)
			abort();
	}
	close(fd);
	return 0;
}
