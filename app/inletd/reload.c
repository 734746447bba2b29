// SPDX-License-Identifier: BSD-3-Clause
// The configuration file, read again while packets flow: what is different in it is told to the
// rooms that it concerns, and nothing else is touched. What needs another start is named, and stays
// as it is. On any error what was before goes on.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "inlet.h"

#define LINES_MAX 40 // of changes in the log

// What config_diff() tells, for all who want to know.
struct changes {
	config_change_cb row_cb; // NULL: nobody
	void *arg;
	bool log;
	unsigned int n, restart;
	char restarts[CONFIG_VALUE_LEN]; // their keys, as many as fit
};

static void change_cb(void *arg, const struct config_change *c)
{
	struct changes *all = arg;
	size_t n = strlen(all->restarts);

	all->n++;
	if (c->restart) {
		all->restart++;
		snprintf(all->restarts + n, sizeof(all->restarts) - n, "%s%s", n ? ", " : "",
			c->key);
	} else if (all->log && all->n - all->restart <= LINES_MAX) {
		log_info("inletd", "configuration key=\"%s\" was=\"%s\" is=\"%s\"", c->key, c->was,
			c->is);
	}
	if (all->row_cb)
		all->row_cb(all->arg, c);
}

// The file as it is; NULL when it cannot be read, which config_load() says better.
static char *text_of(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	char *text = NULL;
	ssize_t n;

	*len = 0;
	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= CONFIG_MAX_OCTETS)
		text = malloc((size_t)st.st_size + 1);
	if (text) {
		n = read(fd, text, (size_t)st.st_size);
		*len = n > 0 ? (size_t)n : 0;
		text[*len] = '\0';
	}
	close(fd);
	return text;
}

void reload_begin(struct inlet *in, const char *path)
{
	in->path = path;
	in->text = text_of(path, &in->text_len);
	in->file = malloc(sizeof(*in->file));
	if (in->file)
		*in->file = in->cfg;
	snprintf(in->reload.path, sizeof(in->reload.path), "%s", path);
}

void reload_end(struct inlet *in)
{
	free(in->text);
	free(in->file);
	in->text = NULL;
	in->file = NULL;
}

// New addresses and routes on all interfaces, those of `is` that `was` does not have. On an error
// those that were made are taken back.
static int addresses_add(
	struct inlet *in, const struct config *is, const struct config *was, char err[BOOT_ERR_LEN])
{
	char ignored[BOOT_ERR_LEN];
	int ret = 0;
	unsigned int i;

	for (i = 0; i < in->n_ifs && ret == 0; i++) {
		size_t k = (size_t)(in->ifs[i].cfg - in->cfg.ifs);

		ret = iface_reload_addresses(&in->ifs[i], &is->ifs[k], &was->ifs[k], true, err);
	}
	while (ret < 0 && i-- > 0) {
		size_t k = (size_t)(in->ifs[i].cfg - in->cfg.ifs);

		iface_reload_addresses(&in->ifs[i], &was->ifs[k], &is->ifs[k], false, ignored);
	}
	return ret;
}

static void addresses_del(struct inlet *in, const struct config *was)
{
	char err[BOOT_ERR_LEN];

	for (unsigned int i = 0; i < in->n_ifs; i++) {
		size_t k = (size_t)(in->ifs[i].cfg - in->cfg.ifs);

		if (iface_reload_addresses(&in->ifs[i], &in->cfg.ifs[k], &was->ifs[k], false, err) <
			0)
			log_warn("inletd", "not taken away: %s", err);
	}
	// One that changed its prefix length came as an event before it went.
	if (netlink_dump(in->netlink) < 0)
		log_warn("inletd", "netlink: cannot read the addresses");
}

static bool pim_differs(const struct config_pim *a, const struct config_pim *b)
{
	return memcmp(a, b, sizeof(*a)) != 0; // both come from the same zeroed structures
}

// One interface; nothing is done where nothing is different.
static int iface_reload(struct iface *ifc, const struct config *was, char err[BOOT_ERR_LEN])
{
	const struct config *cfg = &ifc->in->cfg;
	const struct config_if *a = &was->ifs[ifc->cfg - cfg->ifs], *b = ifc->cfg;
	bool limits = was->max_channels != cfg->max_channels ||
		      was->max_memberships != cfg->max_memberships;
	int ret = 0;

	if (limits || pim_differs(&a->pim, &b->pim))
		ret = iface_reload_pim(ifc, &a->pim, err);
	if (ret == 0 && (limits || memcmp(&a->igmp, &b->igmp, sizeof(a->igmp)) != 0 ||
				memcmp(&a->mld, &b->mld, sizeof(a->mld)) != 0))
		ret = iface_reload_membership(ifc, err);
	return ret;
}

// in->cfg is what is to be, `was` what was. resolver as in rooms_reload().
static int rooms_apply(struct inlet *in, const struct config *was, struct resolver *resolver,
	char err[BOOT_ERR_LEN])
{
	uint64_t now = clock_mono_us();
	int ret = rooms_reload(in, was, resolver, err);

	if (was->log_level != in->cfg.log_level)
		log_level_set(NULL, in->cfg.log_level);
	log_format_set(in->cfg.log_format);
	if (was->log_rate != in->cfg.log_rate)
		log_rate_set(in->cfg.log_rate);
	for (unsigned int i = 0; i < in->n_ifs && ret == 0; i++)
		ret = iface_reload(&in->ifs[i], was, err);
	if (ret == 0)
		ret = wants_reload(in, was, err);
	if (strcmp(was->state_file, in->cfg.state_file) != 0)
		state_reload(in, now);
	return ret;
}

// Back to what was, after an error half way: each room makes the difference undone.
static void roll_back(struct inlet *in, const struct config *was, const struct config *to)
{
	char err[BOOT_ERR_LEN];
	struct resolver *resolver = NULL;

	wants_reload_stop(in);
	if (rooms_resolver_differs(&was->dns, &to->dns))
		resolver = rooms_resolver(in, &was->dns, err);
	in->cfg = *was;
	if (rooms_apply(in, to, resolver, err) < 0)
		log_error("inletd", "reload: what was before is not all back: %s", err);
}

// What may fail comes first; then in->cfg is `to`. 0 or a negative errno with nothing changed.
static int apply(struct inlet *in, const struct config *to, char err[BOOT_ERR_LEN])
{
	struct config *was = malloc(sizeof(*was));
	struct resolver *resolver = NULL;
	int ret = -ENOMEM;

	snprintf(err, BOOT_ERR_LEN, "out of memory");
	if (!was)
		return ret;
	*was = in->cfg;
	if (rooms_resolver_differs(&was->dns, &to->dns)) {
		resolver = rooms_resolver(in, &to->dns, err);
		ret = resolver ? 0 : -EIO;
	} else {
		ret = 0;
	}
	if (ret == 0)
		ret = wants_reload_prepare(in, to, err);
	if (ret == 0)
		ret = addresses_add(in, to, was, err);
	if (ret < 0) {
		wants_reload_stop(in);
		if (resolver)
			resolver_destroy(resolver);
		goto out;
	}
	in->cfg = *to;
	ret = rooms_apply(in, was, resolver, err);
	if (ret < 0)
		roll_back(in, was, to);
	addresses_del(in, ret < 0 ? to : was);
	observe_fill(in);
out:
	free(was);
	return ret;
}

// config_load() and what it means for us. Both are the caller's to free.
static int read_file(struct inlet *in, struct config **file, struct config **to, char *why)
{
	int ret;

	*file = malloc(sizeof(**file));
	*to = malloc(sizeof(**to));
	if (!*file || !*to) {
		snprintf(why, OBSERVE_WHY_LEN, "out of memory");
		return -ENOMEM;
	}
	memset(*file, 0, sizeof(**file));
	ret = config_load(in->path, *file, why);
	if (ret == 0)
		config_target(&in->cfg, *file, *to);
	return ret;
}

static void say(const struct inlet *in, const struct changes *c)
{
	if (c->n - c->restart > LINES_MAX)
		log_info("inletd", "configuration further_changes=%u",
			c->n - c->restart - LINES_MAX);
	if (c->restart > 0)
		log_warn("inletd", "reload: restart inletd for keys=%u: %s", c->restart,
			c->restarts);
	log_info("inletd", "configuration reloaded file=%s changes=%u restart=%u", in->path,
		c->n - c->restart, c->restart);
}

static int reload(struct inlet *in, bool check, struct changes *c, char *why)
{
	struct config *file = NULL, *to = NULL;
	size_t len;
	char *text = check ? NULL : text_of(in->path, &len);
	int ret = read_file(in, &file, &to, why);

	// "inlet set log" may have changed it.
	in->cfg.log_level = log_threshold;
	if (ret == 0)
		ret = config_diff(&in->cfg, file, change_cb, c);
	if (ret == -ENOMEM)
		snprintf(why, OBSERVE_WHY_LEN, "out of memory");
	if (ret > 0 && !check)
		ret = apply(in, to, why);
	if (ret >= 0 && !check) {
		free(in->text);
		free(in->file);
		in->text = text;
		in->text_len = len;
		in->file = file;
		text = NULL;
		file = NULL;
	}
	free(text);
	free(file);
	free(to);
	return ret < 0 ? ret : 0;
}

int reload_run(
	struct inlet *in, bool check, config_change_cb row_cb, void *arg, char why[OBSERVE_WHY_LEN])
{
	struct changes c = {.row_cb = row_cb, .arg = arg, .log = !check};
	struct observe_reload *r = &in->reload;
	uint64_t began_us = clock_mono_us(), took_us;
	int ret;

	if (wants_busy(in) && !check) {
		snprintf(why, OBSERVE_WHY_LEN, "the reload before this one is still under way");
		ret = -EBUSY;
	} else {
		if (!check)
			notify_reloading(&in->notify, began_us);
		ret = reload(in, check, &c, why);
		if (!check)
			notify_say(&in->notify, "READY=1");
	}
	if (check)
		return ret;
	took_us = clock_mono_us() - began_us;
	r->last_us = began_us;
	r->took_us = took_us;
	if (took_us > r->longest_us)
		r->longest_us = took_us;
	if (ret < 0) {
		r->failures++;
		snprintf(r->error, sizeof(r->error), "%s", why);
		log_error("inletd", "reload refused, what was before goes on: %s", why);
		return ret;
	}
	r->loads++;
	r->good_us = began_us;
	r->error[0] = '\0';
	r->changes = c.n - c.restart;
	r->restart = c.restart;
	say(in, &c);
	return 0;
}
