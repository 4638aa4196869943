/* How rows of changes are laid out where containers differ: in columns, or grouped by what they have in common. */
#pragma once

#include "diff/diff.h"

/* More columns than this are grouped instead: a table for a thousand containers cannot be read. */
enum { LAYOUT_COLUMNS_MAX = 8 };

/* The containers that rows which differ need a column for, by name. */
const char **layout_columns(struct arena *a, const struct changes *changes, const struct change *rows, size_t count, size_t *ret_count);
/* The cell of a container, or NULL. */
const struct change_cell *layout_cell(const struct change *row, const char *container);
/* A copy of the row with only the cells that take the same step as the one at `i`; false when one before it does, so that it was given already. */
bool layout_group(struct arena *a, const struct change *row, size_t i, struct change *ret);
/* How many rows from the first are direct. */
size_t layout_direct(const struct change_list *packages);
