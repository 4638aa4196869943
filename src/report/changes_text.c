#include <string.h>

#include "base/text.h"
#include "report/changes.h"
#include "report/layout.h"
#include "report/table.h"
#include "report/words.h"

struct printer {
	struct arena *a;
	const struct changes *changes;
	const struct report_options *options;
	struct strbuf *out;
};

static enum terminal_color color_of(enum change_class class)
{
	static const enum terminal_color colors[CHANGE_CLASS_COUNT] = {
		[CHANGE_FILES] = COLOR_YELLOW,   [CHANGE_ORIGIN] = COLOR_YELLOW, [CHANGE_PATCH] = COLOR_CYAN,
		[CHANGE_MINOR] = COLOR_CYAN,     [CHANGE_MAJOR] = COLOR_YELLOW,  [CHANGE_UPGRADED] = COLOR_CYAN,
		[CHANGE_DOWNGRADED] = COLOR_RED, [CHANGE_REMOVED] = COLOR_RED,   [CHANGE_ADDED] = COLOR_GREEN,
	};

	return colors[class];
}

static void add_safe(struct printer *p, const char *text)
{
	text_escape(p->out, text, strlen(text), 0);
}

static void add_heading(struct printer *p, const char *heading, const char *detail)
{
	FILE *stream = p->options->stream;

	strbuf_printf(p->out, "\n%s%s%s", stream ? terminal_begin(stream, COLOR_BOLD) : "", heading, stream ? terminal_end(stream) : "");
	if (*detail) {
		strbuf_add(p->out, ": ");
		add_safe(p, detail);
	}
	strbuf_add_char(p->out, '\n');
}

static void add_containers(struct printer *p)
{
	struct table table = {.arena = p->a, .column_count = 3};
	const char *recipes = words_recipes(p->a, p->changes);

	for (size_t i = 0; i < p->changes->container_count; i++) {
		const struct change_container *c = &p->changes->containers[i];
		const char *class = words_container_class(c);

		if (!class)
			continue;
		table_add(&table, COLOR_NONE, c->name);
		table_add(&table, *class == 'a' ? COLOR_GREEN : *class == 'r' ? COLOR_RED : COLOR_CYAN, class);
		table_add(&table, COLOR_NONE, words_container(p->a, c));
	}
	if (!table.cell_count && !*recipes)
		return;
	add_heading(p, "containers", "");
	table_print(&table, 2, p->options->stream, p->out);
	if (*recipes) {
		strbuf_add(p->out, "  recipes changed: ");
		add_safe(p, recipes);
		strbuf_add_char(p->out, '\n');
	}
}

static void add_joint_row(struct printer *p, struct table *table, const struct change *row)
{
	enum terminal_color color = color_of(row->class);

	table_add(table, COLOR_NONE, row->name);
	table_add(table, COLOR_NONE, words_step(p->a, &row->cells[0]));
	table_add(table, color, p->changes->old_name ? change_class_name(row->class) : "");
	table_add(table, COLOR_NONE, words_containers(p->a, p->changes, row));
	table_add(table, COLOR_DIM, words_why(p->a, row));
}

static const char *cell_text(struct printer *p, const struct change_cell *cell)
{
	const char *step = words_step(p->a, cell);

	switch (cell->class) {
	case CHANGE_NONE:
		return arena_printf(p->a, "= %s", step);
	case CHANGE_ADDED:
		return arena_printf(p->a, "+ %s", step);
	case CHANGE_REMOVED:
		return arena_printf(p->a, "- %s", step);
	case CHANGE_FILES:
		return *words_made(cell) ? step : arena_printf(p->a, "%s, other files", step);
	default:
		return step;
	}
}

/* Too many containers for columns: a line for each different step, with those that take it. */
static void add_grouped_row(struct printer *p, struct table *table, const struct change *row)
{
	for (size_t i = 0; i < row->cell_count; i++) {
		struct change group;

		if (!layout_group(p->a, row, i, &group))
			continue;
		table_add(table, COLOR_NONE, i ? "" : row->name);
		table_add(table, COLOR_NONE, cell_text(p, &row->cells[i]));
		table_add(table, color_of(row->cells[i].class), change_class_name(row->cells[i].class));
		table_add(table, COLOR_NONE, words_containers(p->a, p->changes, &group));
		table_add(table, COLOR_DIM, i ? "" : words_why(p->a, row));
	}
}

static void add_differing(struct printer *p, const struct change *rows, size_t count, const char *const *columns, size_t column_count)
{
	struct table table = {.arena = p->a, .column_count = column_count + 3};

	table_add(&table, COLOR_DIM, "differs between");
	for (size_t i = 0; i < column_count; i++)
		table_add(&table, COLOR_DIM, columns[i]);
	table_end_row(&table);
	for (size_t i = 0; i < count; i++) {
		const struct change *row = &rows[i];

		if (row->joint)
			continue;
		table_add(&table, COLOR_NONE, row->name);
		for (size_t j = 0; j < column_count; j++) {
			const struct change_cell *cell = layout_cell(row, columns[j]);

			table_add(&table, cell ? color_of(cell->class) : COLOR_DIM, cell ? cell_text(p, cell) : ".");
		}
		table_add(&table, color_of(row->class), change_class_name(row->class));
		table_add(&table, COLOR_DIM, words_why(p->a, row));
	}
	table_print(&table, 2, p->options->stream, p->out);
}

/* Joint rows as one table; the others with a column for each container, or grouped where columns would be too many (or are layers). */
static void add_rows(struct printer *p, const char *heading, const char *detail, const struct change *rows, size_t count, bool layers)
{
	struct table table = {.arena = p->a, .column_count = 5};
	size_t column_count = 0, differing = 0;
	const char **columns = layout_columns(p->a, p->changes, rows, count, &column_count);
	bool grouped = layers || column_count > LAYOUT_COLUMNS_MAX;

	if (!count)
		return;
	for (size_t i = 0; i < count; i++) {
		if (rows[i].joint)
			add_joint_row(p, &table, &rows[i]);
		else if (grouped)
			add_grouped_row(p, &table, &rows[i]);
		else
			differing++;
	}
	add_heading(p, heading, detail);
	table_print(&table, 2, p->options->stream, p->out);
	if (differing)
		add_differing(p, rows, count, columns, column_count);
}

static void add_packages(struct printer *p)
{
	const struct change_list *list = &p->changes->packages;
	size_t direct = layout_direct(list), transitive = list->count - direct;

	add_rows(p, "direct packages", "", list->rows, direct, false);
	/* Everything is new in a first release: what was declared is worth reading, the rest is a list to look things up in. */
	if (!p->changes->old_name && transitive)
		strbuf_printf(p->out, "  and %zu package%s that these require\n", transitive, transitive == 1 ? "" : "s");
	else
		add_rows(p, "transitive packages", "", list->rows + direct, transitive, false);
}

static void add_sentence(struct printer *p, const char *text)
{
	if (!text)
		return;
	strbuf_add_char(p->out, '\n');
	add_safe(p, text);
	strbuf_add_char(p->out, '\n');
}

static void add_system(struct printer *p)
{
	const struct change_list *list = &p->changes->system_packages;
	const char **names = arena_array(p->a, list->count, sizeof(*names));
	const char *counts = words_counts(p->a, list);

	add_sentence(p, words_first_debs(p->a, p->changes));
	add_sentence(p, words_unlocked_debs(p->a, p->changes));
	/* All of them are new in a first release; the containers' lines count them. */
	if (!list->count || (!p->changes->old_name && !p->options->system_packages))
		return;
	if (p->options->system_packages) {
		add_rows(p, "system packages", counts, list->rows, list->count, false);
		return;
	}
	for (size_t i = 0; i < list->count; i++)
		names[i] = list->rows[i].name;
	add_heading(p, "system packages", counts);
	strbuf_add(p->out, "  ");
	add_safe(p, words_list(p->a, names, list->count, 12));
	strbuf_add_char(p->out, '\n');
}

void changes_text(const struct changes *changes, const struct report_options *options, struct strbuf *out)
{
	autoarena struct arena a = {0};
	struct printer p = {.a = &a, .changes = changes, .options = options, .out = out};

	add_safe(&p, words_title(&a, changes));
	strbuf_add(out, ": ");
	add_safe(&p, words_summary(&a, changes));
	strbuf_add_char(out, '\n');
	add_containers(&p);
	add_packages(&p);
	add_rows(&p, "packages for environments that are not built", "", changes->further.rows, changes->further.count, true);
	add_rows(&p, "toolchain packages", "", changes->toolchain.rows, changes->toolchain.count, true);
	add_rows(&p, "toolchain archives", "", changes->archives.rows, changes->archives.count, true);
	add_rows(&p, "tools in the images", "", changes->tools.rows, changes->tools.count, false);
	add_system(&p);
}
