// SPDX-License-Identifier: BSD-3-Clause
// Reads back a row that console/render.h has written as JSON: an object of texts, numbers,
// booleans, nulls and lists of texts. Pure; of anything else it only says that it is none.
#ifndef METRICS_JSON_ROW_H
#define METRICS_JSON_ROW_H

#include <stdbool.h>
#include <stddef.h>

enum json_kind { JSON_TEXT, JSON_NUMBER, JSON_TRUE, JSON_FALSE, JSON_NULL, JSON_LIST };

#define JSON_KEY_LEN  64
#define JSON_TEXT_LEN 512 // longer ones are cut

struct json_cell {
	char key[JSON_KEY_LEN];
	enum json_kind kind;
	char text[JSON_TEXT_LEN]; // of a text or a number
	const char *list;	  // of a list: for json_list_next()
};

// *at is the beginning of the row at first. True with the next cell; false at the end, and *at is
// NULL then when what is there is no such row.
bool json_row_next(const char **at, struct json_cell *out);
// The next text of a list; false at its end.
bool json_list_next(const char **list, char text[JSON_TEXT_LEN]);

#endif
