/* A directed graph of numbered nodes, to find circles in what includes or requires what. */
#pragma once

#include <stddef.h>

struct graph {
	size_t count;
	const size_t *const *edges; /* per node: the nodes it leads to */
	const size_t *edge_counts;
	/* Called once for each edge that closes a circle: path[0] -> path[1] -> ... -> path[count - 1] -> path[0]. */
	void (*report)(void *context, const size_t *path, size_t count);
	void *context;
};

/* Visits every node and edge once; needs no recursion, so that a long chain cannot exhaust the stack. */
void graph_find_circles(const struct graph *g);
