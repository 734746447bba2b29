// SPDX-License-Identifier: BSD-3-Clause
// What the kernel (or who feigns it) sends to a netlink socket.
#include <stddef.h>
#include <stdint.h>

#include "kif/netlink_msg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct netlink_header h;
	struct netlink_event ev;
	size_t at = 0;

	while (at < size && netlink_header_parse(data + at, size - at, &h) == 0) {
		if (netlink_msg_parse(data + at, h.len, &ev) == 0 &&
			ev.prefix_len > 8 * sizeof(ev.addr.bytes))
			__builtin_trap();
		if (netlink_msg_error(data + at, h.len) > 0)
			__builtin_trap();
		at += (h.len + 3u) & ~3u;
	}
	return 0;
}
