// SPDX-License-Identifier: BSD-3-Clause
// The channels of one side of a tunnel, as small as they can be: there are very many of them, and
// an Update is made of nothing but their addresses. Entries are told by number, which stays theirs.
#ifndef AMT_AMT_SET_H
#define AMT_AMT_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"

#define AMT_SET_NONE UINT32_MAX

enum amt_queue {
	AMT_QUEUE_NONE,
	AMT_QUEUE_CHANGED, // the change has not been sent yet
	AMT_QUEUE_REPEAT,  // sent; repeats outstanding
	AMT_QUEUE_REPEAT2, // the same, from the round of repeats under way to the next one
};

// One (S,G). A channel that was left lives on until its BLOCKs are sent.
struct amt_channel {
	bool used : 1;
	bool joined : 1;    // wanted; else it is being left
	bool announced : 1; // an Update that holds it was sent to the endpoint's present address
	uint8_t queue : 2;  // enum amt_queue
	uint8_t tx_left;
	uint8_t key[]; // source, group
};

struct amt_set {
	uint8_t family;
	uint8_t entry; // octets of one
	uint8_t *entries;
	uint32_t n, room; // entries that are or were in use; that there is memory for
	uint32_t free;	  // the first of them that is not, or AMT_SET_NONE; then by their keys
	uint32_t *index;  // by hash: number + 1, 0 free
	uint32_t mask;	  // of it
	uint32_t count;	  // in use
};

void amt_set_init(struct amt_set *set, uint8_t family);
void amt_set_fini(struct amt_set *set);
static inline struct amt_channel *amt_set_at(const struct amt_set *set, uint32_t i)
{
	return (struct amt_channel *)(void *)(set->entries + (uint64_t)i * set->entry);
}
size_t amt_set_octets(const struct amt_set *set); // of memory
struct sg amt_set_sg(const struct amt_set *set, uint32_t i);
// Its number, AMT_SET_NONE when it is not in.
uint32_t amt_set_find(const struct amt_set *set, const struct sg *sg);
// One that is not in: its number; AMT_SET_NONE when out of memory. Pointers to others are void.
uint32_t amt_set_add(struct amt_set *set, const struct sg *sg);
void amt_set_remove(struct amt_set *set, uint32_t i);
// The numbers of all, those of one group side by side, to be freed; NULL when out of memory or
// empty.
uint32_t *amt_set_by_group(const struct amt_set *set);

// Numbers to be looked at; one may be there though it is no longer due, or twice.
struct amt_list {
	uint32_t *v, n, room;
	bool all; // short of memory: all of the set are to be looked at
};
void amt_list_push(struct amt_list *l, uint32_t i);
// The next one from *at on; AMT_SET_NONE at the end.
uint32_t amt_list_next(const struct amt_list *l, const struct amt_set *set, uint32_t *at);
void amt_list_clear(struct amt_list *l); // a few places are kept
void amt_list_fini(struct amt_list *l);	 // it is empty then
static inline bool amt_list_empty(const struct amt_list *l)
{
	return l->n == 0 && !l->all;
}

#endif
