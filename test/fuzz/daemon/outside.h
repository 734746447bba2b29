// SPDX-License-Identifier: BSD-3-Clause
// The world around an appliance in the lab, played by a string of octets: a router and a host on
// its downstream port, a relay on its upstream port, clients of its console and its metrics.
#ifndef FUZZ_DAEMON_OUTSIDE_H
#define FUZZ_DAEMON_OUTSIDE_H

#include <stddef.h>
#include <stdint.h>

struct outside {
	int port[2];	     // packet sockets at the other ends of its ports
	uint8_t mac[2][6];   // of its ports
	const char *console; // path of the socket
	uint16_t metrics;    // port at 127.0.0.1, host order; 0: none
	// What it asked relays last, as seen on the wire.
	uint16_t amt_port; // its own, host order
	uint8_t discovery_nonce[4], request_nonce[4];
};
#define OUTSIDE_DOWNSTREAM 0
#define OUTSIDE_UPSTREAM   1

// Plays the input, a list of
//   octet: kind (low nibble), 0x10 the other sender, 0x20 nonces are made right, 0x80 checksums and
//   the
//          address of the port are not
//   2 octets, big endian: how many follow (what is missing at the end is not there)
// The kinds are in outside.c.
void outside_play(struct outside *o, const uint8_t *data, size_t size);

// Whether the console answers within ms.
int outside_answers(const struct outside *o, unsigned int ms);

#endif
