#include "resolve/question.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "lock/environment.h"
#include "python/requirement.h"
#include "resolve/differences.h"

static int compare_environments(const void *left, const void *right)
{
	return strcmp(((const struct lock_environment *)left)->name, ((const struct lock_environment *)right)->name);
}

static const struct lock_environment *find_environment(const struct environments *e, const char *name)
{
	for (size_t i = 0; i < e->count; i++) {
		if (!strcmp(e->items[i].name, name))
			return &e->items[i];
	}
	return NULL;
}

static void collect(struct arena *a, const struct environment *from, struct environments *ret, const char **ret_name)
{
	struct lock_environment one;

	environment_describe(a, from, &one);
	*ret_name = one.name;
	if (!find_environment(ret, one.name))
		*arena_push(a, &ret->items, &ret->count) = one;
}

/* Bases are few and may be written with the same environment twice. */
static void add_environment(struct arena *a, struct container_environments *list, const struct lock_environment *environment)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i] == environment)
			return;
	}
	*arena_push(a, &list->items, &list->count) = environment;
}

void environments_collect(struct arena *a, const struct database *db, struct environments *ret)
{
	const char ***names = arena_array(a, db->container_count, sizeof(*names));

	*ret = (struct environments){.of_container = arena_array(a, db->container_count, sizeof(*ret->of_container))};
	for (size_t i = 0; i < db->container_count; i++) {
		const struct base *base = db->containers[i].base;

		names[i] = arena_array(a, base->further_count + 1, sizeof(**names));
		collect(a, &base->environment, ret, &names[i][0]);
		for (size_t j = 0; j < base->further_count; j++)
			collect(a, &base->further[j], ret, &names[i][j + 1]);
	}
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), compare_environments);
	for (size_t i = 0; i < db->container_count; i++) {
		for (size_t j = 0; j <= db->containers[i].base->further_count; j++)
			add_environment(a, &ret->of_container[i], find_environment(ret, names[i][j]));
	}
}

/* Cycles of groups are refused when the database is loaded. */
static bool group_reaches(const struct group *g, const struct package *p)
{
	for (size_t i = 0; i < g->package_count; i++) {
		if (g->packages[i] == p)
			return true;
	}
	for (size_t i = 0; i < g->include_count; i++) {
		if (group_reaches(g->includes[i], p))
			return true;
	}
	return false;
}

static bool group_includes(const struct group *g, const struct group *other)
{
	if (g == other)
		return true;
	for (size_t i = 0; i < g->include_count; i++) {
		if (group_includes(g->includes[i], other))
			return true;
	}
	return false;
}

static bool container_has_group(const struct container *c, const struct group *g)
{
	for (size_t i = 0; i < c->group_count; i++) {
		if (group_includes(c->groups[i], g))
			return true;
	}
	return false;
}

static const char *join_extras(struct arena *a, const char *const *extras, size_t count)
{
	autostrbuf struct strbuf text = {0};

	for (size_t i = 0; i < count; i++)
		strbuf_printf(&text, "%s%s", i ? "," : "[", extras[i]);
	if (count)
		strbuf_add_char(&text, ']');
	return arena_strdup(a, strbuf_text(&text));
}

static bool may_differ(const struct database *db, const struct package *p)
{
	for (size_t i = 0; i < db->difference_count; i++) {
		if (!strcmp(db->differences[i].canonical, p->canonical))
			return true;
	}
	return false;
}

/* The package in any version. */
static struct want want_any(struct arena *a, const struct database *db, const struct container *c, const struct package *p)
{
	const struct package *declared = p;
	const char *group = "no group";
	struct want any = {.canonical = p->canonical,
			   .extras = join_extras(a, p->extras, p->extra_count),
			   .specifier = "",
			   .package = p,
			   .may_differ = may_differ(db, p),
			   .pos = p->pos};

	for (size_t i = 0; i < c->swap_count; i++) {
		if (c->swaps[i].to == p) {
			any.swap = &c->swaps[i];
			declared = c->swaps[i].from;
		}
	}
	for (size_t i = 0; i < c->group_count; i++) {
		if (group_reaches(c->groups[i], declared)) {
			group = c->groups[i]->name;
			break;
		}
	}
	any.through = arena_printf(a, "group %s", group);
	return any;
}

/* A condition that no environment of the container meets: as a constraint on the package it would bind other containers, where it was never said. */
static bool never_holds(const struct asker *asker, const char *marker)
{
	autoarena struct arena scratch = {0};
	size_t at;
	const struct marker *parsed = marker ? marker_parse(&scratch, marker, &at) : NULL;

	for (size_t i = 0; i < asker->environment_count; i++) {
		struct environment_values values;

		environment_values(&scratch, asker->environments[i], &values);
		if (environment_holds(&values, parsed, ""))
			return false;
	}
	return true;
}

/* Constraints are wishes of their own, so that a clash can name those of them that are to blame. */
static void want_package(struct arena *a, const struct database *db, const struct container *c, const struct package *p, bool without_holds,
			 struct asker *asker)
{
	struct want any = want_any(a, db, c, p);
	struct container_constraint *constraints;
	size_t count;

	container_constraints(a, c, p, without_holds, &constraints, &count);
	if (!count || constraints->marker) {
		*arena_push(a, &asker->wants, &asker->want_count) = any;
		any.extras = "";
	}
	for (size_t i = 0; i < count; i++) {
		if (never_holds(asker, constraints[i].marker))
			continue;
		struct want *w = arena_push(a, &asker->wants, &asker->want_count);

		*w = any;
		w->specifier = constraints[i].specifier;
		w->marker = constraints[i].marker;
		w->why = constraints[i].why;
		w->hold = constraints[i].hold;
		w->pos = constraints[i].pos;
		any.extras = "";
	}
}

static bool in_conflict(const struct database *db, const struct container *one, const struct container *other)
{
	for (size_t i = 0; i < db->conflict_count; i++) {
		const struct conflict *c = &db->conflicts[i];

		for (size_t j = 0; j < c->group_count; j++) {
			for (size_t k = 0; k < c->group_count; k++) {
				if (j != k && container_has_group(one, c->groups[j]) && container_has_group(other, c->groups[k]))
					return true;
			}
		}
	}
	return false;
}

/* Whether or not a container asks for it itself: what requires it must not bring it from somewhere else. */
static void add_bonds(struct arena *a, const struct database *db, struct question *q)
{
	q->waivers = db->waivers;
	q->waiver_count = db->waiver_count;
	for (size_t i = 0; i < db->package_count; i++) {
		const struct package *p = &db->packages[i];

		if (!p->index && !p->reference)
			continue;
		*arena_push(a, &q->bonds, &q->bond_count) = (struct bond){
			.canonical = p->canonical,
			.index = p->index,
			.reference = p->reference,
			.file = p->reference && p->reference->kind == REFERENCE_PATH ? path_join(a, db->root, p->reference->path) : NULL,
		};
	}
}

static int compare_bond(const void *key, const void *item)
{
	return strcmp(key, ((const struct bond *)item)->canonical);
}

const struct bond *question_bond(const struct question *q, const char *canonical)
{
	return q->bond_count ? bsearch(canonical, q->bonds, q->bond_count, sizeof(*q->bonds), compare_bond) : NULL;
}

static void add_conflict(struct arena *a, struct question *q, size_t one, size_t other)
{
	size_t(*pair)[2] = arena_push(a, &q->conflicts, &q->conflict_count);

	(*pair)[0] = one;
	(*pair)[1] = other;
}

bool question_in_conflict(const struct question *q, size_t one, size_t other)
{
	for (size_t i = 0; i < q->conflict_count; i++) {
		if ((q->conflicts[i][0] == one && q->conflicts[i][1] == other) || (q->conflicts[i][0] == other && q->conflicts[i][1] == one))
			return true;
	}
	return false;
}

bool question_part(struct arena *a, const struct database *db, struct question *q)
{
	size_t before = q->conflict_count;

	for (size_t i = 0; i < q->asker_count && db->difference_count; i++) {
		for (size_t j = 0; j < i && !q->askers[i].is_layer; j++) {
			bool may = false;

			for (size_t k = 0; k < db->difference_count; k++)
				may = may || difference_names(&db->differences[k], q->askers[i].name) ||
				      difference_names(&db->differences[k], q->askers[j].name);
			if (may && !question_in_conflict(q, j, i))
				add_conflict(a, q, j, i);
		}
	}
	return q->conflict_count > before;
}

void question_for_containers(struct arena *a, const struct database *db, const struct environments *environments, bool without_holds, struct question *ret)
{
	*ret = (struct question){.askers = arena_array(a, db->container_count, sizeof(*ret->askers)), .asker_count = db->container_count};
	add_bonds(a, db, ret);
	for (size_t i = 0; i < db->container_count; i++) {
		const struct container *c = &db->containers[i];
		struct asker *asker = &ret->askers[i];
		struct package **packages;
		size_t package_count;

		asker->name = c->name;
		asker->base = c->base->name;
		asker->environments = environments->of_container[i].items;
		asker->environment_count = environments->of_container[i].count;
		container_packages(a, c, &packages, &package_count);
		for (size_t j = 0; j < package_count; j++)
			want_package(a, db, c, packages[j], without_holds, asker);
		for (size_t j = 0; j < i; j++) {
			if (in_conflict(db, &db->containers[j], c))
				add_conflict(a, ret, j, i);
		}
	}
}

static int compare_wants(const void *left, const void *right)
{
	const struct want *a = left, *b = right;
	int order = strcmp(a->canonical, b->canonical);

	return order ? order : strcmp(a->specifier, b->specifier);
}

/* The requirements of the use's STEP_WHEELS steps. */
static void want_wheels(struct arena *a, const struct layer_use *use, struct asker *asker, struct diag *d)
{
	const struct layer *layer = use->layer;

	for (size_t i = 0; i < layer->step_count; i++) {
		const struct layer_step *step = &layer->steps[i];

		if (step->kind != STEP_WHEELS || !layer_use_holds(use, step->conditions, step->condition_count))
			continue;
		for (size_t j = 0; j < step->word_count; j++) {
			const char *text = layer_use_expand(a, use, step->words[j]), *why = "not valid";
			size_t at = 0;
			struct requirement *r = requirement_parse(a, text, &at, &why);

			if (!r || r->url) {
				diag_error(d, step->pos, "'%s' is no requirement that can be locked: %s", text, r ? "it names a file by its address" : why);
				continue;
			}
			*arena_push(a, &asker->wants, &asker->want_count) = (struct want){.canonical = r->canonical,
											  .extras = join_extras(a, r->extras, r->extra_count),
											  .specifier = r->specifier,
											  .marker = r->marker_text,
											  .through = "its recipe",
											  .pos = step->pos};
		}
	}
	if (asker->want_count)
		qsort(asker->wants, asker->want_count, sizeof(*asker->wants), compare_wants);
}

static void add_asker_environment(struct arena *a, struct asker *asker, const struct lock_environment *environment)
{
	for (size_t i = 0; i < asker->environment_count; i++) {
		if (asker->environments[i] == environment)
			return;
	}
	*arena_push(a, &asker->environments, &asker->environment_count) = environment;
}

static int compare_questions(const void *left, const void *right)
{
	return strcmp(((const struct question *)left)->askers->name, ((const struct question *)right)->askers->name);
}

void questions_for_layers(struct arena *a, const struct database *db, const struct environments *environments, struct diag *d, struct question **ret,
			  size_t *ret_count)
{
	struct question *list = NULL;
	size_t count = 0;

	for (size_t i = 0; i < db->container_count; i++) {
		for (size_t j = 0; j < db->containers[i].layer_count; j++) {
			const struct layer_use *use = &db->containers[i].layers[j];
			const char *name = lock_layer_name(a, use);
			struct asker *asker = NULL;

			for (size_t k = 0; k < count && !asker; k++) {
				if (!strcmp(list[k].askers->name, name))
					asker = list[k].askers;
			}
			if (!asker) {
				struct asker fresh = {.is_layer = true, .name = name};

				want_wheels(a, use, &fresh, d);
				if (!fresh.want_count)
					continue;
				asker = arena_new(a, struct asker);
				*asker = fresh;
				struct question *q = arena_push(a, &list, &count);

				*q = (struct question){.askers = asker, .asker_count = 1};
				add_bonds(a, db, q);
			}
			for (size_t k = 0; k < environments->of_container[i].count; k++)
				add_asker_environment(a, asker, environments->of_container[i].items[k]);
		}
	}
	if (count)
		qsort(list, count, sizeof(*list), compare_questions);
	*ret = list;
	*ret_count = count;
}

void question_copy(struct arena *a, const struct question *from, struct question *ret)
{
	*ret = *from;
	ret->askers = arena_array(a, from->asker_count, sizeof(*ret->askers));
	for (size_t i = 0; i < from->asker_count; i++) {
		struct asker *to = &ret->askers[i];

		*to = from->askers[i];
		to->wants = arena_array(a, to->want_count, sizeof(*to->wants));
		if (to->want_count)
			memcpy(to->wants, from->askers[i].wants, to->want_count * sizeof(*to->wants));
	}
}

void want_add_requirement(struct strbuf *out, const struct want *w)
{
	strbuf_printf(out, "%s%s%s", w->canonical, w->extras, w->loose ? "" : w->specifier);
	if (w->marker)
		strbuf_printf(out, " ; %s", w->marker);
}

void asker_add_name(struct strbuf *out, const struct asker *a)
{
	strbuf_printf(out, "%s '%s'", a->is_layer ? "layer" : "container", a->name);
}

bool question_concerns(const struct question *q, const struct pin *pin)
{
	for (size_t i = 0; i < q->asker_count; i++) {
		if (q->askers[i].is_layer ? pin_in_layer(pin, q->askers[i].name) : pin->layer_count == 0)
			return true;
	}
	return false;
}
