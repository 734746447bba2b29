// SPDX-License-Identifier: BSD-3-Clause
// The text of a file as libconfig reads it, for who changes a part of it. Only this room includes
// it.
#ifndef CONFIG_CONFIG_EDIT_H
#define CONFIG_CONFIG_EDIT_H

#include <stdbool.h>
#include <stddef.h>

// Text that grows.
struct edit_buf {
	char *data; // NUL-terminated once something was added
	size_t len, room;
	bool failed; // out of memory
};
void edit_add(struct edit_buf *b, const char *from, const char *to);
void edit_addf(struct edit_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

// Past blanks, newlines and comments.
const char *edit_blank(const char *p);
// Past the value that begins at p: a scalar, strings side by side, or a bracket with all in it.
// NULL when it does not end.
const char *edit_value(const char *p);

// A setting NAME = VALUE ; of a group, where p is before its name or blanks before it. False at the
// end of the group, and for what is none.
struct edit_setting {
	const char *name, *name_end;
	const char *value, *value_end;
	const char *end; // past what ends it: ';' or ',' where there is one
};
bool edit_setting(const char *p, struct edit_setting *s);
// The one of that name among those from p on.
bool edit_find(const char *p, const char *name, struct edit_setting *s);

// An element of a list or array, with what belongs to it: a comment before it, and one after it in
// the same line.
struct edit_element {
	const char *lead;      // where it begins
	const char *from, *to; // the value
	const char *comma;     // past the value: the comma, or what closes the list
	const char *tail_end;  // past what comes behind the comma in the same line
};
// The element at p, which is the place past the opening bracket or the tail_end of the one before.
// False when there is none.
bool edit_element(const char *p, struct edit_element *e);

#endif
