#include <string.h>

#include "base/text.h"
#include "report/changes.h"
#include "report/layout.h"
#include "report/markdown.h"
#include "report/words.h"

struct printer {
	struct arena *a;
	const struct changes *changes;
	struct strbuf *out;
};

static void add_codes(struct strbuf *out, const char *const *texts, size_t count, size_t most)
{
	for (size_t i = 0; i < count && (i < most || count == most + 1); i++) {
		strbuf_add(out, i ? ", " : "");
		markdown_add_code(out, texts[i]);
	}
	if (count > most + 1)
		strbuf_printf(out, " and %zu more", count - most);
}

/* What the words of text say, in one span each. */
static void add_code(struct strbuf *out, const char *before, const char *text)
{
	if (!*text)
		return;
	strbuf_add(out, before);
	markdown_add_code(out, text);
}

static void add_containers(struct printer *p)
{
	bool any = false;
	const char *recipes = words_recipes(p->a, p->changes);

	for (size_t i = 0; i < p->changes->container_count; i++) {
		const struct change_container *c = &p->changes->containers[i];
		const char *class = words_container_class(c);

		if (!class)
			continue;
		strbuf_add(p->out, any ? "" : "\n### Containers\n\n| Container | Change | |\n|---|---|---|\n");
		any = true;
		add_code(p->out, "| ", c->name);
		strbuf_printf(p->out, " | %s |", class);
		add_code(p->out, " ", words_container(p->a, c));
		strbuf_add(p->out, " |\n");
	}
	add_code(p->out, "\nRecipes changed: ", recipes);
	strbuf_add(p->out, *recipes ? "\n" : "");
}

static void add_step(struct printer *p, const struct change_cell *cell)
{
	const char *old = cell->old_version ? words_version(p->a, cell->old_version) : NULL,
		   *new = cell->new_version ? words_version(p->a, cell->new_version) : NULL;
	const char *old_origin, *new_origin, *made = words_made(cell);

	if (old && new && !strcmp(old, new)) {
		markdown_add_code(p->out, new);
	} else {
		strbuf_add(p->out, old ? "" : "+ ");
		strbuf_add(p->out, new ? "" : "− ");
		markdown_add_code(p->out, old ? old : "");
		strbuf_add(p->out, old && new ? " → " : "");
		markdown_add_code(p->out, new ? new : "");
	}
	if (words_origin(p->a, cell, &old_origin, &new_origin)) {
		add_code(p->out, old ? " from " : "", old ? old_origin : "");
		add_code(p->out, old ? " → " : " from ", new_origin);
	}
	strbuf_printf(p->out, "%s%s", *made ? ", " : "", made);
}

static void add_why(struct printer *p, const struct change *row)
{
	const char *declared = row->new_declared ? row->new_declared : row->old_declared ? row->old_declared : "";

	if (row->old_declared && row->new_declared && strcmp(row->old_declared, row->new_declared) != 0) {
		add_code(p->out, "declared ", row->old_declared);
		add_code(p->out, " → ", row->new_declared);
	} else if (row->old_declared && !row->new_declared && row->class != CHANGE_REMOVED) {
		strbuf_add(p->out, "no longer declared");
	} else if (strpbrk(declared, "<>=!~[@;")) {
		add_code(p->out, "declared ", declared);
	} else if (!*declared && row->required_by_count) {
		strbuf_add(p->out, "required by ");
		add_codes(p->out, row->required_by, row->required_by_count, 3);
	}
}

/* Where they agree, one line tells it; where they differ, a line for each step and those that take it. */
static void add_row(struct printer *p, const struct change *row)
{
	for (size_t i = 0; i < row->cell_count; i++) {
		struct change group;

		if (!layout_group(p->a, row, i, &group))
			continue;
		add_code(p->out, "| ", i ? "" : row->name);
		strbuf_printf(p->out, "%s | %s | ", i ? "|" : "", change_class_name(row->cells[i].class));
		add_step(p, &row->cells[i]);
		strbuf_add(p->out, " |");
		add_code(p->out, " ", words_containers(p->a, p->changes, &group));
		strbuf_add(p->out, " | ");
		if (!i)
			add_why(p, row);
		strbuf_add(p->out, " |\n");
	}
}

static void add_header(struct printer *p, const char *const *columns, size_t column_count)
{
	strbuf_add(p->out, "| Package | Change |");
	for (size_t i = 0; i < column_count; i++) {
		add_code(p->out, " ", columns[i]);
		strbuf_add(p->out, " |");
	}
	strbuf_add(p->out, " Why |\n|---|---|");
	for (size_t i = 0; i < column_count; i++)
		strbuf_add(p->out, "---|");
	strbuf_add(p->out, "---|\n");
}

static void add_differing(struct printer *p, const struct change *rows, size_t count, const char *const *columns, size_t column_count)
{
	strbuf_add(p->out, "\nDifferent between containers:\n\n");
	add_header(p, columns, column_count);
	for (size_t i = 0; i < count; i++) {
		if (rows[i].joint)
			continue;
		add_code(p->out, "| ", rows[i].name);
		strbuf_printf(p->out, " | %s |", change_class_name(rows[i].class));
		for (size_t j = 0; j < column_count; j++) {
			const struct change_cell *cell = layout_cell(&rows[i], columns[j]);

			strbuf_add_char(p->out, ' ');
			if (cell)
				add_step(p, cell);
			strbuf_add(p->out, " |");
		}
		strbuf_add_char(p->out, ' ');
		add_why(p, &rows[i]);
		strbuf_add(p->out, " |\n");
	}
}

static void add_section(struct printer *p, const char *heading, const struct change *rows, size_t count, bool layers)
{
	size_t column_count, joint = 0;
	const char **columns = layout_columns(p->a, p->changes, rows, count, &column_count);

	if (!count)
		return;
	for (size_t i = 0; i < count; i++)
		joint += rows[i].joint;
	bool grouped = layers || column_count > LAYOUT_COLUMNS_MAX;

	strbuf_printf(p->out, "\n### %s\n", heading);
	if (joint || grouped)
		strbuf_printf(p->out, "\n| Package | Change | Version | %s | Why |\n|---|---|---|---|---|\n", layers ? "Layer" : "Containers");
	for (size_t i = 0; i < count; i++) {
		if (rows[i].joint || grouped)
			add_row(p, &rows[i]);
	}
	if (joint < count && !grouped)
		add_differing(p, rows, count, columns, column_count);
}

static void add_system(struct printer *p, bool all)
{
	const struct change_list *list = &p->changes->system_packages;
	const char **names = arena_array(p->a, list->count, sizeof(*names));

	if (p->changes->first_deb_count) {
		strbuf_printf(p->out, "\nDebian packages: %zu locked for the first time, in ", p->changes->first_deb_count);
		add_codes(p->out, p->changes->first_containers, p->changes->first_container_count, 3);
		strbuf_add_char(p->out, '\n');
	}
	if (p->changes->unlocked_container_count) {
		strbuf_add(p->out, "\nDebian packages: no longer locked, in ");
		add_codes(p->out, p->changes->unlocked_containers, p->changes->unlocked_container_count, 3);
		strbuf_add_char(p->out, '\n');
	}
	if (!list->count || (!p->changes->old_name && !all))
		return;
	if (all) {
		add_section(p, "System packages", list->rows, list->count, false);
		return;
	}
	for (size_t i = 0; i < list->count; i++)
		names[i] = list->rows[i].name;
	strbuf_printf(p->out, "\n### System packages\n\n%s: ", words_counts(p->a, list));
	add_codes(p->out, names, list->count, 12);
	strbuf_add_char(p->out, '\n');
}

void changes_markdown(const struct changes *changes, const struct report_options *options, struct strbuf *out)
{
	autoarena struct arena a = {0};
	struct printer p = {.a = &a, .changes = changes, .out = out};
	const struct change_list *packages = &changes->packages;
	size_t direct = layout_direct(packages);

	strbuf_add(out, "## ");
	markdown_add_code(out, changes->old_name ? changes->old_name : "");
	strbuf_add(out, changes->old_name ? " → " : "");
	markdown_add_code(out, changes->new_name ? changes->new_name : "new");
	strbuf_printf(out, "%s\n\n%s\n", changes->old_name ? "" : ", the first release", words_summary(&a, changes));
	add_containers(&p);
	add_section(&p, "Direct packages", packages->rows, direct, false);
	if (!changes->old_name && direct < packages->count)
		strbuf_printf(out, "\nand %zu packages that these require\n", packages->count - direct);
	else
		add_section(&p, "Transitive packages", packages->rows + direct, packages->count - direct, false);
	add_section(&p, "Packages for environments that are not built", changes->further.rows, changes->further.count, true);
	add_section(&p, "Toolchain packages", changes->toolchain.rows, changes->toolchain.count, true);
	add_section(&p, "Toolchain archives", changes->archives.rows, changes->archives.count, true);
	add_section(&p, "Tools in the images", changes->tools.rows, changes->tools.count, false);
	add_system(&p, options->system_packages);
}
