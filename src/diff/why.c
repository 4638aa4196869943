#include "diff/why.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* "source requires target", for all edges among the packages of a lock, by target and source. */
struct edge {
	const char *target, *source;
};
struct edges {
	struct edge *items;
	size_t count;
};

static int compare_edges(const void *left, const void *right)
{
	const struct edge *a = left, *b = right;
	int order = strcmp(a->target, b->target);

	return order ? order : strcmp(a->source, b->source);
}

static struct edges collect(struct arena *a, const struct lock *lock)
{
	struct edges edges = {0};

	for (size_t i = 0; lock && i < lock->pin_count; i++) {
		const struct pin *pin = &lock->pins[i];

		for (size_t j = 0; !pin_is_toolchain(pin) && j < pin->edge_count; j++) {
			if (!pin->edges[j].waived && strcmp(pin->edges[j].name, pin->name) != 0)
				*arena_push(a, &edges.items, &edges.count) = (struct edge){pin->edges[j].name, pin->name};
		}
	}
	if (edges.count > 1)
		qsort(edges.items, edges.count, sizeof(*edges.items), compare_edges);
	return edges;
}

static void fill_required_by(struct change *row, struct arena *a, const struct edges *edges)
{
	size_t low = 0, high = edges->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(edges->items[middle].target, row->name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < edges->count && !strcmp(edges->items[low].target, row->name); low++) {
		const char *source = edges->items[low].source;

		if (!row->required_by_count || strcmp(row->required_by[row->required_by_count - 1], source) != 0)
			*arena_push(a, &row->required_by, &row->required_by_count) = source;
	}
}

static const char *declared(const struct lock *lock, const struct change *row)
{
	for (size_t i = 0; lock && i < row->cell_count; i++) {
		const struct lock_container *c = lock_container(lock, row->cells[i].container);
		const char *requirement = c ? lock_direct(c, row->name) : NULL;

		if (requirement)
			return requirement;
	}
	return NULL;
}

static bool is_gone(const struct change *row)
{
	for (size_t i = 0; i < row->cell_count; i++) {
		if (row->cells[i].new_version)
			return false;
	}
	return true;
}

void why_fill(struct change_list *packages, struct arena *a, const struct lock *old, const struct lock *new)
{
	struct edges before = collect(a, old), after = collect(a, new);

	for (size_t i = 0; i < packages->count; i++) {
		struct change *row = &packages->rows[i];

		row->old_declared = declared(old, row);
		row->new_declared = declared(new, row);
		row->direct = row->old_declared || row->new_declared;
		fill_required_by(row, a, is_gone(row) ? &before : &after);
	}
}
