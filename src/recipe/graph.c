#include "recipe/graph.h"

#include <stdbool.h>

#include "base/alloc.h"

enum { NEW = 0, ON_PATH, DONE };

static void report(const struct graph *g, const size_t *path, size_t length, size_t back_to)
{
	size_t from = length;

	while (path[from - 1] != back_to)
		from--;
	g->report(g->context, path + from - 1, length - from + 1);
}

static void visit(const struct graph *g, size_t start, unsigned char *state, size_t *path, size_t *next_edge)
{
	size_t length = 0;

	path[length] = start;
	next_edge[length++] = 0;
	state[start] = ON_PATH;
	while (length) {
		size_t node = path[length - 1];

		if (next_edge[length - 1] == g->edge_counts[node]) {
			state[node] = DONE;
			length--;
			continue;
		}
		size_t to = g->edges[node][next_edge[length - 1]++];

		if (state[to] == ON_PATH) {
			report(g, path, length, to);
		} else if (state[to] == NEW) {
			state[to] = ON_PATH;
			path[length] = to;
			next_edge[length++] = 0;
		}
	}
}

void graph_find_circles(const struct graph *g)
{
	autofree unsigned char *state = mem_zero(g->count, 1);
	autofree size_t *path = mem_zero(g->count, sizeof(size_t)), *next_edge = mem_zero(g->count, sizeof(size_t));

	for (size_t i = 0; i < g->count; i++) {
		if (state[i] == NEW)
			visit(g, i, state, path, next_edge);
	}
}
