// SPDX-License-Identifier: BSD-3-Clause
// The configuration loader.
#include <stdint.h>

#include "config_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config c;

	config_text_load(data, size, &c);
	return 0;
}
