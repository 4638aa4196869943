/* Columns of text, aligned by what they hold. Every cell is escaped for a terminal. */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "io/terminal.h"

struct table_cell {
	const char *text; /* escaped */
	size_t width;     /* characters */
	enum terminal_color color;
};

/* Zeroed is empty; set arena and column_count first. */
struct table {
	struct arena *arena;
	size_t column_count;
	struct table_cell *cells; /* row by row */
	size_t cell_count;
};

void table_add(struct table *t, enum terminal_color color, const char *text); /* NULL is "" */
/* Fills what is left of a row with empty cells. */
void table_end_row(struct table *t);
/* Each row as one line after `indent` spaces, columns two spaces apart, nothing after the last text of a line. Colours as `stream` shows them; NULL: none. */
void table_print(const struct table *t, size_t indent, FILE *stream, struct strbuf *out);
