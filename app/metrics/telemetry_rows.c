// SPDX-License-Identifier: BSD-3-Clause
#include "metrics/telemetry_rows.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_telemetry.h>

#include "metrics/json_row.h"

#define CELL_OVERHEAD 8 // octets that a cell may have more here than there

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

// What may stand in a command: nothing that means something to anybody on the way.
static bool is_plain(const char *text)
{
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr(".:/_-=,", *text))
			return false;
	return true;
}

static bool append(char *line, size_t room, const char *word)
{
	size_t len = strlen(line), n = strlen(word);

	if (len + n + 2 > room)
		return false;
	line[len] = ' ';
	memcpy(line + len + 1, word, n + 1);
	return true;
}

// "NAME=VALUE" as two words.
static bool add_word(char *line, size_t room, char *word)
{
	char *value = strchr(word, '=');

	if (!value)
		return append(line, room, word);
	*value++ = '\0';
	// A value that is an option of the line would be one.
	return strncmp(value, "--", 2) != 0 && append(line, room, word) &&
	       append(line, room, value);
}

bool telemetry_line(const char *words, const char *params, char *line, size_t room, uint64_t *from)
{
	char copy[512], *save = NULL;
	size_t len = 0;

	*from = 0;
	// The verb itself: what stands before options and arguments.
	while (words[len] && words[len] != '[' && !isupper((unsigned char)words[len]))
		len++;
	while (len > 0 && words[len - 1] == ' ')
		len--;
	snprintf(line, room, "%.*s", (int)len, words);
	if (params && strlen(params) >= sizeof(copy))
		return false;
	snprintf(copy, sizeof(copy), "%s", params ? params : "");
	if (!is_plain(copy))
		return false;
	for (char *word = strtok_r(copy, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		if (is_number(word))
			*from = strtoull(word, NULL, 10);
		else if (strncmp(word, "--", 2) == 0 || !add_word(line, room, word))
			return false;
	}
	return append(line, room, "--json");
}

// rte_telemetry refuses longer ones.
static const char *cut(char text[JSON_TEXT_LEN])
{
	if (strlen(text) >= RTE_TEL_MAX_STRING_LEN)
		memcpy(text + RTE_TEL_MAX_STRING_LEN - 4, "...", 4);
	return text;
}

static int add_list(struct rte_tel_data *d, struct json_cell *c)
{
	struct rte_tel_data *list = rte_tel_data_alloc();

	if (!list)
		return -ENOMEM;
	rte_tel_data_start_array(list, RTE_TEL_STRING_VAL);
	while (json_list_next(&c->list, c->text))
		rte_tel_data_add_array_string(list, cut(c->text));
	return rte_tel_data_add_dict_container(d, c->key, list, 0);
}

static int add_cell(struct rte_tel_data *d, struct json_cell *c)
{
	switch (c->kind) {
	case JSON_NUMBER:
		if (is_number(c->text))
			return rte_tel_data_add_dict_u64(d, c->key, strtoull(c->text, NULL, 10));
		return rte_tel_data_add_dict_string(d, c->key, cut(c->text));
	case JSON_TEXT:
		return rte_tel_data_add_dict_string(d, c->key, cut(c->text));
	case JSON_TRUE:
	case JSON_FALSE:
		return rte_tel_data_add_dict_u64(d, c->key, c->kind == JSON_TRUE);
	case JSON_LIST:
		return add_list(d, c);
	case JSON_NULL:
		break;
	}
	return 0;
}

// The octets of a row in the answer, at most; 0: it is none.
static size_t measure(const char *row)
{
	struct json_cell c;
	size_t cells = 0;
	const char *at = row;

	while (json_row_next(&at, &c))
		cells++;
	return at ? (size_t)(at - row) + cells * CELL_OVERHEAD : 0;
}

static struct rte_tel_data *row_of(const char *row)
{
	struct rte_tel_data *d = rte_tel_data_alloc();
	struct json_cell c;

	if (!d)
		return NULL;
	rte_tel_data_start_dict(d);
	while (json_row_next(&row, &c))
		add_cell(d, &c);
	return d;
}

int telemetry_rows(struct rte_tel_data *d, const char *rows, uint64_t from, bool more)
{
	struct rte_tel_data *list = rte_tel_data_alloc();
	size_t octets = 0;
	uint64_t n = 0;
	char name[24];

	if (!list)
		return -ENOMEM;
	rte_tel_data_start_dict(d);
	rte_tel_data_start_dict(list);
	for (const char *row = rows, *end; (end = strchr(row, '\n')); row = end + 1, n++) {
		struct rte_tel_data *one;
		size_t size = measure(row);

		if (n > 0 && octets + size > TELEMETRY_ROWS_OCTETS) {
			more = true;
			break;
		}
		octets += size;
		one = size ? row_of(row) : NULL;
		snprintf(name, sizeof(name), "%" PRIu64, from + n);
		if (one && rte_tel_data_add_dict_container(list, name, one, 0) < 0) {
			rte_tel_data_free(one);
			more = true;
			break;
		}
	}
	rte_tel_data_add_dict_container(d, "rows", list, 0);
	rte_tel_data_add_dict_u64(d, "from", from);
	if (more)
		rte_tel_data_add_dict_u64(d, "next", from + n);
	return 0;
}
