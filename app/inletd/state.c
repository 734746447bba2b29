// SPDX-License-Identifier: BSD-3-Clause
// The state file: which channels are joined, by whom and until when, so that a start after a crash
// brings them back before the routers join again. Text, replaced as a whole by rename(2):
//
//   inlet-state 1
//   join lan 192.0.2.1 232.1.1.1 10.9.1.1 1795495904747975
//   member lan 192.0.2.1 232.1.1.1 10.9.1.50 1795495904747975
//   end 2
//
// join: by a PIM router; member: by a receiver attached directly, which has IGMP or MLD. The number
// is when it runs out, in microseconds of CLOCK_REALTIME.
//
// What is old, torn or from another version is ignored with one line in the log.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "inlet.h"
#include "inletd/state.h"

#define LINE_LEN 256

static struct iface *iface_named(struct inlet *in, const char *name)
{
	for (unsigned int i = 0; i < in->n_ifs; i++)
		if (strcmp(in->ifs[i].cfg->name, name) == 0)
			return &in->ifs[i];
	return NULL;
}

struct entry {
	struct iface *ifc;
	bool member;
	struct sg sg;
	struct addr neighbor;
	uint64_t left_us;
};

// Where the entry is to go; NULL where that is off now.
static void *machine_of(const struct entry *e)
{
	unsigned int f = iface_family(e->sg.g.family);

	return e->member ? (void *)e->ifc->membership[f].m : e->ifc->pim[f].pim;
}

// False for a line that is none of ours; ifc is NULL when the line no longer applies.
static bool entry_parse(struct inlet *in, const char *line, uint64_t real_us, struct entry *e)
{
	char kind[8], name[17], s[ADDR_STRLEN], g[ADDR_STRLEN], from[ADDR_STRLEN];
	uint64_t expires;
	int used = 0;

	if (sscanf(line, "%7s %16s %47s %47s %47s %" SCNu64 "%n", kind, name, s, g, from, &expires,
		    &used) != 6 ||
		line[used] != '\0')
		return false;
	e->member = strcmp(kind, "member") == 0;
	if (!e->member && strcmp(kind, "join") != 0)
		return false;
	if (addr_parse(s, &e->sg.s) < 0 || addr_parse(g, &e->sg.g) < 0 ||
		addr_parse(from, &e->neighbor) < 0)
		return false;
	e->left_us = expires > real_us ? expires - real_us : 0;
	if (e->left_us > STATE_MAX_US) // the clock was set back
		e->left_us = STATE_MAX_US;
	e->ifc = iface_named(in, name);
	if (e->left_us == 0 || (e->ifc && !machine_of(e)))
		e->ifc = NULL;
	return true;
}

// Reads all of it before anything is applied. The entries, *n of them, or NULL with why set (NULL
// too when there is no file).
static struct entry *state_read(struct inlet *in, uint32_t *n, const char **why)
{
	uint64_t real_us = state_realtime_us();
	struct entry *list = NULL;
	char line[LINE_LEN];
	uint32_t lines = 0, room = 0, expired = 0, end;
	bool ended = false;
	FILE *f = fopen(in->cfg.state_file, "re");

	*n = 0;
	*why = NULL;
	if (!f) {
		*why = errno == ENOENT ? NULL : strerror(errno);
		return NULL;
	}
	*why = "of another version";
	if (!fgets(line, sizeof(line), f) || strcmp(line, STATE_VERSION_LINE "\n") != 0)
		goto refuse;
	*why = "torn";
	while (!ended && fgets(line, sizeof(line), f)) {
		size_t len = strlen(line);

		if (len == 0 || line[len - 1] != '\n')
			goto refuse;
		line[len - 1] = '\0';
		if (sscanf(line, "end %u", &end) == 1) {
			ended = end == lines;
			break;
		}
		if (lines == in->cfg.max_channels)
			goto refuse;
		if (*n == room) {
			uint32_t more = room ? 2 * room : 256;
			struct entry *grown = realloc(list, more * sizeof(*list));

			if (!grown)
				goto refuse;
			list = grown;
			room = more;
		}
		if (!entry_parse(in, line, real_us, &list[*n]))
			goto refuse;
		lines++;
		expired += list[*n].left_us == 0;
		*n += list[*n].ifc != NULL;
	}
	if (!ended)
		goto refuse;
	*why = "old";
	if (lines > 0 && expired == lines)
		goto refuse;
	*why = NULL;
	fclose(f);
	return list;

refuse:
	fclose(f);
	free(list);
	*n = 0;
	return NULL;
}

static bool entry_restore(const struct entry *e, uint64_t now_us)
{
	uint64_t expires = now_us + e->left_us;

	return e->member ? membership_restore(machine_of(e), &e->sg, &e->neighbor, expires, now_us)
			 : pim_if_restore(machine_of(e), &e->sg, &e->neighbor, expires, now_us);
}

void state_restore(struct inlet *in)
{
	uint64_t now = clock_mono_us();
	const char *why;
	uint32_t n, restored = 0;
	struct entry *list;

	if (!in->cfg.state_file[0])
		return;
	list = state_read(in, &n, &why);
	if (why)
		log_warn("inletd", "state file ignored file=%s reason=\"%s\"", in->cfg.state_file,
			why);
	channels_batch_begin(in->channels);
	for (uint32_t i = 0; i < n; i++)
		restored += entry_restore(&list[i], now);
	channels_batch_end(in->channels, now);
	if (n > 0)
		log_info("inletd", "channels restored file=%s channels=%u", in->cfg.state_file,
			restored);
	free(list);
	state_begin(in, now);
}
