#include "report/table.h"

#include <string.h>

#include "base/text.h"

static size_t count_characters(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

void table_add(struct table *t, enum terminal_color color, const char *text)
{
	autostrbuf struct strbuf safe = {0};

	text_escape(&safe, text ? text : "", text ? strlen(text) : 0, 0);
	*arena_push(t->arena, &t->cells, &t->cell_count) =
		(struct table_cell){.text = arena_strdup(t->arena, strbuf_text(&safe)), .width = count_characters(strbuf_text(&safe)), .color = color};
}

void table_end_row(struct table *t)
{
	while (t->cell_count % t->column_count)
		table_add(t, COLOR_NONE, NULL);
}

static void add_cell(const struct table_cell *cell, FILE *stream, struct strbuf *out)
{
	bool colored = stream && cell->color != COLOR_NONE && cell->width;

	strbuf_add(out, colored ? terminal_begin(stream, cell->color) : "");
	strbuf_add(out, cell->text);
	strbuf_add(out, colored ? terminal_end(stream) : "");
}

static void print_row(const struct table *t, const struct table_cell *row, const size_t *widths, size_t indent, FILE *stream, struct strbuf *out)
{
	size_t last = 0;

	for (size_t i = 0; i < t->column_count; i++) {
		if (row[i].width)
			last = i;
	}
	strbuf_add_repeat(out, ' ', indent);
	for (size_t i = 0; i <= last; i++) {
		add_cell(&row[i], stream, out);
		/* A column that is empty in all rows takes no room. */
		if (i < last && widths[i])
			strbuf_add_repeat(out, ' ', widths[i] - row[i].width + 2);
	}
	strbuf_add_char(out, '\n');
}

void table_print(const struct table *t, size_t indent, FILE *stream, struct strbuf *out)
{
	size_t *widths = arena_array(t->arena, t->column_count, sizeof(*widths));

	for (size_t i = 0; i < t->cell_count; i++) {
		size_t *width = &widths[i % t->column_count];

		if (t->cells[i].width > *width)
			*width = t->cells[i].width;
	}
	for (size_t i = 0; i < t->cell_count; i += t->column_count)
		print_row(t, &t->cells[i], widths, indent, stream, out);
}
