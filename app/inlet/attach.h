// SPDX-License-Identifier: BSD-3-Clause
#ifndef INLET_ATTACH_H
#define INLET_ATTACH_H

// Connects stdin and stdout with the socket until the server closes or a signal comes. A terminal
// is raw meanwhile and is given back as it was. The exit status.
int attach(int fd);

#endif
