// SPDX-License-Identifier: BSD-3-Clause
// Kernel-interface port: one TAP a port, with the port's MAC and MTU, through which the kernel does
// ARP, ICMP, routing and sockets on the port. Driven by the control loop.
#ifndef KIF_KIF_H
#define KIF_KIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct kif;

// A frame that the kernel sends out of the interface, checksums complete; valid during the call.
typedef void (*kif_tx_cb)(void *arg, const uint8_t *frame, size_t len);

struct kif_cfg {
	const char *name; // netdev name, at most 15 octets
	uint8_t mac[6];
	uint16_t mtu;
	// The netdev speaks IPv6 whatever the system's default is, with a link-local address made
	// of the MAC.
	bool ipv6;
};

#define KIF_ERR_LEN 256
// Creates the TAP, sets MAC and MTU, loose rp_filter, IPv6 address autoconfiguration off, and
// brings it up. NULL with errno and one line in err, also when a netdev of that name exists. The
// netdev disappears with the process; it survives being renamed or moved to another network
// namespace.
struct kif *kif_create(const struct kif_cfg *cfg, kif_tx_cb tx, void *arg, char err[KIF_ERR_LEN]);
void kif_destroy(struct kif *k);
// Whether the netdev was deleted; one that was moved to another network namespace was not.
bool kif_deleted(const struct kif *k);
// Makes the netdev of a kif that has lost it again, by the same name or another one; its fd is
// another one then, its counters go on. 0, or a negative errno with one line in err, and it can be
// tried again.
int kif_recreate(struct kif *k, const struct kif_cfg *cfg, char err[KIF_ERR_LEN]);
// The netdev is back from another network namespace, where the kernel gave it this number.
void kif_follow(struct kif *k, int ifindex);
// From now on as with kif_cfg.ipv6.
void kif_speak_ipv6(const struct kif *k);
// Poll for readability, then call kif_read(): a bounded batch of frames to the callback; how many,
// or a negative errno. -ENODEV from here or kif_write(): the netdev was deleted (logged once); the
// fd reads as ready for ever then, so take it out of the poll and recreate or destroy the kif.
int kif_fd(const struct kif *k);
int kif_read(struct kif *k);
// A frame received by the port, into the kernel. 0 or a negative errno (counted); -EIO while the
// netdev is down.
int kif_write(struct kif *k, const uint8_t *frame, size_t len);
// What the netdev shows as its carrier; on after kif_create().
int kif_carrier(struct kif *k, bool up);
const char *kif_name(const struct kif *k); // follows renames
int kif_ifindex(const struct kif *k);	   // the kernel's, in the namespace of kif_create()

struct kif_stats {
	uint64_t to_kernel, from_kernel, write_errors, read_errors;
};
const struct kif_stats *kif_stats(const struct kif *k);

#endif
