// SPDX-License-Identifier: BSD-3-Clause
#include "config/config.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_internal.h"

// What the walk leaves in the draft and what one key implies for another.
static void draft_finish(struct config_draft *d)
{
	struct config *c = &d->c;

	for (unsigned int i = 0; i < c->dns.n_resolvers; i++) {
		c->dns.resolvers[i] = d->resolvers[i].addr;
		c->dns.ports[i] = d->resolvers[i].port;
	}
	if (strcmp(c->state_file, "auto") == 0)
		snprintf(c->state_file, sizeof(c->state_file), "%s.state", c->console_socket);
	for (unsigned int i = 0; i < c->n_ifs; i++) {
		struct config_pim *p = &c->ifs[i].pim;

		if (!(c->ifs[i].role & IF_DOWNSTREAM) || p->mode == CONFIG_PIM_OFF)
			p->enabled = false;
	}
}

static int parse_failed(const config_t *config, const char *path, char err[CONFIG_ERR_LEN])
{
	const char *text = config_error_text(config);

	return config_fail_line(err, path, config_error_file(config),
		(unsigned int)config_error_line(config), text ? text : "syntax error");
}

static int load(const char *path, const char *include_dir, struct config_draft *draft,
	char err[CONFIG_ERR_LEN])
{
	unsigned int n_files;
	config_t config;
	int ret = config_scan(path, include_dir, &n_files, err);

	if (ret < 0)
		return ret;
	config_init(&config);
	config_set_include_dir(&config, include_dir);
	if (!config_read_file(&config, path)) {
		ret = parse_failed(&config, path, err);
		goto out;
	}
	config_defaults(&draft->c);
	ret = config_walk(config_root_setting(&config), config_schema, draft, path, err);
	if (ret < 0)
		goto out;
	draft_finish(draft);
	ret = config_check(&draft->c, &config, path, err);
	if (ret == 0)
		ret = config_check_bonds(&draft->c, &config, path, err);
	if (ret == 0)
		ret = config_channels(draft, &config, path, err);
out:
	config_destroy(&config);
	return ret;
}

int config_load(const char *path, struct config *out, char err[CONFIG_ERR_LEN])
{
	struct config_draft *draft = calloc(1, sizeof(*draft));
	char *copy = strdup(path);
	int ret = -ENOMEM;

	err[0] = '\0';
	if (!draft || !copy) {
		snprintf(err, CONFIG_ERR_LEN, "%.255s: out of memory", path);
		goto out;
	}
	ret = load(path, dirname(copy), draft, err);
	if (ret == 0)
		*out = draft->c;
out:
	free(copy);
	free(draft);
	return ret;
}
