// SPDX-License-Identifier: BSD-3-Clause
// The two halves of lab-tap: capturing and comparing.
#ifndef LAB_TAP_H
#define LAB_TAP_H

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define TAP_SNAPLEN 65535

// The datagram in a captured frame that is UDP multicast, by the length of its own header.
// false for anything else.
bool tap_datagram(const struct pcap_pkthdr *h, const uint8_t *frame, const uint8_t **ip,
	size_t *len, struct sg *sg);
// Prints the result as one line of JSON. The exit code.
int tap_compare(const char *sent_path, const char *got_path, int ttl_delta);

#endif
