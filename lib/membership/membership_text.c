// SPDX-License-Identifier: BSD-3-Clause
#include "membership/membership.h"

const char *const membership_drop_names[MEMBERSHIP_DROP_COUNT] = {
#define X(name, text) #name,
	MEMBERSHIP_DROP_LIST(X)
#undef X
};

const char *const membership_drop_texts[MEMBERSHIP_DROP_COUNT] = {
#define X(name, text) text,
	MEMBERSHIP_DROP_LIST(X)
#undef X
};
