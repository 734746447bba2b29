// SPDX-License-Identifier: BSD-3-Clause
#include "crossing/drops.h"

#include "crossing/crossing.h"

#define X(name, text) [DROP_##name] = #name,
const char *const drop_names[DROP_COUNT] = {DROP_LIST(X)};
#undef X

#define X(name, text) [DROP_##name] = text,
const char *const drop_texts[DROP_COUNT] = {DROP_LIST(X)};
#undef X

#define X(name, key, text) [PUNT_##name] = key,
const char *const punt_class_names[PUNT_CLASSES] = {PUNT_LIST(X)};
#undef X
