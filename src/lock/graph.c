#include "lock/graph.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "lock/environment.h"
#include "lock/lock_order.h"
#include "python/requirement.h"

/* The graph while it is made. */
struct maker {
	struct arena *a;
	struct lock_graph *g;
	struct environment_values values;
	size_t *queue, queue_count; /* nodes to look at, again where an extra is new */
};

long lock_graph_find(const struct lock_graph *g, const char *name)
{
	size_t low = 0, high = g->node_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(g->nodes[middle].pin->name, name);

		if (!order)
			return (long)middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return LOCK_GRAPH_NONE;
}

static bool has_extra(const struct lock_node *n, const char *extra)
{
	for (size_t i = 0; i < n->extra_count; i++) {
		if (!strcmp(n->extras[i], extra))
			return true;
	}
	return false;
}

/* Somebody requires a node, with these extras: it has to be looked at when that is new. */
static void arrive(struct maker *m, size_t to, const char *const *extras, size_t count)
{
	struct lock_node *n = &m->g->nodes[to];
	bool is_new = !n->reached;

	n->reached = true;
	for (size_t i = 0; i < count; i++) {
		if (has_extra(n, extras[i]))
			continue;
		*arena_push(m->a, &n->extras, &n->extra_count) = extras[i];
		is_new = true;
	}
	if (is_new)
		*arena_push(m->a, &m->queue, &m->queue_count) = to;
}

static bool marker_text_holds(const struct maker *m, const char *text, const char *extra)
{
	autoarena struct arena scratch = {0};
	size_t at;
	const struct marker *marker = text ? marker_parse(&scratch, text, &at) : NULL;

	return environment_holds(&m->values, marker, extra ? extra : "");
}

/* Where an edge leads in this graph, or LOCK_GRAPH_NONE: it is waived, or leads to a version that is not here, or holds only elsewhere. Extras are looked at by whoever asks. */
static long target_of(const struct maker *m, const struct lock_edge *e)
{
	long to = lock_graph_find(m->g, e->name);

	if (to < 0 || e->waived || (e->version && strcmp(e->version, m->g->nodes[to].pin->version) != 0))
		return LOCK_GRAPH_NONE;
	return marker_text_holds(m, e->marker, e->extra) ? to : LOCK_GRAPH_NONE;
}

/* Every edge that can hold here, each once; those of extras that nobody asks for go again. */
static void add_arcs(struct maker *m)
{
	struct lock_graph *g = m->g;

	for (size_t i = 0; i < g->node_count; i++) {
		const struct pin *pin = g->nodes[i].pin;

		g->nodes[i].first_arc = g->arc_count;
		for (size_t j = 0; j < pin->edge_count; j++) {
			long to = target_of(m, &pin->edges[j]);

			if (to >= 0)
				*arena_push(m->a, &g->arcs, &g->arc_count) = (struct lock_arc){i, (size_t)to, &pin->edges[j]};
		}
		g->nodes[i].arc_count = g->arc_count - g->nodes[i].first_arc;
	}
}

static bool is_asked_for(const struct lock_graph *g, const struct lock_arc *arc)
{
	return !arc->edge->extra || has_extra(&g->nodes[arc->from], arc->edge->extra);
}

static void walk(struct maker *m)
{
	struct lock_graph *g = m->g;

	while (m->queue_count) {
		const struct lock_node *n = &g->nodes[m->queue[--m->queue_count]];

		for (size_t i = n->first_arc; i < n->first_arc + n->arc_count; i++) {
			if (is_asked_for(g, &g->arcs[i]))
				arrive(m, g->arcs[i].to, g->arcs[i].edge->extras, g->arcs[i].edge->extra_count);
		}
	}
}

/* Keeps the arcs that are asked for, and tells every node who requires it. */
static void settle(struct maker *m)
{
	struct lock_graph *g = m->g;
	size_t kept = 0;

	for (size_t i = 0; i < g->node_count; i++) {
		struct lock_node *n = &g->nodes[i];
		size_t first = n->first_arc, end = first + n->arc_count;

		n->first_arc = kept;
		for (size_t j = first; j < end; j++) {
			if (is_asked_for(g, &g->arcs[j]))
				g->arcs[kept++] = g->arcs[j];
		}
		n->arc_count = kept - n->first_arc;
		if (n->extra_count > 1)
			qsort(n->extras, n->extra_count, sizeof(*n->extras), text_compare_items);
	}
	g->arc_count = kept;
	for (size_t i = 0; i < kept; i++) {
		struct lock_node *to = &g->nodes[g->arcs[i].to];

		*arena_push(m->a, &to->required_by, &to->required_by_count) = i;
	}
}

static void start(struct maker *m, struct arena *a, const struct lock *lock, const char *name, const struct lock_environment *environment, struct lock_graph *g)
{
	*g = (struct lock_graph){.lock = lock, .name = name, .environment = environment};
	*m = (struct maker){.a = a, .g = g};
	environment_values(a, environment, &m->values);
}

/* A root, as it is declared. */
static void add_direct(struct maker *m, const char *text)
{
	size_t at;
	const char *why;
	const struct requirement *r = requirement_parse(m->a, text, &at, &why);
	long to = r ? lock_graph_find(m->g, r->canonical) : LOCK_GRAPH_NONE;

	if (to < 0 || !environment_holds(&m->values, r->marker, ""))
		return;
	const char **direct = &m->g->nodes[to].direct;

	*direct = *direct ? arena_printf(m->a, "%s, %s", *direct, text) : text;
	arrive(m, (size_t)to, r->extras, r->extra_count);
}

void lock_graph_of_container(struct arena *a, const struct lock *lock, const struct lock_container *c, const struct lock_environment *environment,
			     struct lock_graph *ret)
{
	struct maker m;

	start(&m, a, lock, c->name, environment, ret);
	for (size_t i = 0; i < lock->pin_count; i++) {
		if (pin_is_in(&lock->pins[i], c, environment->name))
			*arena_push(a, &ret->nodes, &ret->node_count) = (struct lock_node){.pin = &lock->pins[i]};
	}
	add_arcs(&m);
	for (size_t i = 0; i < c->direct_count; i++)
		add_direct(&m, c->direct[i]);
	walk(&m);
	settle(&m);
}

void lock_graph_of_layer(struct arena *a, const struct lock *lock, const char *layer_use, const struct lock_environment *environment, struct lock_graph *ret)
{
	struct maker m;

	start(&m, a, lock, layer_use, environment, ret);
	for (size_t i = 0; i < lock->pin_count; i++) {
		if (pin_in_layer(&lock->pins[i], layer_use))
			*arena_push(a, &ret->nodes, &ret->node_count) = (struct lock_node){.pin = &lock->pins[i]};
	}
	add_arcs(&m);
	bool *required = arena_array(a, ret->node_count, sizeof(*required));

	/* The lock has an extra's edges only where the extra was asked for. */
	for (size_t i = 0; i < ret->arc_count; i++) {
		const struct lock_arc *arc = &ret->arcs[i];

		required[arc->to] = required[arc->to] || arc->from != arc->to;
		if (arc->edge->extra && !has_extra(&ret->nodes[arc->from], arc->edge->extra))
			*arena_push(a, &ret->nodes[arc->from].extras, &ret->nodes[arc->from].extra_count) = arc->edge->extra;
	}
	for (size_t i = 0; i < ret->node_count; i++) {
		if (required[i])
			continue;
		ret->nodes[i].direct = ret->nodes[i].pin->name;
		arrive(&m, i, NULL, 0);
	}
	walk(&m);
	settle(&m);
}

/* How far each node is from the nearest root, and how many ways of that length there are. */
struct distances {
	size_t *steps; /* SIZE_MAX: not reached */
	size_t *ways;
};

static size_t add_saturating(size_t a, size_t b)
{
	return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

/* An arc beside another between the same two nodes, as an extra brings it, is no further way. */
static bool is_repeated(const struct lock_graph *g, size_t arc)
{
	return arc && g->arcs[arc - 1].from == g->arcs[arc].from && g->arcs[arc - 1].to == g->arcs[arc].to;
}

static void measure(struct arena *a, const struct lock_graph *g, struct distances *ret)
{
	size_t *queue = arena_array(a, g->node_count + 1, sizeof(*queue)), head = 0, tail = 0;

	ret->steps = arena_array(a, g->node_count, sizeof(*ret->steps));
	ret->ways = arena_array(a, g->node_count, sizeof(*ret->ways));
	for (size_t i = 0; i < g->node_count; i++) {
		ret->steps[i] = g->nodes[i].direct ? 0 : SIZE_MAX;
		ret->ways[i] = g->nodes[i].direct != NULL;
		if (g->nodes[i].direct)
			queue[tail++] = i;
	}
	while (head < tail) {
		size_t from = queue[head++];
		const struct lock_node *n = &g->nodes[from];

		for (size_t i = n->first_arc; i < n->first_arc + n->arc_count; i++) {
			size_t to = g->arcs[i].to;

			if (ret->steps[to] == SIZE_MAX) {
				ret->steps[to] = ret->steps[from] + 1;
				queue[tail++] = to;
			}
			if (ret->steps[to] == ret->steps[from] + 1 && !is_repeated(g, i))
				ret->ways[to] = add_saturating(ret->ways[to], ret->ways[from]);
		}
	}
}

/* Whether an arc is the last of a shortest way to `node`. */
static bool leads_to(const struct lock_graph *g, const struct distances *d, size_t arc, size_t node)
{
	size_t steps = d->steps[g->arcs[arc].from];

	return steps != SIZE_MAX && steps + 1 == d->steps[node] && !is_repeated(g, arc);
}

/* Walks back from the package, depth first; a place on the way keeps which of its requirers was taken. */
static void collect(struct arena *a, const struct lock_graph *g, const struct distances *d, size_t to, size_t limit, struct lock_chain **ret, size_t *ret_count)
{
	size_t length = d->steps[to], depth = 0;
	size_t *path = arena_array(a, length + 1, sizeof(*path)), *next = arena_array(a, length + 1, sizeof(*next));

	path[0] = to;
	while (*ret_count < limit) {
		const struct lock_node *n = &g->nodes[path[depth]];

		if (depth == length) {
			size_t *arcs = arena_array(a, length + 1, sizeof(*arcs));

			for (size_t i = 0; i < length; i++)
				arcs[i] = g->nodes[path[length - 1 - i]].required_by[next[length - 1 - i] - 1];
			*arena_push(a, ret, ret_count) = (struct lock_chain){.root = path[depth], .arcs = arcs, .count = length};
		}
		while (depth < length && next[depth] < n->required_by_count && !leads_to(g, d, n->required_by[next[depth]], path[depth]))
			next[depth]++;
		if (depth == length || next[depth] == n->required_by_count) {
			if (!depth--)
				return;
			continue;
		}
		size_t from = g->arcs[n->required_by[next[depth]++]].from;

		path[++depth] = from;
		next[depth] = 0;
	}
}

void lock_graph_chains(struct arena *a, const struct lock_graph *g, size_t to, size_t limit, struct lock_chain **ret, size_t *ret_count, size_t *ret_total)
{
	struct distances d;

	*ret = NULL;
	*ret_count = *ret_total = 0;
	measure(a, g, &d);
	if (d.steps[to] == SIZE_MAX)
		return;
	*ret_total = d.ways[to];
	collect(a, g, &d, to, limit, ret, ret_count);
}
