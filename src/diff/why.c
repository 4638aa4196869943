#include "diff/why.h"

#include <string.h>

#include "base/text.h"
#include "diff/sides.h"
#include "lock/graph.h"

/* One side, with the graphs of its containers as they are built; each is made when it is asked for. */
struct side {
	struct arena *scratch;
	const struct lock *lock;
	struct lock_graph *graphs; /* by place of the container; nodes are NULL where none was made yet */
};

static struct side side_of(struct arena *scratch, const struct lock *lock)
{
	return (struct side){.scratch = scratch, .lock = lock, .graphs = lock ? arena_array(scratch, lock->container_count, sizeof(struct lock_graph)) : NULL};
}

static const struct lock_graph *graph_of(const struct side *side, const struct lock_container *c)
{
	struct lock_graph *g = &side->graphs[c - side->lock->containers];

	if (!g->nodes)
		lock_graph_of_container(side->scratch, side->lock, c, lock_environment(side->lock, c->environment), g);
	return g;
}

static void add_requirers(struct names *names, struct arena *a, const struct lock_graph *g, const char *name)
{
	long place = lock_graph_find(g, name);

	for (size_t i = 0; place >= 0 && i < g->nodes[place].required_by_count; i++) {
		size_t from = g->arcs[g->nodes[place].required_by[i]].from;

		/* An extra may ask for another one of the same package. */
		if (from != (size_t)place)
			names_add(names, a, g->nodes[from].pin->name);
	}
}

static void fill_required_by(struct change *row, struct arena *a, const struct side *side)
{
	struct names names = {0};

	for (size_t i = 0; i < row->cell_count; i++) {
		const struct lock_container *c = lock_container(side->lock, row->cells[i].container);

		if (c)
			add_requirers(&names, a, graph_of(side, c), row->name);
	}
	names_sort(&names);
	row->required_by = names.items;
	row->required_by_count = names.count;
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
	autoarena struct arena scratch = {0};
	const struct side before = side_of(&scratch, old), after = side_of(&scratch, new);

	for (size_t i = 0; i < packages->count; i++) {
		struct change *row = &packages->rows[i];

		row->old_declared = declared(old, row);
		row->new_declared = declared(new, row);
		row->direct = row->old_declared || row->new_declared;
		fill_required_by(row, a, is_gone(row) ? &before : &after);
	}
}
