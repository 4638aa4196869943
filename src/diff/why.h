/* Why a package is there: what the database declares of it, and what requires it. */
#pragma once

#include "diff/diff.h"

/* Fills direct, declared and required_by of every row. */
void why_fill(struct change_list *packages, struct arena *a, const struct lock *old, const struct lock *new);
