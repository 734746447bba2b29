// SPDX-License-Identifier: BSD-3-Clause
// What of another configuration a running inletd can take over. Pure.
#include <string.h>

#include "config/config_internal.h"

const struct config_if *config_if_named(const struct config *c, const char *name)
{
	for (unsigned int i = 0; i < c->n_ifs; i++)
		if (strcmp(c->ifs[i].name, name) == 0)
			return &c->ifs[i];
	return NULL;
}

bool config_in_draft(const struct schema *k)
{
	return k->offset >= sizeof(struct config);
}

// Keys that need another start keep the value that they have.
static void keep(const struct schema *schema, char *out, const char *runs)
{
	for (const struct schema *k = schema; k->key; k++) {
		size_t n = k->type == SCHEMA_INTS || k->type == SCHEMA_TEXTS ? (size_t)k->max : 1;

		if (config_in_draft(k))
			continue;
		if (k->type == SCHEMA_GROUP)
			keep(k->sub, out + k->offset, runs + k->offset);
		if (!k->restart)
			continue;
		memcpy(out + k->offset, runs + k->offset, n * k->size);
		if (k->type == SCHEMA_INTS || k->type == SCHEMA_TEXTS)
			memcpy(out + k->count_offset, runs + k->count_offset, sizeof(unsigned int));
	}
}

static const struct schema *interface_schema(void)
{
	const struct schema *k = config_schema;

	while (strcmp(k->key, "interfaces") != 0)
		k++;
	return k->sub;
}

void config_target(const struct config *runs, const struct config *file, struct config *out)
{
	struct config_down_map m;

	*out = *file;
	keep(config_schema, (char *)out, (const char *)runs);
	out->n_ifs = runs->n_ifs;
	for (unsigned int i = 0; i < runs->n_ifs; i++) {
		const struct config_if *f = config_if_named(file, runs->ifs[i].name);
		struct config_if *o = &out->ifs[i];

		*o = f ? *f : runs->ifs[i];
		keep(interface_schema(), (char *)o, (const char *)&runs->ifs[i]);
		if (!(o->role & IF_DOWNSTREAM))
			o->pim.enabled = false;
	}
	config_down_map_make(&m, file, out);
	for (unsigned int i = 0; i < out->n_channels; i++)
		out->channels[i].down = config_down_map(&m, out->channels[i].down);
	out->joinfile.down = config_down_map(&m, out->joinfile.down);
}
