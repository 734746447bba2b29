// SPDX-License-Identifier: BSD-3-Clause
// Addresses that cannot serve, whoever names them: a relay that is this box or behind it would send
// our own packets round in a circle (standards S-10, D-07), and a source that is needs none.
#include "channel/channel_internal.h"

const char *const channel_drop_names[CHANNEL_DROP_COUNT] = {
#define X(name, text) [CHANNEL_DROP_##name] = #name,
	CHANNEL_DROP_LIST(X)
#undef X
};

const char *const channel_drop_texts[CHANNEL_DROP_COUNT] = {
#define X(name, text) [CHANNEL_DROP_##name] = text,
	CHANNEL_DROP_LIST(X)
#undef X
};

enum channel_drop relay_refused(const struct channels *cs, const struct addr *a)
{
	const struct channel_env *env = &cs->env;

	if (!addr_is_unicast(a))
		return CHANNEL_DROP_RELAY_BOGON;
	if (env->is_local(env->ctx, a))
		return CHANNEL_DROP_RELAY_OURS;
	if (env->is_downstream && env->is_downstream(env->ctx, a))
		return CHANNEL_DROP_RELAY_DOWNSTREAM;
	if (env->is_behind && env->is_behind(env->ctx, a, true))
		return CHANNEL_DROP_RELAY_BEHIND;
	if (cs->cfg.acl && config_acl_refuses(&cs->cfg.acl->relays, a))
		return CHANNEL_DROP_RELAY_ACL;
	return CHANNEL_DROP_COUNT;
}

enum channel_drop sg_refused(const struct channels *cs, const struct sg *sg)
{
	const struct config_acls *acl = cs->cfg.acl;

	if (acl && config_acl_refuses(&acl->sources, &sg->s))
		return CHANNEL_DROP_SOURCE_ACL;
	if (acl && config_acl_refuses(&acl->groups, &sg->g))
		return CHANNEL_DROP_GROUP_ACL;
	return CHANNEL_DROP_COUNT;
}

const char *channels_sg_refused(const struct channels *cs, const struct sg *sg)
{
	enum channel_drop why = sg_refused(cs, sg);

	return why == CHANNEL_DROP_COUNT ? NULL : channel_drop_texts[why];
}

enum channel_drop source_refused(const struct channels *cs, const struct addr *a)
{
	const struct channel_env *env = &cs->env;

	if (env->is_local(env->ctx, a))
		return CHANNEL_DROP_SOURCE_OURS;
	if (env->is_downstream && env->is_downstream(env->ctx, a))
		return CHANNEL_DROP_SOURCE_DOWNSTREAM;
	if (env->is_behind && env->is_behind(env->ctx, a, false))
		return CHANNEL_DROP_SOURCE_BEHIND;
	return CHANNEL_DROP_COUNT;
}

bool channel_drop(struct channels *cs, enum channel_drop why, const struct addr *a)
{
	char text[ADDR_STRLEN];
	uint32_t held;

	if (why == CHANNEL_DROP_COUNT)
		return false;
	cs->drops[why]++;
	// Each reason has a limit of its own: a flood of one does not hide another.
	if (log_limit_ok(&cs->drop_logs[why], &held))
		log_warn("channel", "refused addr=%s reason=%s (%s) held_back=%u",
			addr_format(a, text), channel_drop_names[why], channel_drop_texts[why],
			held);
	return true;
}

const uint64_t *channels_drops(const struct channels *cs)
{
	return cs->drops;
}
