/* Who requires whom among the pins of one container, or of one layer use, as one environment sees it: edges whose marker and extra do not hold there are gone.
   Knows nothing of groups: what is declared for a container are the graph's roots. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "lock/lock.h"

struct lock_arc {
	size_t from, to; /* places in nodes */
	const struct lock_edge *edge;
};

struct lock_node {
	const struct pin *pin;
	const char *direct;  /* the requirements it was declared by ("onnx>=1.14"), or NULL; in a layer: its name where nothing requires it */
	const char **extras; /* asked of it by anybody, canonical, sorted */
	size_t extra_count;
	size_t first_arc, arc_count; /* what it requires, in arcs; by name of the target */
	size_t *required_by;         /* places in arcs, by name of who requires it */
	size_t required_by_count;
	bool reached; /* from a root; what is not is needed by nobody */
};

struct lock_graph {
	const struct lock *lock;
	const char *name; /* the container's, or the layer use's */
	const struct lock_environment *environment;
	struct lock_node *nodes; /* by name */
	size_t node_count;
	struct lock_arc *arcs; /* by from */
	size_t arc_count;
};

enum { LOCK_GRAPH_NONE = -1 };

/* The container as it is in this environment, one of those that it is locked for. Lives in `a` and points into the lock. */
void lock_graph_of_container(struct arena *a, const struct lock *lock, const struct lock_container *c, const struct lock_environment *environment,
			     struct lock_graph *ret);
/* The toolchain pins of one layer use. A lock does not say which of them its recipe asks for: those that no other requires are the roots. */
void lock_graph_of_layer(struct arena *a, const struct lock *lock, const char *layer_use, const struct lock_environment *environment, struct lock_graph *ret);
/* The place of a package (canonical) among the nodes, or LOCK_GRAPH_NONE. */
long lock_graph_find(const struct lock_graph *g, const char *name);

/* One way from a root to a package: `count` arcs one behind the other, from nodes[root] to the package; none when it is a root itself. */
struct lock_chain {
	size_t root;
	const size_t *arcs; /* places in arcs */
	size_t count;
};
/* The shortest chains from any root to a node, at most `limit` of them, by the names on the way; *ret_total says how many there are (SIZE_MAX: more than can be
   counted). None when no root reaches it. In `a`. */
void lock_graph_chains(struct arena *a, const struct lock_graph *g, size_t to, size_t limit, struct lock_chain **ret, size_t *ret_count, size_t *ret_total);
