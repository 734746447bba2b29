// SPDX-License-Identifier: BSD-3-Clause
// The world around an appliance in the lab, played by a string of octets: a router and a host on
// its downstream port, a relay on its upstream port, clients of its console and its metrics.
#ifndef FUZZ_DAEMON_OUTSIDE_H
#define FUZZ_DAEMON_OUTSIDE_H

#include <stdbool.h>
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

// Plays the input, a list of an octet, two with a length (big endian), and as many octets; what is
// missing at the end is not there. The octet: a kind in its low nibble (outside.c has them), 0x10
// for the other sender, 0x20 where nonces are made right, 0x80 where checksums and the port's
// address are not.
void outside_play(struct outside *o, const uint8_t *data, size_t size);

// Whether the console answers within ms.
bool outside_answers(const struct outside *o, unsigned int ms);

#endif
