// SPDX-License-Identifier: BSD-3-Clause
#include "inletd/evidence.h"

static int find(const struct evidence *e, const struct addr *relay)
{
	for (unsigned int i = 0; i < e->n; i++)
		if (addr_eq(&e->of[i].relay, relay))
			return (int)i;
	return -1;
}

void evidence_sent(struct evidence *e, const struct addr *relay)
{
	unsigned int i;

	if (find(e, relay) >= 0)
		return;
	i = e->n < EVIDENCE_MAX ? e->n++ : e->next++ % EVIDENCE_MAX;
	e->of[i].relay = *relay;
	e->of[i].is = (struct observe_evidence){0};
}

void evidence_answer(struct evidence *e, const struct addr *relay, bool nat)
{
	int i = find(e, relay);

	if (i >= 0)
		e->of[i].is = (struct observe_evidence){.answered = true, .nat = nat};
}

void evidence_error(struct evidence *e, const struct addr *relay, int err)
{
	int i = find(e, relay);

	if (i >= 0)
		e->of[i].is.icmp_error = err;
}

bool evidence_find(const struct evidence *e, const struct addr *relay, struct observe_evidence *out)
{
	int i = find(e, relay);

	if (i >= 0)
		*out = e->of[i].is;
	return i >= 0;
}
