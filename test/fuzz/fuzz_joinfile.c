// SPDX-License-Identifier: BSD-3-Clause
// The joinfile parser over a whole file, and what is made of its entries: what is written from them
// reads back as the same, and from one half of them to the other every entry is told once.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "joinfile/joinfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void sorted(const struct joinfile_list *l)
{
	for (uint32_t i = 1; i < l->n; i++)
		require(sg_cmp(&l->e[i - 1].sg, &l->e[i].sg) < 0);
}

static void reads_back(const struct joinfile_list *l)
{
	char *text = malloc((size_t)l->n * JOINFILE_LINE_LEN + 1);
	struct joinfile_entry *again = calloc(l->n + 1, sizeof(*again));
	struct joinfile_error err;
	size_t len = 0;
	uint32_t n;

	require(text && again);
	for (uint32_t i = 0; i < l->n; i++)
		len += joinfile_format(&l->e[i], text + len);
	require(joinfile_lines(text, len) == l->n + 1);
	require(joinfile_parse(text, len, again, l->n, &n, &err) == 0 && n == l->n);
	for (uint32_t i = 0; i < n; i++)
		require(sg_eq(&again[i].sg, &l->e[i].sg) &&
			again[i].has_population == l->e[i].has_population &&
			again[i].population == l->e[i].population);
	free(again);
	free(text);
}

// From the entries of odd lines to those of even ones and back: at the end exactly those are
// wanted.
static void changes(const struct joinfile_list *l)
{
	struct joinfile_list half[2] = {0};

	for (int odd = 0; odd < 2; odd++) {
		half[odd].e = calloc(l->n + 1, sizeof(*l->e));
		require(half[odd].e != NULL);
		for (uint32_t i = 0; i < l->n; i++)
			if (l->e[i].line % 3 == 0 || (l->e[i].line & 1) == (uint32_t)odd)
				half[odd].e[half[odd].n++] = l->e[i];
	}
	for (int turn = 0; turn < 3; turn++) {
		struct joinfile_change c = {.from = &half[turn & 1], .to = &half[(turn + 1) & 1]};
		struct joinfile_entry *e;

		for (uint32_t i = 0; i < c.to->n; i++)
			c.to->e[i].wanted = false;
		while ((e = joinfile_change_gone(&c))) {
			require(e->wanted);
			e->wanted = false;
		}
		while ((e = joinfile_change_due(&c)))
			e->wanted = true;
		for (uint32_t i = 0; i < c.to->n; i++)
			require(c.to->e[i].wanted);
	}
	free(half[0].e);
	free(half[1].e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct prefix range = {{.family = ADDR_V4, .bytes = {232}}, 8};
	const char *text = (const char *)data;
	uint32_t room = joinfile_lines(text, size), n;
	struct joinfile_list l = {.e = calloc(room, sizeof(*l.e))};
	struct joinfile_passed passed;
	struct joinfile_error err;
	int ret;

	require(l.e != NULL);
	ret = joinfile_parse(text, size, l.e, room, &l.n, &err);
	require(l.n <= room && (ret == 0) == (err.what == NULL) && err.line <= room);
	if (ret == 0) {
		if (l.n > 0)
			require(joinfile_parse(text, size, l.e, l.n - 1, &n, &err) == -E2BIG);
		require(joinfile_parse(text, size, l.e, room, &l.n, &err) == 0);
		joinfile_sort(&l);
		sorted(&l);
		reads_back(&l);
		changes(&l);
		joinfile_pass(&l, &range, 1, &passed);
		for (uint32_t i = 0; i < l.n; i++)
			require(l.e[i].sg.g.bytes[0] == 232 && addr_is_unicast(&l.e[i].sg.s));
	}
	free(l.e);
	return 0;
}
