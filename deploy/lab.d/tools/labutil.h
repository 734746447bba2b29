// SPDX-License-Identifier: BSD-3-Clause
// What the lab's sender, receiver and tap share: options, channel lists, the payload of test
// packets.
#ifndef LAB_LABUTIL_H
#define LAB_LABUTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define NS_PER_S 1000000000ull

extern const char *lab_name; // of the program, for messages
// One line on stderr, then exit 2 (usage) or 1.
void lab_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void lab_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

uint64_t lab_realtime_ns(void);
uint64_t lab_mono_ns(void);
// A number of an option, within [min, max], or lab_usage().
uint64_t lab_number(const char *option, const char *value, uint64_t min, uint64_t max);
// Index of the interface, or lab_fail().
unsigned int lab_ifindex(const char *name);
// Sets *flag at SIGTERM and SIGINT; system calls are interrupted.
void lab_catch_signals(void);
extern volatile int lab_stopped;
// As many descriptors as the system allows.
void lab_raise_files(void);

struct lab_channels {
	struct sg *sg;
	size_t count;
};
// --source S --group G[,COUNT]: COUNT groups from G upwards.
void lab_channels_add(struct lab_channels *c, const char *source, const char *group);
// --channels FILE: a line "S G" each; empty lines and what follows a # are skipped.
void lab_channels_read(struct lab_channels *c, const char *path);
// Place of a channel, or -1. The list must have been sorted.
void lab_channels_sort(struct lab_channels *c);
long lab_channels_find(const struct lab_channels *c, const struct sg *sg);

// Payload: magic, sequence number of the channel from 0, CLOCK_REALTIME in ns at sending, then
// octets that follow from the sequence number. All big endian.
#define LAB_PAYLOAD_MIN 24
#define LAB_PAYLOAD_MAX 65507
void lab_payload_write(uint8_t *buf, size_t len, uint64_t seq, uint64_t sent_ns);
// False when it is none of ours or any octet is wrong.
bool lab_payload_read(const uint8_t *buf, size_t len, uint64_t *seq, uint64_t *sent_ns);

#endif
