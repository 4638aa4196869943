#include "diff/rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static bool same_files(const struct pin *a, const struct pin *b)
{
	if (a->file_count != b->file_count)
		return false;
	for (size_t i = 0; i < a->file_count; i++) {
		if (strcmp(a->files[i].name, b->files[i].name) != 0 || strcmp(a->files[i].sha256, b->files[i].sha256) != 0)
			return false;
	}
	return true;
}

static enum change_class classify(const struct row_sides *sides, const struct row_found *old, const struct row_found *new)
{
	if (!old->version || !new->version)
		return old->version ? CHANGE_REMOVED : CHANGE_ADDED;
	enum change_class step = sides->step(old->version, new->version);

	if (step == CHANGE_NONE && (!text_equal(old->index, new->index) || !text_equal(old->reference, new->reference)))
		return CHANGE_ORIGIN;
	if (step == CHANGE_NONE && (old->pin && new->pin ? !same_files(old->pin, new->pin) : !text_equal(old->sha256, new->sha256)))
		return CHANGE_FILES;
	return step;
}

static const char *built_from(const struct pin *pin)
{
	for (size_t i = 0; pin && i < pin->file_count; i++) {
		if (pin->files[i].built_from)
			return pin->files[i].built_from;
	}
	return NULL;
}

/* One cell for each container that has the name on a side. */
static struct change_cell *make_cells(struct arena *a, const struct row_sides *sides, const char *name, size_t *ret_count)
{
	struct change_cell *cells = NULL;

	*ret_count = 0;
	for (size_t i = 0; i < sides->container_count; i++) {
		struct row_found old = {0}, new = {0};

		if (sides->old)
			sides->find(sides, false, sides->containers[i], name, &old);
		if (sides->new)
			sides->find(sides, true, sides->containers[i], name, &new);
		if (!old.version && !new.version)
			continue;
		*arena_push(a, &cells, ret_count) = (struct change_cell){
			.container = sides->containers[i],
			.old_version = old.version,
			.new_version = new.version,
			.old_index = old.index,
			.new_index = new.index,
			.old_reference = old.reference,
			.new_reference = new.reference,
			.old_built_from = built_from(old.pin),
			.new_built_from = built_from(new.pin),
			.class = classify(sides, &old, &new),
		};
	}
	return cells;
}

static void keep_common(struct change *row, const struct row_sides *sides)
{
	size_t kept = 0;

	for (size_t i = 0, place = 0; i < row->cell_count; i++) {
		while (strcmp(sides->containers[place], row->cells[i].container) != 0)
			place++;
		if (sides->common[place])
			row->cells[kept++] = row->cells[i];
	}
	row->cell_count = kept;
}

static void summarise(struct change *row)
{
	row->joint = true;
	row->class = CHANGE_NONE;
	for (size_t i = 0; i < row->cell_count; i++) {
		const struct change_cell *cell = &row->cells[i], *first = &row->cells[0];

		if (cell->class > row->class)
			row->class = cell->class;
		if (!text_equal(cell->old_version, first->old_version) || !text_equal(cell->new_version, first->new_version))
			row->joint = false;
	}
}

void rows_add(struct change_list *list, struct arena *a, const struct row_sides *sides, const char *name)
{
	struct change row = {.name = name};
	bool in_old = false, in_new = false;

	row.cells = make_cells(a, sides, name, &row.cell_count);
	for (size_t i = 0; i < row.cell_count; i++) {
		in_old |= row.cells[i].old_version != NULL;
		in_new |= row.cells[i].new_version != NULL;
	}
	/* A container that only one side has tells nothing about what moved, unless the name itself came or went with it. */
	if (in_old && in_new)
		keep_common(&row, sides);
	summarise(&row);
	if (row.class != CHANGE_NONE)
		*arena_push(a, &list->rows, &list->count) = row;
	else if (in_old && in_new)
		list->same_count++;
}

static int compare_rows(const void *left, const void *right)
{
	const struct change *a = left, *b = right;

	return a->direct != b->direct ? (a->direct ? -1 : 1) : strcmp(a->name, b->name);
}

void rows_finish(struct change_list *list)
{
	if (list->count > 1)
		qsort(list->rows, list->count, sizeof(*list->rows), compare_rows);
	for (size_t i = 0; i < list->count; i++)
		list->classes[list->rows[i].class]++;
}
