// SPDX-License-Identifier: BSD-3-Clause
#include "console/render.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append(struct render *r, struct render_buf *b, const char *from, size_t len)
{
	if (r->error)
		return;
	if (b->len + len > RENDER_MAX_OCTETS) {
		r->error = -EMSGSIZE;
		return;
	}
	if (b->len + len + 1 > b->room) {
		size_t room = b->room ? b->room : 1024;
		char *data;

		while (room < b->len + len + 1)
			room *= 2;
		data = realloc(b->data, room);
		if (!data) {
			r->error = -ENOMEM;
			return;
		}
		b->data = data;
		b->room = room;
	}
	memcpy(b->data + b->len, from, len);
	b->len += len;
	b->data[b->len] = '\0';
}

static void put(struct render *r, const char *text)
{
	append(r, &r->out, text, strlen(text));
}

void render_init(struct render *r, bool json)
{
	memset(r, 0, sizeof(*r));
	r->json = json;
}

void render_fini(struct render *r)
{
	free(r->out.data);
	free(r->cells.data);
	memset(r, 0, sizeof(*r));
}

int render_status(const struct render *r)
{
	return r->error;
}

void render_table_begin(
	struct render *r, const char *name, const struct render_column *columns, unsigned int n)
{
	r->name = name;
	r->columns = columns;
	r->n_columns = n;
	r->column = 0;
	r->n_rows = 0;
	r->n_held = 0;
	r->streams = false;
	r->cells.len = 0;
	for (unsigned int i = 0; i < n; i++)
		r->width[i] = (unsigned int)strlen(columns[i].name);
	if (r->json)
		put(r, "[");
}

static bool is_plain(char c)
{
	return (unsigned char)c >= ' ' && (unsigned char)c < 0x7f;
}

// Octets as they may stand in a terminal: a name that a peer chose must not move the cursor.
static void append_clean(struct render *r, struct render_buf *b, const char *text)
{
	while (*text) {
		size_t run = 0;

		while (is_plain(text[run]))
			run++;
		append(r, b, text, run);
		text += run;
		if (*text) {
			append(r, b, "?", 1);
			text++;
		}
	}
}

static void put_json_string(struct render *r, const char *text)
{
	put(r, "\"");
	while (*text) {
		char escaped[8];
		size_t run = 0;

		while (is_plain(text[run]) && text[run] != '"' && text[run] != '\\')
			run++;
		append(r, &r->out, text, run);
		text += run;
		if (!*text)
			break;
		// Octets beyond ASCII are taken as Latin-1, so that any input gives valid JSON.
		if (is_plain(*text))
			snprintf(escaped, sizeof(escaped), "\\%c", *text);
		else
			snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned char)*text);
		put(r, escaped);
		text++;
	}
	put(r, "\"");
}

// Opens the cell: for JSON the separators and the key.
static void cell_begin(struct render *r)
{
	if (!r->json)
		return;
	if (r->column == 0)
		put(r, r->n_rows ? ",\n {" : "\n {");
	else
		put(r, ", ");
	put_json_string(r, r->columns[r->column].name);
	put(r, ": ");
}

static bool is_shown(const struct render *r, unsigned int column)
{
	return r->detail || r->columns[column].align < RENDER_LEFT_DETAIL;
}

static void put_held(struct render *r);

// Closes it: `from` is where its text begins in cells.
static void cell_end(struct render *r, size_t from)
{
	if (!r->json && !is_shown(r, r->column)) {
		r->cells.len = from;
	} else if (!r->json) {
		size_t len = r->cells.len - from;

		append(r, &r->cells, "", 1);
		if (len > r->width[r->column] && !r->streams)
			r->width[r->column] = (unsigned int)len;
	}
	if (++r->column < r->n_columns)
		return;
	r->column = 0;
	r->n_rows++;
	r->n_held++;
	if (r->json)
		put(r, "}");
	else if (r->streams || r->n_held == RENDER_STREAM_ROWS)
		put_held(r);
}

// A cell whose JSON form is `json` as it is.
static void cell(struct render *r, const char *text, const char *json)
{
	size_t from = r->cells.len;

	cell_begin(r);
	if (r->json)
		put(r, json);
	else
		append_clean(r, &r->cells, text);
	cell_end(r, from);
}

void render_text(struct render *r, const char *text)
{
	size_t from = r->cells.len;

	if (!text) {
		render_none(r);
		return;
	}
	cell_begin(r);
	if (r->json)
		put_json_string(r, text);
	else
		append_clean(r, &r->cells, text);
	cell_end(r, from);
}

void render_none(struct render *r)
{
	cell(r, "-", "null");
}

void render_u64(struct render *r, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, v);
	cell(r, text, text);
}

void render_hex32(struct render *r, uint32_t v)
{
	char text[16], json[16];

	snprintf(text, sizeof(text), "0x%08" PRIx32, v);
	snprintf(json, sizeof(json), "%" PRIu32, v);
	cell(r, text, json);
}

void render_bool(struct render *r, bool v)
{
	cell(r, v ? "yes" : "no", v ? "true" : "false");
}

void render_addr(struct render *r, const struct addr *a)
{
	char text[ADDR_STRLEN];

	if (addr_is_none(a))
		render_none(r);
	else
		render_text(r, addr_format(a, text));
}

void render_span_us(struct render *r, uint64_t us)
{
	uint64_t ms = us / 1000, s = ms / 1000;
	char text[48], json[48];

	if (s < 60)
		snprintf(text, sizeof(text), "%" PRIu64 ".%03us", s, (unsigned int)(ms % 1000));
	else if (s < 3600)
		snprintf(text, sizeof(text), "%" PRIu64 "m%02us", s / 60, (unsigned int)(s % 60));
	else if (s < 86400)
		snprintf(text, sizeof(text), "%" PRIu64 "h%02um%02us", s / 3600,
			(unsigned int)(s / 60 % 60), (unsigned int)(s % 60));
	else
		snprintf(text, sizeof(text), "%" PRIu64 "d%02uh%02um", s / 86400,
			(unsigned int)(s / 3600 % 24), (unsigned int)(s / 60 % 60));
	snprintf(json, sizeof(json), "%" PRIu64 ".%03u", s, (unsigned int)(ms % 1000));
	cell(r, text, json);
}

void render_ms(struct render *r, uint64_t us)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 ".%03u", us / 1000, (unsigned int)(us % 1000));
	cell(r, text, text);
}

void render_tenths(struct render *r, uint64_t tenths)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 ".%u", tenths / 10, (unsigned int)(tenths % 10));
	cell(r, text, text);
}

void render_hundredths(struct render *r, uint64_t hundredths)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 ".%02u", hundredths / 100,
		(unsigned int)(hundredths % 100));
	cell(r, text, text);
}

void render_list_begin(struct render *r)
{
	r->list_items = 0;
	r->list_from = r->cells.len;
	cell_begin(r);
	if (r->json)
		put(r, "[");
}

void render_list_item(struct render *r, const char *text)
{
	bool first = r->list_items++ == 0;

	if (r->json) {
		put(r, first ? "" : ", ");
		put_json_string(r, text);
	} else {
		append(r, &r->cells, ",", first ? 0 : 1);
		append_clean(r, &r->cells, text);
	}
}

void render_list_end(struct render *r)
{
	if (r->json)
		put(r, "]");
	else if (r->list_items == 0)
		append(r, &r->cells, "-", 1);
	cell_end(r, r->list_from);
}

static void put_padding(struct render *r, size_t n)
{
	static const char spaces[] = "                                ";

	while (n > 0) {
		size_t part = n < sizeof(spaces) - 1 ? n : sizeof(spaces) - 1;

		append(r, &r->out, spaces, part);
		n -= part;
	}
}

static bool is_right(const struct render *r, unsigned int column)
{
	enum render_align align = r->columns[column].align;

	return align == RENDER_RIGHT || align == RENDER_RIGHT_DETAIL;
}

static unsigned int last_shown(const struct render *r)
{
	unsigned int last = r->n_columns - 1;

	while (last > 0 && !is_shown(r, last))
		last--;
	return last;
}

// The last column is not padded on its right: no line ends in blanks.
static void put_cell(struct render *r, unsigned int column, const char *text, bool first, bool last)
{
	size_t len = strlen(text), pad = r->width[column] > len ? r->width[column] - len : 0;

	if (!first)
		put(r, "  ");
	if (is_right(r, column))
		put_padding(r, pad);
	append(r, &r->out, text, len);
	if (last)
		put(r, "\n");
	else if (!is_right(r, column))
		put_padding(r, pad);
}

// One row, or (NULL) the heading. What is behind it.
static const char *put_row(struct render *r, const char *p)
{
	unsigned int last = last_shown(r);
	bool first = true;

	for (unsigned int i = 0; i <= last; i++) {
		if (!is_shown(r, i))
			continue;
		put_cell(r, i, p ? p : r->columns[i].name, first, i == last);
		p = p ? p + strlen(p) + 1 : NULL;
		first = false;
	}
	return p;
}

// What no terminal is wide enough for: a block a row, a line a cell.
static const char *put_block(struct render *r, const char *p)
{
	size_t width = 0;
	bool first = true;

	for (unsigned int i = 1; i < r->n_columns; i++) {
		size_t len = is_shown(r, i) ? strlen(r->columns[i].name) : 0;

		width = len > width ? len : width;
	}
	for (unsigned int i = 0; i < r->n_columns; i++) {
		if (!is_shown(r, i))
			continue;
		if (!first) {
			put(r, "  ");
			put(r, r->columns[i].name);
			put_padding(r, width - strlen(r->columns[i].name) + 2);
		}
		put(r, p);
		put(r, "\n");
		p += strlen(p) + 1;
		first = false;
	}
	return p;
}

// How the rows are laid out, from the widths that are known now; and the heading.
static void put_heading(struct render *r)
{
	unsigned int width = 0;

	// The last column may be as long as it likes: it wraps and moves no other.
	for (unsigned int i = 0; i < last_shown(r); i++)
		width += is_shown(r, i) ? r->width[i] + 2 : 0;
	r->blocks = r->detail || width > RENDER_MAX_WIDTH;
	r->streams = true;
	if (!r->blocks)
		put_row(r, NULL);
}

// The rows that wait in cells.
static void put_held(struct render *r)
{
	const char *p;

	if (r->error)
		return;
	if (!r->streams)
		put_heading(r);
	p = r->cells.data;
	for (; r->n_held > 0; r->n_held--)
		p = r->blocks ? put_block(r, p) : put_row(r, p);
	r->cells.len = 0;
}

void render_table_end(struct render *r)
{
	if (r->json) {
		put(r, r->n_rows ? "\n]\n" : "]\n");
		return;
	}
	if (r->n_rows == 0)
		render_line(r, "(no %s)", r->name);
	else
		put_held(r);
	r->streams = false;
}

void render_line(struct render *r, const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	append_clean(r, &r->out, line);
	put(r, "\n");
}
