/* Rows of changes out of two sides that can be asked "which version of this name is in this container?". */
#pragma once

#include "diff/diff.h"

struct row_found {
	const char *version;
	const char *index, *reference; /* where it comes from, as in struct change_cell; or NULL */
	const char *sha256;            /* of its one file; or NULL */
	const struct pin *pin;         /* or NULL */
};

/* The two sides of a comparison; each function is asked with the `sides` it was given in. */
struct row_sides {
	/* What `name` is in a container of one side (new: true); false when it is not there. */
	bool (*find)(const struct row_sides *sides, bool new, const char *container, const char *name, struct row_found *ret);
	enum change_class (*step)(const char *old, const char *new);
	const char *const *containers; /* or layers, by name */
	const bool *common;            /* is the container of that place on both sides? */
	size_t container_count;
	const void *old, *new; /* for find() */
	const char *of;        /* toolchains: only the layers of this container; or NULL */
};

/* Adds a row when something changed under `name`: in a container both sides have, or because one whole side lacks it. */
void rows_add(struct change_list *list, struct arena *a, const struct row_sides *sides, const char *name);
/* Direct rows first, then by name; and the counts. */
void rows_finish(struct change_list *list);
