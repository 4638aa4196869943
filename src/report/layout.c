#include "report/layout.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static int compare_cell(const void *container, const void *cell)
{
	return strcmp(container, ((const struct change_cell *)cell)->container);
}

const struct change_cell *layout_cell(const struct change *row, const char *container)
{
	return row->cell_count ? bsearch(container, row->cells, row->cell_count, sizeof(*row->cells), compare_cell) : NULL;
}

const char **layout_columns(struct arena *a, const struct changes *changes, const struct change *rows, size_t count, size_t *ret_count)
{
	const char **columns = NULL;

	*ret_count = 0;
	for (size_t i = 0; i < changes->container_count; i++) {
		const char *name = changes->containers[i].name;
		bool needed = false;

		for (size_t j = 0; j < count && !needed; j++)
			needed = !rows[j].joint && layout_cell(&rows[j], name);
		if (needed)
			*arena_push(a, &columns, ret_count) = name;
	}
	return columns;
}

static bool same_step(const struct change_cell *a, const struct change_cell *b)
{
	return a->class == b->class && text_equal(a->old_version, b->old_version) && text_equal(a->new_version, b->new_version) &&
	       text_equal(a->old_index, b->old_index) && text_equal(a->new_index, b->new_index) && text_equal(a->old_reference, b->old_reference) &&
	       text_equal(a->new_reference, b->new_reference) && text_equal(a->old_built_from, b->old_built_from) &&
	       text_equal(a->new_built_from, b->new_built_from);
}

bool layout_group(struct arena *a, const struct change *row, size_t i, struct change *ret)
{
	for (size_t j = 0; j < i; j++) {
		if (same_step(&row->cells[j], &row->cells[i]))
			return false;
	}
	*ret = *row;
	ret->cells = arena_array(a, row->cell_count, sizeof(*ret->cells));
	ret->cell_count = 0;
	for (size_t j = i; j < row->cell_count; j++) {
		if (same_step(&row->cells[j], &row->cells[i]))
			ret->cells[ret->cell_count++] = row->cells[j];
	}
	return true;
}

size_t layout_direct(const struct change_list *packages)
{
	size_t direct = 0;

	while (direct < packages->count && packages->rows[direct].direct)
		direct++;
	return direct;
}
