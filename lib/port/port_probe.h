// SPDX-License-Identifier: BSD-3-Clause
// From a device string to an ethdev port that is ours, and back. Internal to port.
#ifndef PORT_PORT_PROBE_H
#define PORT_PORT_PROBE_H

#include <stdint.h>

#include "port/port.h"

// Probes the device, or takes over what the EAL probed at its start, and owns the port. 0, or a
// negative errno with a clause in why.
int port_probe(const char *device, uint16_t *port_id, char why[PORT_ERR_LEN]);
// Gives up owning a port that stays: a bond takes none that somebody owns.
void port_disown(uint16_t port_id);
// Closes the port, and removes its device with the last port of it.
void port_unprobe(uint16_t port_id);

#endif
