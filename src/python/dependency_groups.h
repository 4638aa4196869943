/* [dependency-groups] of a pyproject.toml (PEP 735; "Dependency Groups"), as packaging.dependency_groups reads them. Knows nothing of installing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "io/value.h"
#include "python/requirement.h"

/* Of a chain of includes; of groups; and of what a group may come to, so that a few lines cannot stand for more than memory holds. */
enum { DEPENDENCY_GROUPS_DEPTH_LIMIT = 200, DEPENDENCY_GROUPS_LIMIT = 10000, DEPENDENCY_GROUPS_COUNT_LIMIT = 1000000 };

struct dependency_group {
	const char *name;      /* canonical */
	const char *written;   /* as in the file */
	struct pos pos;        /* of the key */
	const struct value *v; /* its list */
};

/* Lives in the arena it was read into, and keeps the tree it was read from. */
struct dependency_groups {
	struct dependency_group *items; /* in the order of the file */
	size_t count;
	struct dependency_group **by_name; /* the same, sorted */
};

struct dependency_group_requirement {
	const char *text; /* as written */
	const struct requirement *requirement;
	struct pos pos;
	const char *group; /* canonical name of the group it stands in */
};

/* Takes [dependency-groups] out of `document`, which has none of them when the table is not there. False, with problems in `d`, when that is no table or two
   groups have one name (PEP 735, "Specification": names are compared in canonical form). Names that PEP 508 does not allow are warnings. */
bool dependency_groups_read(struct arena *a, const struct value *document, struct diag *d, struct dependency_groups *ret);
/* What a group comes to: its requirements in order, those of an included group where the include stands, repetitions kept. `name` in any form; `at` is where it
   was asked for. False, with problems in `d` that name the chain of includes and stand where each mistake is: no such group, a broken requirement, an item that
   is none, a group that includes itself. */
bool dependency_groups_resolve(struct arena *a, const struct dependency_groups *groups, const char *name, struct pos at, struct diag *d,
			       struct dependency_group_requirement **ret, size_t *ret_count);
/* Resolves all of them, for their problems: true when there are none. */
bool dependency_groups_check(const struct dependency_groups *groups, struct diag *d);
