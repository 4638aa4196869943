/* The projects of this machine that share the cache: <cache>/projects/<key> holds the path of one. So that what another project needs is not taken for left over. Losing
   them costs no more than fetching again. */
#pragma once

#include <stddef.h>

#include "base/arena.h"

/* Notes a project's folder, an absolute path. That it cannot be noted does no harm. */
void projects_note(const char *root);
/* The folders that were noted and still have a project in them, by path. In `a`. */
void projects_list(struct arena *a, const char ***ret, size_t *ret_count);
