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
	return CHANNEL_DROP_COUNT;
}

enum channel_drop source_refused(const struct channels *cs, const struct addr *a)
{
	const struct channel_env *env = &cs->env;

	if (env->is_local(env->ctx, a))
		return CHANNEL_DROP_SOURCE_OURS;
	if (env->is_downstream && env->is_downstream(env->ctx, a))
		return CHANNEL_DROP_SOURCE_DOWNSTREAM;
	return CHANNEL_DROP_COUNT;
}

bool channel_drop(struct channels *cs, enum channel_drop why)
{
	if (why == CHANNEL_DROP_COUNT)
		return false;
	cs->drops[why]++;
	return true;
}

const uint64_t *channels_drops(const struct channels *cs)
{
	return cs->drops;
}
