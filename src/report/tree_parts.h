/* What a dependency tree is made of: the graphs of a container and of its layers in one environment, and what hangs below a package in them. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "report/origin.h"
#include "report/tree.h"

/* A container's packages, or those of one of its layers. */
struct tree_part {
	const char *layer; /* or NULL */
	struct lock_graph graph;
	struct origin *origins;
	size_t origin_count;
};

/* What hangs below a node: where it was declared, when the tree stands on its head, then packages. */
struct tree_below {
	const struct origin **origins;
	size_t origin_count;
	size_t *nodes, node_count;
};

/* In one of the environments that the container is locked for: its own packages, then its layers. In `a`. */
int tree_parts(struct arena *a, const struct tree *tree, const char *environment, struct tree_part **ret, size_t *ret_count, struct error *err);
/* What a package requires, or, inverted, what requires it and where it is declared. In `a`. */
struct tree_below tree_below(struct arena *a, const struct tree_part *part, size_t node, bool invert);
/* How far each node is from those that stand outermost, which are the declared ones, or `invert`; SIZE_MAX: not there, or further than `depth`. In `a`. */
size_t *tree_levels(struct arena *a, const struct tree_part *part, const char *invert, size_t depth);

/* What the tree would show in another environment of the container and does not in this one: packages, or versions of them. */
struct tree_more {
	const char *environment;
	const struct pin **pins; /* in the order of parts, there by name */
	size_t pin_count;
};
/* By environment, the built one first; only those that have more. In `a`. */
int tree_more(struct arena *a, const struct tree *tree, const struct tree_part *parts, size_t count, struct tree_more **ret, size_t *ret_count,
	      struct error *err);
