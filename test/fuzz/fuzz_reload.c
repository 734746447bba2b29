// SPDX-License-Identifier: BSD-3-Clause
// Another configuration for what runs, and what runs written back. The input is an octet, the file
// that runs, and behind a line of "%%" the one that is read then. A reload makes of the first what
// the second says, but for what wants a start; then the console adds and deletes a static channel,
// as the octet says, and what runs is saved: what is saved, read again, is what runs, and there is
// nothing left to save.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_internal.h"
#include "config_text.h"

#define DELETES 1
#define ADDS	2
#define IPV6	4
#define WHICH	4 // bits from here: what is deleted

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void at_once(void *arg, const struct config_change *c)
{
	(void)arg;
	require(c->key[0] && !c->restart);
}

static void at_a_start(void *arg, const struct config_change *c)
{
	(void)arg;
	require(c->key[0] && c->restart);
}

// What runs when the file has been read.
static void reload(struct config *runs, const struct config *file)
{
	static struct config to, twice;

	require(config_diff(runs, runs, NULL, NULL) == 0);
	config_target(runs, file, &to);
	require(config_diff(runs, &to, at_once, NULL) >= 0);
	require(config_diff(&to, file, at_a_start, NULL) >= 0);
	config_target(&to, file, &twice);
	require(config_diff(&to, &twice, NULL, NULL) == 0);
	*runs = to;
}

// What the console's "add channel" and "delete channel" do.
static void console(struct config *c, uint8_t how)
{
	struct config_channel *ch;
	unsigned int n = 0;

	if (how & DELETES && c->n_channels > 0) {
		c->n_channels--;
		c->channels[(how >> WHICH) % (c->n_channels + 1)] = c->channels[c->n_channels];
	}
	for (unsigned int i = 0; i < c->n_ifs; i++)
		n += (c->ifs[i].role & IF_DOWNSTREAM) != 0;
	if (!(how & ADDS) || c->n_channels >= CONFIG_MAX_CHANNELS || n == 0)
		return;
	ch = &c->channels[c->n_channels];
	*ch = (struct config_channel){.down = 1};
	addr_parse(how & IPV6 ? "2001:db8::99" : "192.0.2.199", &ch->sg.s);
	addr_parse(how & IPV6 ? "ff3e::8000:99" : "232.99.99.99", &ch->sg.g);
	if (!group_is_ssm(c->ssm_ranges, c->n_ssm_ranges, &ch->sg.g))
		return;
	for (unsigned int i = 0; i < c->n_channels; i++)
		if (sg_cmp(&c->channels[i].sg, &ch->sg) == 0)
			return;
	c->n_channels++;
}

// An interface that only runs cannot be named in the file: inletd then says so, and saves nothing.
static bool named(const struct config *runs, const struct config *file)
{
	for (unsigned int i = 0; i < runs->n_ifs; i++)
		if (!config_if_named(file, runs->ifs[i].name))
			return false;
	return true;
}

static void save(const char *text, const struct config *file, const struct config *runs)
{
	static struct config target, again;
	char why[CONFIG_VALUE_LEN] = "", *saved = NULL, *twice = NULL;
	int ret;

	config_target(runs, file, &target);
	ret = config_edit(text, &target, runs, &saved, why);
	if (ret < 0) {
		require(ret == -ENOMEM || why[0]);
		return;
	}
	if (config_text_load(saved, strlen(saved), &again) < 0) {
		require(!named(runs, file));
		free(saved);
		return;
	}
	config_target(runs, &again, &target);
	require(config_diff(runs, &target, NULL, NULL) == 0);
	require(config_edit(saved, &target, runs, &twice, why) == 0 && strcmp(saved, twice) == 0);
	free(saved);
	free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config runs, file;
	char *text, *cut, *now;

	if (size < 2 || memchr(data + 1, '\0', size - 1))
		return 0;
	text = malloc(size);
	require(text != NULL);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	now = text;
	cut = strstr(text, "\n%%\n");
	if (cut) {
		*cut = '\0';
		now = cut + 4;
	}
	if (config_text_load(text, strlen(text), &runs) == 0 &&
		config_text_load(now, strlen(now), &file) == 0) {
		reload(&runs, &file);
		console(&runs, data[0]);
		save(now, &file, &runs);
	}
	free(text);
	return 0;
}
