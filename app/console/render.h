// SPDX-License-Identifier: BSD-3-Clause
// One renderer, two outputs: a table of aligned text for people, or JSON for scripts, an array of
// objects whose keys are the table's headings. A verb says the cells once and does not know which.
#ifndef CONSOLE_RENDER_H
#define CONSOLE_RENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define RENDER_MAX_COLUMNS 48
#define RENDER_MAX_WIDTH   220 // a text table wider than this becomes blocks of lines
// The columns of a text table are as wide as these many rows need; then the rows go out as they
// come, so that a table of any length takes little memory.
#define RENDER_STREAM_ROWS 500
// Output past this is cut off and render_status() says so.
#define RENDER_MAX_OCTETS (64u << 20)

// DETAIL: in a text table only with `detail`; JSON has it always.
enum render_align { RENDER_LEFT, RENDER_RIGHT, RENDER_LEFT_DETAIL, RENDER_RIGHT_DETAIL };

struct render_column {
	const char *name; // heading and JSON key: lower case, '_' between words
	enum render_align align;
};

struct render_buf {
	char *data; // NUL-terminated once something was appended
	size_t len, room;
};

// Private but for out. After render_init() anything may be called; errors stay until the end.
struct render {
	struct render_buf out;
	bool json;
	bool detail; // all columns, as blocks; set after render_init()
	int error;   // first one: -ENOMEM, -EMSGSIZE
	// The table that is open.
	const char *name;
	const struct render_column *columns;
	unsigned int n_columns, column;
	unsigned int n_rows;
	struct render_buf cells; // text form: each cell NUL-terminated, row by row
	unsigned int n_held;	 // rows in cells
	bool streams, blocks;	 // the heading has gone out, and how rows are laid out
	size_t list_from;	 // where the list that is open began in cells
	unsigned int list_items;
	unsigned int width[RENDER_MAX_COLUMNS];
};

void render_init(struct render *r, bool json);
void render_fini(struct render *r);
// 0, or the negative errno of the first thing that failed.
int render_status(const struct render *r);

// name, in the plural, is for people: "(no tunnels)". columns must live until the end; at most
// RENDER_MAX_COLUMNS. Then each row is exactly n cells in their order.
void render_table_begin(
	struct render *r, const char *name, const struct render_column *columns, unsigned int n);
void render_table_end(struct render *r);

// NULL is an absent value: "-" and null. Control characters do not reach the terminal.
void render_text(struct render *r, const char *text);
void render_none(struct render *r);
void render_u64(struct render *r, uint64_t v);
// 32 bits: "0x0000cafe"; JSON: a number.
void render_hex32(struct render *r, uint32_t v);
void render_bool(struct render *r, bool v); // "yes", "no"; true, false
// None is absent.
void render_addr(struct render *r, const struct addr *a);
// A span of time: "12.345s", "1h02m03s"; JSON: seconds, a number.
void render_span_us(struct render *r, uint64_t us);
// A short one in milliseconds with three decimals, a number in both.
void render_ms(struct render *r, uint64_t us);
// A number with one decimal.
void render_tenths(struct render *r, uint64_t tenths);
// A number with two decimals.
void render_hundredths(struct render *r, uint64_t hundredths);
// Several texts in one cell: "a,b" or "-"; an array.
void render_list_begin(struct render *r);
void render_list_item(struct render *r, const char *text);
void render_list_end(struct render *r);

// Text outside of tables, as it is; not for JSON.
void render_line(struct render *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
