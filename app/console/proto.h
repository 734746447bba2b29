// SPDX-License-Identifier: BSD-3-Clause
// What the client (app/inlet) and the server say on the socket. No DPDK here: inlet links none.
//
// The client's first line chooses: "tty" begins an interactive session, whose octets are those of a
// terminal from then on; "run COMMAND" runs one. The answer to run is the command's text, which has
// no NUL, then NUL, the exit status in decimal and a newline; then the server closes.
#ifndef CONSOLE_PROTO_H
#define CONSOLE_PROTO_H

#define CONSOLE_DEFAULT_SOCKET "/run/inlet/console.sock"
#define CONSOLE_MODE_TTY       "tty"
#define CONSOLE_MODE_RUN       "run "
#define CONSOLE_LINE_MAX       255 // characters of a command
#define CONSOLE_STATUS_OK      0
#define CONSOLE_STATUS_ERROR   1

#endif
