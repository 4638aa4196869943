#include "report/origin.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "python/requirement.h"

/* Where each of a container's groups was first included from; SIZE_MAX: the container names it itself. */
struct reached_groups {
	struct group **items;
	size_t *from;
	size_t count;
};

static bool is_reached(const struct reached_groups *r, const struct group *g)
{
	for (size_t i = 0; i < r->count; i++) {
		if (r->items[i] == g)
			return true;
	}
	return false;
}

static void reach(struct arena *a, struct reached_groups *r, struct group *g, size_t from)
{
	size_t count = r->count;

	if (is_reached(r, g))
		return;
	*arena_push(a, &r->items, &count) = g;
	*arena_push(a, &r->from, &r->count) = from;
}

static void reach_groups(struct arena *a, const struct container *c, struct reached_groups *ret)
{
	*ret = (struct reached_groups){0};
	for (size_t i = 0; i < c->group_count; i++)
		reach(a, ret, c->groups[i], SIZE_MAX);
	for (size_t i = 0; i < ret->count; i++) {
		for (size_t j = 0; j < ret->items[i]->include_count; j++)
			reach(a, ret, ret->items[i]->includes[j], i);
	}
}

static void set_path(struct arena *a, const struct reached_groups *r, size_t place, struct origin *o)
{
	size_t count = 0;

	for (size_t i = place; i != SIZE_MAX; i = r->from[i])
		count++;
	o->path = arena_array(a, count, sizeof(*o->path));
	o->path_count = count;
	for (size_t i = place; i != SIZE_MAX; i = r->from[i])
		o->path[--count] = r->items[i]->name;
}

static const struct swap *swap_from(const struct container *c, const struct package *p)
{
	for (size_t i = 0; i < c->swap_count; i++) {
		if (c->swaps[i].from == p)
			return &c->swaps[i];
	}
	return NULL;
}

static void add_group(struct arena *a, const struct lock_graph *g, const struct container *c, const struct reached_groups *r, size_t place, struct origin **ret,
		      size_t *ret_count)
{
	const struct group *group = r->items[place];

	for (size_t i = 0; i < group->package_count; i++) {
		const struct swap *swap = swap_from(c, group->packages[i]);
		const struct package *p = swap ? swap->to : group->packages[i];
		long root = lock_graph_find(g, p->canonical);

		if (root < 0)
			continue;
		const char *direct = g->nodes[root].direct;
		struct origin *o = arena_push(a, ret, ret_count);

		*o = (struct origin){
			.root = (size_t)root, .declared = direct ? direct : p->canonical, .group = group->name, .swap = swap, .pos = swap ? swap->pos : p->pos};
		set_path(a, r, place, o);
	}
}

static void add_roots(struct arena *a, const struct lock_graph *g, struct origin **ret, size_t *ret_count)
{
	for (size_t i = 0; i < g->node_count; i++) {
		if (g->nodes[i].direct)
			*arena_push(a, ret, ret_count) = (struct origin){.root = i, .declared = g->nodes[i].direct};
	}
}

void origins_of_container(struct arena *a, const struct lock_graph *g, const struct database *db, struct origin **ret, size_t *ret_count)
{
	const struct container *c = db ? database_container(db, g->name) : NULL;
	struct reached_groups groups;

	*ret = NULL;
	*ret_count = 0;
	if (!c) {
		add_roots(a, g, ret, ret_count);
		return;
	}
	reach_groups(a, c, &groups);
	for (size_t i = 0; i < groups.count; i++)
		add_group(a, g, c, &groups, i, ret, ret_count);
}

static const struct layer_use *find_use(struct arena *a, const struct database *db, const char *name)
{
	for (size_t i = 0; i < db->container_count; i++) {
		for (size_t j = 0; j < db->containers[i].layer_count; j++) {
			if (!strcmp(lock_layer_name(a, &db->containers[i].layers[j]), name))
				return &db->containers[i].layers[j];
		}
	}
	return NULL;
}

static void add_step(struct arena *a, struct lock_graph *g, const struct layer_use *use, const struct layer_step *step, struct origin **ret, size_t *ret_count)
{
	for (size_t i = 0; i < step->word_count; i++) {
		const char *text = layer_use_expand(a, use, step->words[i]), *why;
		size_t at;
		const struct requirement *r = requirement_parse(a, text, &at, &why);
		long root = r ? lock_graph_find(g, r->canonical) : LOCK_GRAPH_NONE;

		if (root < 0)
			continue;
		*arena_push(a, ret, ret_count) = (struct origin){.root = (size_t)root, .declared = text, .pos = step->pos};
	}
}

/* What a recipe asks for is a root, whoever else requires it, and nothing else is: what nothing requires in this environment may be there for another. */
static void set_roots(struct lock_graph *g, const struct origin *origins, size_t count)
{
	for (size_t i = 0; i < g->node_count; i++)
		g->nodes[i].direct = NULL;
	for (size_t i = 0; i < count; i++)
		g->nodes[origins[i].root].direct = origins[i].declared;
}

void origins_of_layer(struct arena *a, struct lock_graph *g, const struct database *db, struct origin **ret, size_t *ret_count)
{
	const struct layer_use *use = db ? find_use(a, db, g->name) : NULL;

	*ret = NULL;
	*ret_count = 0;
	for (size_t i = 0; use && i < use->layer->step_count; i++) {
		const struct layer_step *step = &use->layer->steps[i];

		if (step->kind == STEP_WHEELS && layer_use_holds(use, step->conditions, step->condition_count))
			add_step(a, g, use, step, ret, ret_count);
	}
	if (*ret_count)
		set_roots(g, *ret, *ret_count);
	else
		add_roots(a, g, ret, ret_count);
}

static bool has_layer(const struct lock *lock, const char *layer)
{
	for (size_t i = lock->pin_count; i-- > 0 && pin_is_toolchain(&lock->pins[i]);) {
		if (pin_in_layer(&lock->pins[i], layer))
			return true;
	}
	return false;
}

void origins_layers(struct arena *a, const struct lock *lock, const struct database *db, const char *container, const char ***ret, size_t *ret_count)
{
	const struct container *c = db ? database_container(db, container) : NULL;
	const struct lock_container *part = lock_container(lock, container);

	*ret = NULL;
	*ret_count = 0;
	for (size_t i = 0; part && i < part->layer_count; i++) {
		if (has_layer(lock, part->layers[i]))
			*arena_push(a, ret, ret_count) = part->layers[i];
	}
	if (lock_knows_layers(lock))
		return;
	for (size_t i = 0; c && i < c->layer_count; i++) {
		const char *name = lock_layer_name(a, &c->layers[i]);

		if (has_layer(lock, name))
			*arena_push(a, ret, ret_count) = name;
	}
	if (*ret_count > 1)
		qsort(*ret, *ret_count, sizeof(**ret), text_compare_items);
}
