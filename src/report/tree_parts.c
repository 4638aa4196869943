#include "report/tree_parts.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"

int tree_parts(struct arena *a, const struct tree *tree, const char *name, struct tree_part **ret, size_t *ret_count, struct error *err)
{
	const struct lock_environment *environment = lock_environment(tree->lock, name);
	const char **layers;
	size_t layer_count;

	if (!environment)
		return error_set(err, ERR_INPUT, "the lock does not describe environment '%s'", name);
	origins_layers(a, tree->lock, tree->db, tree->container->name, &layers, &layer_count);
	*ret = arena_array(a, layer_count + 1, sizeof(**ret));
	*ret_count = layer_count + 1;
	lock_graph_of_container(a, tree->lock, tree->container, environment, &(*ret)[0].graph);
	origins_of_container(a, &(*ret)[0].graph, tree->db, &(*ret)[0].origins, &(*ret)[0].origin_count);
	for (size_t i = 0; i < layer_count; i++) {
		struct tree_part *part = &(*ret)[i + 1];

		part->layer = layers[i];
		lock_graph_of_layer(a, tree->lock, layers[i], environment, &part->graph);
		origins_of_layer(a, &part->graph, tree->db, &part->origins, &part->origin_count);
	}
	return 0;
}

static void add_once(struct arena *a, size_t **list, size_t *count, size_t node)
{
	for (size_t i = 0; i < *count; i++) {
		if ((*list)[i] == node)
			return;
	}
	*arena_push(a, list, count) = node;
}

struct tree_below tree_below(struct arena *a, const struct tree_part *part, size_t node, bool invert)
{
	const struct lock_node *n = &part->graph.nodes[node];
	struct tree_below ret = {0};

	for (size_t i = 0; invert && i < part->origin_count; i++) {
		if (part->origins[i].root == node)
			*arena_push(a, &ret.origins, &ret.origin_count) = &part->origins[i];
	}
	for (size_t i = 0; invert && i < n->required_by_count; i++)
		add_once(a, &ret.nodes, &ret.node_count, part->graph.arcs[n->required_by[i]].from);
	for (size_t i = 0; !invert && i < n->arc_count; i++)
		add_once(a, &ret.nodes, &ret.node_count, part->graph.arcs[n->first_arc + i].to);
	return ret;
}

size_t *tree_levels(struct arena *a, const struct tree_part *part, const char *invert, size_t depth)
{
	size_t count = part->graph.node_count, *levels = arena_array(a, count, sizeof(*levels)), *queue = NULL, queued = 0;
	long target = invert ? lock_graph_find(&part->graph, invert) : LOCK_GRAPH_NONE;

	for (size_t i = 0; i < count; i++)
		levels[i] = SIZE_MAX;
	if (target >= 0)
		*arena_push(a, &queue, &queued) = (size_t)target;
	for (size_t i = 0; i < part->origin_count && !invert && depth; i++)
		*arena_push(a, &queue, &queued) = part->origins[i].root;
	for (size_t i = 0; i < queued; i++)
		levels[queue[i]] = invert ? 0 : 1;
	for (size_t i = 0; i < queued; i++) {
		struct tree_below under = tree_below(a, part, queue[i], invert);

		for (size_t j = 0; j < under.node_count && levels[queue[i]] < depth; j++) {
			if (levels[under.nodes[j]] != SIZE_MAX)
				continue;
			levels[under.nodes[j]] = levels[queue[i]] + 1;
			*arena_push(a, &queue, &queued) = under.nodes[j];
		}
	}
	return levels;
}

static bool is_shown(const struct tree_part *part, const size_t *levels, const struct pin *pin)
{
	long node = lock_graph_find(&part->graph, pin->name);

	return node >= 0 && levels[node] != SIZE_MAX && !strcmp(part->graph.nodes[node].pin->version, pin->version);
}

static void add_more(struct arena *a, const struct tree *tree, const struct tree_part *here, const struct tree_part *there, struct tree_more *more)
{
	const size_t *levels = tree_levels(a, here, tree->invert, SIZE_MAX), *others = tree_levels(a, there, tree->invert, SIZE_MAX);

	for (size_t i = 0; i < there->graph.node_count; i++) {
		if (others[i] != SIZE_MAX && !is_shown(here, levels, there->graph.nodes[i].pin))
			*arena_push(a, &more->pins, &more->pin_count) = there->graph.nodes[i].pin;
	}
}

int tree_more(struct arena *a, const struct tree *tree, const struct tree_part *parts, size_t count, struct tree_more **ret, size_t *ret_count,
	      struct error *err)
{
	const char *name;

	*ret = NULL;
	*ret_count = 0;
	for (size_t i = 0; (name = lock_container_environment(tree->container, i)); i++) {
		struct tree_more more = {.environment = name};
		struct tree_part *others;
		size_t other_count;

		if (!strcmp(name, parts->graph.environment->name))
			continue;
		if (tree_parts(a, tree, name, &others, &other_count, err) < 0)
			return -1;
		/* Both have the container and its layers, in the same order. */
		for (size_t j = 0; j < count; j++)
			add_more(a, tree, &parts[j], &others[j], &more);
		if (more.pin_count)
			*arena_push(a, ret, ret_count) = more;
	}
	return 0;
}
