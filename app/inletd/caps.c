// SPDX-License-Identifier: BSD-3-Clause
#include "caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAP(name) (1ull << (name))

// Network devices, packet sockets, a metrics port below 1024; files in folders of others: the
// configuration that `save` replaces with its owner, captures.
#define CONTROL                                                                                  \
	(CAP(CAP_NET_ADMIN) | CAP(CAP_NET_RAW) | CAP(CAP_NET_BIND_SERVICE) | CAP(CAP_IPC_LOCK) | \
		CAP(CAP_DAC_OVERRIDE) | CAP(CAP_CHOWN) | CAP(CAP_FOWNER))
// An XDP program and its maps; libxdp of Debian 12 is not content with the last two.
#define XDP (CAP(CAP_SYS_ADMIN) | CAP(CAP_BPF) | CAP(CAP_PERFMON))
// EAL and drivers: physical addresses of memory, VFIO, I/O ports of virtio, CPUs of threads.
#define START (CONTROL | XDP | CAP(CAP_SYS_RAWIO) | CAP(CAP_SYS_NICE))

static int keep(uint64_t mask)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	// By the system call: libcap's wrapper acts on a thread as well, but is one more library.
	if (syscall(SYS_capget, &head, data) < 0)
		return -errno;
	for (unsigned int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].permitted &= (uint32_t)(mask >> (32 * i));
		data[i].effective &= data[i].permitted;
		data[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

int caps_start(void)
{
	return keep(START);
}

int caps_control(bool again)
{
	return keep(CONTROL | (again ? XDP : 0));
}

int caps_none(void)
{
	return keep(0);
}
