// SPDX-License-Identifier: BSD-3-Clause
// Channels that are wanted though no router or receiver asks: the static ones of the configuration
// and the console, those of the joinfile; and the file with all that is joined.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "inlet.h"

uint64_t wants_oifs(const struct inlet *in, uint64_t down)
{
	uint64_t oifs = 0;

	for (unsigned int i = 0; i < in->n_ifs; i++) {
		int bit = config_down_index(&in->cfg, in->ifs[i].cfg);

		if (bit >= 0 && down >> bit & 1)
			oifs |= 1ull << in->ifs[i].index;
	}
	return oifs;
}

void wants_on(struct inlet *in, const struct sg *sg, uint64_t oifs, enum channel_origin origin,
	bool wanted, uint64_t now_us)
{
	for (; oifs; oifs &= oifs - 1)
		channels_want(in->channels, sg, (unsigned int)__builtin_ctzll(oifs), origin, wanted,
			now_us);
}

static void static_start(struct inlet *in, uint64_t now_us)
{
	char text[SG_STRLEN];

	channels_batch_begin(in->channels);
	for (unsigned int i = 0; i < in->cfg.n_channels; i++) {
		const struct config_channel *c = &in->cfg.channels[i];

		wants_on(in, &c->sg, wants_oifs(in, c->down), CHANNEL_BY_STATIC, true, now_us);
		if (!channels_wanted_by(in->channels, &c->sg, CHANNEL_BY_STATIC))
			log_error("inletd", "static channel refused %s", sg_format(&c->sg, text));
	}
	channels_batch_end(in->channels, now_us);
	if (in->cfg.n_channels > 0)
		log_info("inletd", "static channels=%u", in->cfg.n_channels);
}

// 0 when sg can be a channel of ours, else -EINVAL with why.
static int check_sg(const struct inlet *in, const struct sg *sg, char why[OBSERVE_WHY_LEN])
{
	char text[SG_STRLEN];

	if (sg->s.family != sg->g.family)
		snprintf(why, OBSERVE_WHY_LEN, "%s: source and group are of two families",
			sg_format(sg, text));
	else if (!addr_is_unicast(&sg->s))
		snprintf(why, OBSERVE_WHY_LEN, "source %s is not the address of a host",
			addr_format(&sg->s, text));
	else if (!addr_is_multicast(&sg->g))
		snprintf(why, OBSERVE_WHY_LEN, "group %s is not a multicast address",
			addr_format(&sg->g, text));
	else if (group_is_never(&sg->g))
		snprintf(why, OBSERVE_WHY_LEN, "group %s is never that of a channel",
			addr_format(&sg->g, text));
	else if (!group_is_ssm(in->cfg.ssm_ranges, in->cfg.n_ssm_ranges, &sg->g))
		snprintf(why, OBSERVE_WHY_LEN, "group %s is outside ssm_ranges",
			addr_format(&sg->g, text));
	else
		return 0;
	return -EINVAL;
}

// The interface so named, or all that are downstream. 0 with why.
static uint64_t oifs_named(const struct inlet *in, const char *ifname, char why[OBSERVE_WHY_LEN])
{
	if (!ifname)
		return wants_oifs(in, UINT64_MAX);
	for (unsigned int i = 0; i < in->n_ifs; i++) {
		if (strcmp(in->ifs[i].cfg->name, ifname) != 0)
			continue;
		if (in->ifs[i].cfg->role & IF_DOWNSTREAM)
			return 1ull << in->ifs[i].index;
		snprintf(
			why, OBSERVE_WHY_LEN, "the role of interface %s is not downstream", ifname);
		return 0;
	}
	snprintf(why, OBSERVE_WHY_LEN, "there is no interface %s", ifname);
	return 0;
}

// Says who wants a channel that is not static there.
static int not_static(
	const struct inlet *in, const struct sg *sg, uint64_t oifs, char why[OBSERVE_WHY_LEN])
{
	const char *sep = "; it is wanted by ";
	char text[SG_STRLEN];
	int n = snprintf(why, OBSERVE_WHY_LEN, "%s is no static channel%s", sg_format(sg, text),
		channels_wanted_by(in->channels, sg, CHANNEL_BY_STATIC) ? " there" : "");

	for (int o = 0; o < CHANNEL_ORIGINS; o++) {
		if (!(channels_wanted_by(in->channels, sg, o) & oifs))
			continue;
		n += snprintf(
			why + n, OBSERVE_WHY_LEN - (size_t)n, "%s%s", sep, channel_origin_name(o));
		sep = ", ";
	}
	return -ENOENT;
}

// What the console says becomes part of the configuration that runs: save() writes it, and a reload
// makes it what the file says.
static void remember(struct inlet *in, const struct sg *sg, uint64_t oifs)
{
	struct config *c = &in->cfg;
	unsigned int i = 0;
	uint64_t down = 0;

	in->cfg_changes++;
	for (unsigned int k = 0; k < in->n_ifs; k++) {
		int bit = config_down_index(c, in->ifs[k].cfg);

		if (bit >= 0 && oifs >> in->ifs[k].index & 1)
			down |= 1ull << bit;
	}
	while (i < c->n_channels && !sg_eq(&c->channels[i].sg, sg))
		i++;
	if (down && i < CONFIG_MAX_CHANNELS) {
		c->channels[i] = (struct config_channel){.sg = *sg, .down = down};
		c->n_channels += i == c->n_channels;
	} else if (!down && i < c->n_channels) {
		c->n_channels--;
		memmove(&c->channels[i], &c->channels[i + 1],
			(c->n_channels - i) * sizeof(c->channels[0]));
	}
}

int wants_static(struct inlet *in, bool add, const struct sg *sg, const char *ifname,
	struct observe_static *out, char why[OBSERVE_WHY_LEN])
{
	uint64_t now = clock_mono_us(), before, oifs;
	char s[ADDR_STRLEN], g[ADDR_STRLEN];
	const char *refused;

	if (check_sg(in, sg, why) < 0)
		return -EINVAL;
	oifs = oifs_named(in, ifname, why);
	if (!oifs)
		return -ENOENT;
	before = channels_wanted_by(in->channels, sg, CHANNEL_BY_STATIC);
	if (add && !before && in->cfg.n_channels == CONFIG_MAX_CHANNELS) {
		snprintf(why, OBSERVE_WHY_LEN, "refused: there are %u static channels already",
			in->cfg.n_channels);
		return -ENOSPC;
	}
	if (!add && !(before & oifs))
		return not_static(in, sg, oifs, why);
	wants_on(in, sg, oifs, CHANNEL_BY_STATIC, add, now);
	out->oifs = channels_wanted_by(in->channels, sg, CHANNEL_BY_STATIC);
	out->changed = out->oifs != before;
	if (out->changed)
		remember(in, sg, out->oifs);
	refused = add ? channels_sg_refused(in->channels, sg) : NULL;
	if (refused) {
		snprintf(why, OBSERVE_WHY_LEN, "refused: %s", refused);
		return -EPERM;
	}
	if (add && (out->oifs & oifs) != oifs) {
		snprintf(why, OBSERVE_WHY_LEN, "refused: the limit of %u channels is reached",
			in->cfg.max_channels);
		return -ENOSPC;
	}
	if (out->changed)
		log_info("inletd", "static channel %s by the console s=%s g=%s if=%s",
			add ? "added" : "deleted", addr_format(&sg->s, s), addr_format(&sg->g, g),
			ifname ? ifname : "all");
	return 0;
}

static bool joinfile_want_cb(void *ctx, const struct sg *sg, bool wanted, uint64_t now_us)
{
	struct inlet *in = ctx;

	wants_on(in, sg, in->joinfile_oifs, CHANNEL_BY_JOINFILE, wanted, now_us);
	return !wanted || channels_wanted_by(in->channels, sg, CHANNEL_BY_JOINFILE) != 0;
}

static void begin_cb(void *ctx)
{
	struct inlet *in = ctx;

	channels_batch_begin(in->channels);
}

static void end_cb(void *ctx, uint64_t now_us)
{
	struct inlet *in = ctx;

	channels_batch_end(in->channels, now_us);
}

static uint64_t changes_cb(void *ctx)
{
	const struct inlet *in = ctx;
	struct channel_totals t;

	channels_totals(in->channels, &t);
	return t.changes;
}

static uint32_t count_cb(void *ctx)
{
	const struct inlet *in = ctx;
	struct channel_totals t;

	channels_totals(in->channels, &t);
	return t.channels;
}

static void each_cb(void *ctx, void (*cb)(void *arg, const struct sg *sg), void *arg)
{
	const struct inlet *in = ctx;

	channels_each_sg(in->channels, cb, arg);
}

static void on_joinfile(evutil_socket_t fd, short what, void *arg)
{
	struct inlet *in = arg;

	(void)fd;
	(void)what;
	joinfile_import_input(in->joinfile_import, clock_mono_us());
}

int wants_import_start(struct inlet *in, uint64_t now_us, char err[BOOT_ERR_LEN])
{
	static const struct joinfile_import_ops ops = {
		.want_cb = joinfile_want_cb,
		.begin_cb = begin_cb,
		.end_cb = end_cb,
	};
	const struct joinfile_import_cfg ic = {
		.path = in->cfg.joinfile.path,
		.ssm_ranges = in->cfg.ssm_ranges,
		.n_ssm_ranges = in->cfg.n_ssm_ranges,
		.max_channels = in->cfg.max_channels,
		.stats = &in->joinfile_stats,
	};

	in->joinfile_oifs = wants_oifs(in, in->cfg.joinfile.down);
	in->joinfile_import = joinfile_import_create(&ic, &ops, in, &in->timers, now_us);
	if (!in->joinfile_import) {
		snprintf(err, BOOT_ERR_LEN, "joinfile: cannot watch %s: %s", ic.path,
			strerror(errno));
		return -EIO;
	}
	in->joinfile_event = event_new(in->base, joinfile_import_fd(in->joinfile_import),
		EV_READ | EV_PERSIST, on_joinfile, in);
	if (!in->joinfile_event || event_add(in->joinfile_event, NULL) < 0) {
		snprintf(err, BOOT_ERR_LEN, "out of memory");
		return -ENOMEM;
	}
	return 0;
}

int wants_export_start(struct inlet *in, uint64_t now_us, char err[BOOT_ERR_LEN])
{
	static const struct joinfile_export_ops ops = {
		.changes_cb = changes_cb,
		.count_cb = count_cb,
		.each_cb = each_cb,
	};
	const struct joinfile_export_cfg ec = {
		.path = in->cfg.joinfile.export,
		.import = in->joinfile_import,
		.stats = &in->joinfile_stats,
	};

	in->joinfile_export = joinfile_export_create(&ec, &ops, in, &in->timers, now_us);
	if (in->joinfile_export)
		return 0;
	snprintf(err, BOOT_ERR_LEN, "out of memory");
	return -ENOMEM;
}

int wants_start(struct inlet *in, char err[BOOT_ERR_LEN])
{
	uint64_t now = clock_mono_us();
	int ret = 0;

	static_start(in, now);
	if (in->cfg.joinfile.path[0])
		ret = wants_import_start(in, now, err);
	if (ret == 0 && in->cfg.joinfile.export[0])
		ret = wants_export_start(in, now, err);
	return ret;
}

void wants_joinfile_stop(struct inlet *in)
{
	joinfile_export_destroy(in->joinfile_export);
	in->joinfile_export = NULL;
	if (in->joinfile_event)
		event_free(in->joinfile_event);
	in->joinfile_event = NULL;
	joinfile_import_destroy(in->joinfile_import);
	in->joinfile_import = NULL;
}

void wants_stop(struct inlet *in)
{
	wants_reload_stop(in);
	wants_joinfile_stop(in);
}
