/* Where what is declared for a container, or asked for by a layer recipe, comes from: the group, and the line of recipes/ that says so. */
#pragma once

#include "base/arena.h"
#include "base/diag.h"
#include "lock/graph.h"
#include "recipe/database.h"

struct origin {
	size_t root;          /* place in the graph's nodes */
	const char *declared; /* "onnx>=1.14" */
	const char *group;    /* as written; NULL in a layer, and where it is not known */
	const char **path;    /* the groups that lead to it, from the container's own: "all", "core"; at least one where `group` is set */
	size_t path_count;
	const struct swap *swap; /* the package stands in for another of the group; or NULL */
	struct pos pos;          /* of the package in recipes/, or of the recipe's step; no file where it is not known */
};

/* The roots of a container's graph: by group, in the order the container reaches them, then by name; a package in several groups comes several times. Without
   `db`, which must be what the lock was made from, only what the lock says. In `a`. */
void origins_of_container(struct arena *a, const struct lock_graph *g, const struct database *db, struct origin **ret, size_t *ret_count);
/* The same of a layer use's graph; what the recipe asks for becomes a root of it. */
void origins_of_layer(struct arena *a, struct lock_graph *g, const struct database *db, struct origin **ret, size_t *ret_count);
/* The layer uses with wheels in the lock that a container has, by name; what the lock says, else what the recipes say; none where neither is known. In `a`. */
void origins_layers(struct arena *a, const struct lock *lock, const struct database *db, const char *container, const char ***ret, size_t *ret_count);
