// SPDX-License-Identifier: BSD-3-Clause
// A configuration that is a text, for the targets that drive the loader.
#ifndef FUZZ_CONFIG_TEXT_H
#define FUZZ_CONFIG_TEXT_H

#include <stddef.h>

#include "config/config.h"

// config_load() of len octets. 0 with *out filled, or negative.
int config_text_load(const void *text, size_t len, struct config *out);

#endif
