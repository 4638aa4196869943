/* What the sides of a comparison are made of: the names on them, and how each is looked up (rows.h). */
#pragma once

#include "diff/rows.h"

struct release;

/* Names, sorted, each once. */
struct names {
	const char **items;
	size_t count;
};
void names_add(struct names *n, struct arena *a, const char *name);
void names_sort(struct names *n);

/* Each fills `sides` (but containers and common, which the caller knows) and says which names there are on both. */
void sides_packages(struct row_sides *sides, struct names *names, struct arena *a, const struct lock *old, const struct lock *new);
/* Environments that containers of both sides are locked for, but not built; in place of a container stands "ci-cpu on cp39-...". Fills containers and common too. */
void sides_further(struct row_sides *sides, struct names *names, struct arena *a, const struct lock *old, const struct lock *new, const char *container);
void sides_tools(struct row_sides *sides, struct names *names, struct arena *a, const struct release *old, const struct release *new);
void sides_system(struct row_sides *sides, struct names *names, struct arena *a, const struct release *old, const struct release *new);
/* Debian packages as they are locked, for locks that no image was made of yet. */
void sides_debs(struct row_sides *sides, struct names *names, struct arena *a, const struct lock *old, const struct lock *new);
/* Also says which layers there are: by their bare name where each side has one use of it at most, so that cuda{version=12.9} and cuda{version=13.0} meet.
   With `container` only the layers that it has. */
void sides_toolchain(struct row_sides *sides, struct names *names, struct arena *a, const struct lock *old, const struct lock *new, const char *container);

/* Archives that layers unpack, in layers as sides_toolchain() has them; the version of one is its digest. */
void sides_archives(struct row_sides *sides, struct names *names, struct arena *a, const struct lock *old, const struct lock *new, const char *container);

const struct snapshot *sides_snapshot(const struct release *release, const char *container); /* NULL: none */
