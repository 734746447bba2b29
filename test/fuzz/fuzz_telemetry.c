// SPDX-License-Identifier: BSD-3-Clause
// What a client of rte_telemetry sends, and what it is answered. First octet: even: the parameters
// of a request, which become a line of the console; odd: rows of JSON, as a verb makes them, read
// as the answer is made of them.
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/json_row.h"
#include "metrics/telemetry_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void parameters(const char *text, uint8_t which)
{
	static const char *const words[] = {"show channels [source PREFIX]", "show ports",
		"show drops", "explain SOURCE GROUP", "show relays [relay PREFIX] [source PREFIX]"};
	const char *verb = words[which % (sizeof(words) / sizeof(words[0]))];
	char line[512];
	size_t room = which & 0x80 ? 40 : sizeof(line);
	uint64_t from;

	memset(line, 'x', sizeof(line));
	if (!telemetry_line(verb, text, line, room, &from))
		return;
	// One command, which shows and nothing else, in the room that there was.
	require(memchr(line, '\0', room) != NULL && strncmp(line, verb, 7) == 0);
	require(strlen(line) > 7 && strcmp(line + strlen(line) - 7, " --json") == 0);
	for (const char *at = line; *at; at++)
		require(isalnum((unsigned char)*at) || strchr(" .:/_-=", *at));
	// No option of the line but that one.
	require(strstr(line, " --") == line + strlen(line) - 7);
}

static void rows(const char *text)
{
	for (const char *row = text, *end; (end = strchr(row, '\n')); row = end + 1) {
		const char *at = row;
		struct json_cell c;

		while (json_row_next(&at, &c)) {
			require(at > row);
			require(memchr(c.text, '\0', JSON_TEXT_LEN) &&
				memchr(c.key, '\0', sizeof(c.key)));
			while (c.kind == JSON_LIST && json_list_next(&c.list, c.text))
				require(memchr(c.text, '\0', JSON_TEXT_LEN) != NULL);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 1)
		return 0;
	text = malloc(size);
	require(text != NULL);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] & 1)
		rows(text);
	else
		parameters(text, data[0] >> 1);
	free(text);
	return 0;
}
