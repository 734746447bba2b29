// SPDX-License-Identifier: BSD-3-Clause
// IPv4 packets that come in on a network device (or leave it), through libpcap: what the control
// protocols hear.
#ifndef CAPTURE_CAPTURE_H
#define CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPTURE_ERR_LEN 256
// Frames of one capture_input() at most: 70 new Joins each of them are some milliseconds of work,
// and the loop has other interfaces and timers.
#define CAPTURE_BATCH 8

struct capture;

struct capture_cfg {
	const char *netdev, *filter; // filter: as pcap-filter(7) has it
	const char *room;	     // whose log lines they are; lives as long as the capture
	int snaplen;		     // octets of a frame
	int buffer;		     // octets; one slot holds a packet of any size
	bool all_multicast;	     // the device gets every group's frames while this is open
	bool outgoing;		     // what leaves the device as well
};

// A packet, from its IP header on; what follows the datagram in its frame is there too.
typedef void (*capture_rx_cb)(void *ctx, const uint8_t *ip, size_t len);

// NULL: err says why.
struct capture *capture_open(
	const struct capture_cfg *cfg, capture_rx_cb cb, void *ctx, char err[CAPTURE_ERR_LEN]);
void capture_close(struct capture *c); // NULL is allowed
// Readable when there is something for capture_input().
int capture_fd(const struct capture *c);
// Handles what has come in, a limited number of frames; how many. -ENODEV when the device is gone.
int capture_input(struct capture *c);

#endif
