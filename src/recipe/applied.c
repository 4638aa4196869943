/* Which of a package's constraints apply in a container. */
#include "recipe/database.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "python/version.h"

static const struct layer_use *find_use(const struct container *c, const struct layer *layer)
{
	for (size_t i = 0; i < c->layer_count; i++) {
		if (c->layers[i].layer == layer)
			return &c->layers[i];
	}
	return NULL;
}

static bool is_version_in(const char *specifier, const char *version)
{
	autoarena struct arena scratch = {0};
	size_t at;
	const struct specifier_set *set = specifier_set_parse(&scratch, specifier, &at);

	return set && specifier_set_contains(set, version, true);
}

/* Whether a fact of a layer is one in this container. */
static bool layer_fact_holds(const struct condition *condition, const struct container *c)
{
	const struct layer_use *use = find_use(c, condition->layer);

	if (!use || !condition->option)
		return use != NULL;
	for (size_t i = 0; i < use->layer->option_count; i++) {
		if (strcmp(use->layer->options[i].name, condition->option) != 0)
			continue;
		return condition->value ? !strcmp(condition->value, use->values[i]) : is_version_in(condition->specifier, use->values[i]);
	}
	return false;
}

/* False when something other than a marker stands against it; *ret_marker is what markers still ask for, or NULL. */
static bool may_hold(struct arena *a, const struct constraint *constraint, const struct container *c, const char **ret_marker)
{
	const char **markers = NULL, *marker = NULL;
	size_t count = 0;

	for (size_t i = 0; i < constraint->when_count; i++) {
		const struct condition *condition = &constraint->when[i];

		if (condition->kind == CONDITION_CONTAINER && condition->container != c)
			return false;
		if (condition->kind == CONDITION_LAYER && !layer_fact_holds(condition, c))
			return false;
		if (condition->kind == CONDITION_MARKER)
			*arena_push(a, &markers, &count) = condition->marker;
	}
	if (count)
		qsort(markers, count, sizeof(*markers), text_compare_items);
	for (size_t i = 0; i < count; i++)
		marker = marker ? arena_printf(a, "(%s) and (%s)", marker, markers[i]) : markers[i];
	*ret_marker = marker;
	return true;
}

static void add_constraint(struct arena *a, const struct container *c, const struct constraint *constraint, struct container_constraint **list, size_t *count)
{
	const char *marker;

	if (!*constraint->specifier || !may_hold(a, constraint, c, &marker))
		return;
	*arena_push(a, list, count) =
		(struct container_constraint){.specifier = constraint->specifier, .marker = marker, .why = constraint->why, .pos = constraint->pos};
}

void container_constraints(struct arena *a, const struct container *c, const struct package *p, bool without_holds, struct container_constraint **ret,
			   size_t *ret_count)
{
	*ret = NULL;
	*ret_count = 0;
	add_constraint(a, c, &p->constraint, ret, ret_count);
	for (size_t i = 0; i < p->constraint_count; i++)
		add_constraint(a, c, &p->constraints[i], ret, ret_count);
	if (p->hold && !without_holds)
		*arena_push(a, ret, ret_count) =
			(struct container_constraint){.specifier = p->hold->specifier, .why = p->hold->why, .hold = p->hold, .pos = p->hold->pos};
}
