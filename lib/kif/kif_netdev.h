// SPDX-License-Identifier: BSD-3-Clause
// The settings of a kernel-interface port's netdev. Private to the room.
#ifndef KIF_KIF_NETDEV_H
#define KIF_KIF_NETDEV_H

#include <stdbool.h>

#include "kif/kif.h"

// A name the kernel takes for a netdev and under /proc/sys, with nothing it would expand.
bool kif_name_ok(const char *name);
void kif_netdev_ipv6(const char *name);
// MAC, MTU, sysctls, up; and the ifindex. 0, or a negative errno with one line in err.
int kif_netdev_setup(const struct kif_cfg *cfg, int *ifindex, char err[KIF_ERR_LEN]);

#endif
