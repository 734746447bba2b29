// SPDX-License-Identifier: BSD-3-Clause
// IP packets that come in on a network device (or leave it), through libpcap: what the control
// protocols hear; and the way out for IPv6 ones.
#ifndef CAPTURE_CAPTURE_H
#define CAPTURE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPTURE_ERR_LEN 256
// One capture_input() ends with the frame that passes so many octets: four frames of 70 new Joins
// each are some 1.2 ms of work, as are a hundred of one, and the loop has other interfaces and
// timers. Who gives frames to the device gives it no more at a time (the control loop), so that
// what has to wait does not do so here, where one sender's frames leave no room for another's.
#define CAPTURE_BATCH_OCTETS 6000

struct capture;

struct capture_cfg {
	const char *netdev, *filter; // filter: as pcap-filter(7) has it
	const char *room;	     // whose log lines they are; lives as long as the capture
	int snaplen;		     // octets of a frame
	int buffer;		     // octets; one slot holds a packet of any size
	bool all_multicast;	     // the device gets every group's frames while this is open
	bool outgoing;		     // what leaves the device as well
	bool ipv6;		     // hears, and may send, IPv6; else it hears IPv4
	const uint8_t *group_mac;    // the device gets this group's frames too; NULL: no such wish
};

// A packet, from its IP header on; what follows the datagram in its frame is there too.
typedef void (*capture_rx_cb)(void *ctx, const uint8_t *ip, size_t len);

// NULL: err says why.
struct capture *capture_open(
	const struct capture_cfg *cfg, capture_rx_cb cb, void *ctx, char err[CAPTURE_ERR_LEN]);
void capture_close(struct capture *c); // NULL is allowed
// Readable when there is something for capture_input().
int capture_fd(const struct capture *c);
// Handles what has come in, a limited number of octets; how many frames. -ENODEV when the device is
// gone.
int capture_input(struct capture *c);
// Frames that the kernel had no room for since the last call.
uint32_t capture_lost(struct capture *c);
// An IPv6 datagram to a group on the device, as it is and past the kernel's IPv6, which sends from
// no address that has just gone or that it still doubts. 0, or a negative errno.
int capture_send6(struct capture *c, const uint8_t *ip, size_t len);

#endif
