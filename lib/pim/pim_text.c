// SPDX-License-Identifier: BSD-3-Clause
#include "pim/pim.h"

const char *const pim_drop_names[PIM_DROP_COUNT] = {
#define X(name, text) #name,
	PIM_DROP_LIST(X)
#undef X
};

const char *const pim_drop_texts[PIM_DROP_COUNT] = {
#define X(name, text) text,
	PIM_DROP_LIST(X)
#undef X
};
