// SPDX-License-Identifier: BSD-3-Clause
// Reads JSON objects as the --json lines have them: finds members, in place.
#ifndef BENCH_JSON_H
#define BENCH_JSON_H

#include <stdbool.h>
#include <stddef.h>

// Both in the text, without the quotes of strings; escapes are left as they are.
struct json_member {
	const char *key, *value;
	size_t key_len, value_len;
};

// Steps through an object. at: its text the first time, then what the call before returned. NULL
// after the last member, or where it is no JSON.
const char *json_next(const char *at, struct json_member *m);
// The member of an object with this key. False: there is none.
bool json_get(const char *object, const char *key, struct json_member *m);

#endif
