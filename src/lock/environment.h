/* The environment of a base in the three forms that resolving needs: as the lock names it, as a marker for uv, and as values to evaluate markers with. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "lock/lock.h"
#include "python/marker.h"
#include "recipe/database.h"

/* Everything is copied into `a`; the name is "cp311-linux-x86_64-glibc2.36". */
void environment_describe(struct arena *a, const struct environment *e, struct lock_environment *ret);
/* PEP 508 marker that holds in this environment; two that differ in their libc only have the same. */
void environment_add_marker(struct strbuf *out, const struct lock_environment *e);
/* They differ in their C library at most. */
bool environment_same_markers(const struct lock_environment *one, const struct lock_environment *other);

/* A base says "3.11", not "3.11.2": its patch release comes from its distribution and may move. What holds for the first or for a very late patch release
   holds; a package too many is harmless, one too few is not. */
struct environment_values {
	struct marker_environment lowest, highest;
};
void environment_values(struct arena *a, const struct lock_environment *e, struct environment_values *ret);
/* `extra` as in marker_holds; marker NULL holds always. */
bool environment_holds(const struct environment_values *values, const struct marker *marker, const char *extra);
