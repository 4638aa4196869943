/* Why a package is there: what the database declares of it, and what requires it. */
#pragma once

#include "diff/diff.h"

/* Fills direct, declared and required_by of every row; what requires it is asked of the containers of its cells, as they are built. `old` may be NULL. */
void why_fill(struct change_list *packages, struct arena *a, const struct lock *old, const struct lock *new);
