/* What no file is wrong in alone: circles, containers against groups, layers and each other, and what nobody uses. */
#include "recipe/load.h"

#include <stdlib.h>
#include <string.h>

#define HASH_FUNCTION HASH_FNV /* the default one falls through in switches, which clang does not pass over */
#include <uthash.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "python/requirement.h"
#include "recipe/graph.h"
#include "recipe/layer_text.h"

enum { CIRCLES_MAX = 20, CIRCLE_SHOWN = 40 };

struct circle_reporter {
	struct reader *r;
	const struct value *const *lists; /* what each node was read from: 'include' of groups, 'requires' of layers */
	bool is_layers;
	size_t count;
};

static const char *node_name(const struct circle_reporter *c, size_t node)
{
	return c->is_layers ? c->r->db->layers[node].name : c->r->db->groups[node].name;
}

/* Where node `from` names node `to`. */
static struct pos edge_pos(const struct circle_reporter *c, size_t from, size_t to)
{
	const struct value *list = c->lists[from];
	const struct database *db = c->r->db;

	for (size_t i = 0; list && i < list->item_count; i++) {
		const char *text = list->items[i]->kind == VALUE_TEXT ? list->items[i]->text : NULL;

		if (text && (c->is_layers ? database_layer(db, text) == &db->layers[to] : database_group(db, text) == &db->groups[to]))
			return list->items[i]->pos;
	}
	return c->is_layers ? db->layers[from].pos : db->groups[from].pos;
}

static void report_circle(void *context, const size_t *path, size_t count)
{
	struct circle_reporter *c = context;
	autostrbuf struct strbuf text = {0};

	if (c->count++ >= CIRCLES_MAX)
		return;
	for (size_t i = 0; i < count && i < CIRCLE_SHOWN; i++)
		strbuf_printf(&text, "%s -> ", node_name(c, path[i]));
	if (count > CIRCLE_SHOWN)
		strbuf_add(&text, "... -> ");
	strbuf_add(&text, node_name(c, path[0]));
	diag_error(c->r->diag, edge_pos(c, path[count - 1], path[0]), "%s each other in a circle: %s", c->is_layers ? "layers require" : "groups include",
		   strbuf_text(&text));
}

void check_groups(struct reader *r, const struct value *const *includes)
{
	autoarena struct arena scratch = {0};
	struct database *db = r->db;
	const size_t **edges = arena_array(&scratch, db->group_count, sizeof(*edges));
	size_t *counts = arena_array(&scratch, db->group_count, sizeof(*counts));
	struct circle_reporter reporter = {r, includes, false, 0};

	for (size_t i = 0; i < db->group_count; i++) {
		size_t *to = arena_array(&scratch, db->groups[i].include_count, sizeof(*to));

		counts[i] = db->groups[i].include_count;
		for (size_t j = 0; j < counts[i]; j++)
			to[j] = (size_t)(db->groups[i].includes[j] - db->groups);
		edges[i] = to;
	}
	graph_find_circles(&(struct graph){db->group_count, edges, counts, report_circle, &reporter});
}

void check_layers(struct reader *r, const struct value *const *requires)
{
	autoarena struct arena scratch = {0};
	struct database *db = r->db;
	const size_t **edges = arena_array(&scratch, db->layer_count, sizeof(*edges));
	size_t *counts = arena_array(&scratch, db->layer_count, sizeof(*counts));
	struct circle_reporter reporter = {r, requires, true, 0};

	for (size_t i = 0; i < db->layer_count; i++) {
		size_t *to = arena_array(&scratch, db->layers[i].require_count, sizeof(*to));

		counts[i] = db->layers[i].require_count;
		for (size_t j = 0; j < counts[i]; j++)
			to[j] = (size_t)(database_layer(db, db->layers[i].requires[j]) - db->layers);
		edges[i] = to;
	}
	graph_find_circles(&(struct graph){db->layer_count, edges, counts, report_circle, &reporter});
}

/* Whether group `from` is group `to` or includes it. */
static bool reaches(struct group *from, const struct group *to)
{
	autoarena struct arena scratch = {0};
	struct container alone = {.groups = &from, .group_count = 1};
	struct group **groups;
	size_t count;

	container_groups(&scratch, &alone, &groups, &count);
	for (size_t i = 0; i < count; i++) {
		if (groups[i] == to)
			return true;
	}
	return false;
}

/* Reports the others of a conflict's groups that group `from` includes. */
static void check_conflict_with(struct reader *r, const struct conflict *c, struct group *from)
{
	autoarena struct arena scratch = {0};
	struct container alone = {.groups = &from, .group_count = 1};
	struct group **groups;
	size_t count;

	container_groups(&scratch, &alone, &groups, &count);
	r->mark++;
	for (size_t i = 0; i < count; i++)
		r->group_marks[groups[i] - r->db->groups] = r->mark;
	for (size_t i = 0; i < c->group_count; i++) {
		if (c->groups[i] != from && r->group_marks[c->groups[i] - r->db->groups] == r->mark)
			diag_error(r->diag, c->pos, "group '%s' cannot conflict with '%s', which it includes", from->name, c->groups[i]->name);
	}
}

void check_conflicts(struct reader *r)
{
	for (size_t i = 0; i < r->db->conflict_count; i++) {
		for (size_t j = 0; j < r->db->conflicts[i].group_count; j++)
			check_conflict_with(r, &r->db->conflicts[i], r->db->conflicts[i].groups[j]);
	}
}

/* What all containers together come to. */
struct survey {
	struct reader *r;
	bool *group_used, *package_used;
	size_t *group_seen_in; /* per group: number of the last container it was seen in, from 1 */
	struct checked_use *checked;
};

/* Layer uses whose texts were tried; containers share most of them. */
struct checked_use {
	char *key;
	UT_hash_handle hh;
};

/* Where a group of a container comes from: the position of the declared group that is or includes it. */
static struct pos group_origin(const struct container *c, const struct group *g, const char **ret_by)
{
	for (size_t i = 0; i < c->group_count; i++) {
		if (!reaches(c->groups[i], g))
			continue;
		*ret_by = c->groups[i] == g ? NULL : c->groups[i]->name;
		return c->group_pos[i];
	}
	*ret_by = NULL;
	return c->pos;
}

static void report_conflict(struct reader *r, const struct container *c, const struct conflict *conflict, const struct group *a, const struct group *b)
{
	const char *a_by, *b_by;
	struct pos a_pos = group_origin(c, a, &a_by), b_pos = group_origin(c, b, &b_by);
	autostrbuf struct strbuf text = {0};

	strbuf_printf(&text, "group '%s'", b->name);
	if (b_by)
		strbuf_printf(&text, " (included by '%s')", b_by);
	strbuf_printf(&text, " cannot be in one container with '%s'", a->name);
	if (a_by)
		strbuf_printf(&text, " (included by '%s')", a_by);
	bool b_is_later = b_pos.line > a_pos.line || (b_pos.line == a_pos.line && b_pos.column > a_pos.column);

	diag_error(r->diag, b_is_later ? b_pos : a_pos, "%s: %s", strbuf_text(&text), conflict->why);
	diag_hint(r->diag, "said in %s:%u", conflict->pos.file, conflict->pos.line);
}

static void check_groups_of(struct survey *s, const struct container *c, size_t number)
{
	autoarena struct arena scratch = {0};
	struct database *db = s->r->db;
	struct group **groups;
	size_t count;

	container_groups(&scratch, c, &groups, &count);
	for (size_t i = 0; i < count; i++) {
		size_t group = (size_t)(groups[i] - db->groups);

		s->group_seen_in[group] = number;
		if (s->group_used[group])
			continue;
		s->group_used[group] = true;
		for (size_t j = 0; j < groups[i]->package_count; j++)
			s->package_used[groups[i]->packages[j] - db->packages] = true;
	}
	for (size_t i = 0; i < db->conflict_count; i++) {
		const struct conflict *conflict = &db->conflicts[i];
		struct group *first = NULL;

		for (size_t j = 0; j < conflict->group_count; j++) {
			if (s->group_seen_in[conflict->groups[j] - db->groups] != number)
				continue;
			if (first)
				report_conflict(s->r, c, conflict, first, conflict->groups[j]);
			else
				first = conflict->groups[j];
		}
	}
	for (size_t i = 0; i < c->swap_count; i++) {
		const struct swap *swap = &c->swaps[i];
		bool found = false;

		s->package_used[swap->to - db->packages] = true;
		for (size_t j = 0; j < swap->from->group_count && !found; j++)
			found = s->group_seen_in[swap->from->groups[j] - db->groups] == number;
		if (found)
			continue;
		diag_error(s->r->diag, swap->pos, "package '%s' is in no group of this container, so nothing can take its place", swap->from->name);
	}
}

static void check_requires(struct reader *r, const struct container *c, size_t use)
{
	const struct layer *layer = c->layers[use].layer;

	for (size_t i = 0; i < layer->require_count; i++) {
		size_t at = 0;

		while (at < c->layer_count && strcmp(c->layers[at].layer->name, layer->requires[i]) != 0)
			at++;
		if (at < use)
			continue;
		if (at == c->layer_count) {
			diag_error(r->diag, c->layers[use].pos, "layer '%s' requires layer '%s', which this container does not have", layer->name,
				   layer->requires[i]);
			diag_hint(r->diag, "add '%s' before it", layer->requires[i]);
		} else if (at > use) {
			diag_error(r->diag, c->layers[use].pos, "layer '%s' requires layer '%s', which stands after it", layer->name, layer->requires[i]);
			diag_hint(r->diag, "layers are built in the order given; put '%s' before it", layer->requires[i]);
		}
	}
}

static void try_text(struct reader *r, const struct layer_use *use, const char *text, const struct word_form *form)
{
	autoarena struct arena scratch = {0};
	const char *tried = layer_use_expand(&scratch, use, text);

	if (tried == text || form->holds(tried))
		return;
	diag_error(r->diag, use->pos, "with these options, '%s' of layer '%s' becomes '%s', which is no %s", text, use->layer->name, tried, form->name);
	diag_hint(r->diag, "%s: %s", form->name, form->rule);
}

static void try_requirement(struct reader *r, const struct layer_use *use, const char *text)
{
	autoarena struct arena scratch = {0};
	const char *tried = layer_use_expand(&scratch, use, text), *why = "";
	size_t at;

	if (tried != text && !requirement_parse(&scratch, tried, &at, &why))
		diag_error(r->diag, use->pos, "with these options, '%s' of layer '%s' becomes '%s', which is no requirement (PEP 508): %s", text,
			   use->layer->name, tried, why);
}

static void try_step(struct reader *r, const struct layer_use *use, const struct layer_step *step)
{
	if (!layer_use_holds(use, step->conditions, step->condition_count))
		return;
	for (size_t i = 0; step->kind == STEP_APT && i < step->word_count; i++)
		try_text(r, use, step->words[i], &word_apt);
	for (size_t i = 0; step->kind == STEP_WHEELS && i < step->word_count; i++)
		try_requirement(r, use, step->words[i]);
	if (step->path)
		try_text(r, use, step->path, &word_path);
	if (step->target)
		try_text(r, use, step->target,
			 step->kind == STEP_WHEELS    ? &word_inner_path
			 : step->kind == STEP_ARCHIVE ? &word_archive_url
						      : &word_link_target);
}

/* The texts of a layer were tried with sample values when it was read; here they are with the values of a use, once for each set of values. */
static void check_use_texts(struct survey *s, const struct layer_use *use)
{
	autostrbuf struct strbuf key = {0};
	struct checked_use *known;

	strbuf_add(&key, use->layer->name);
	for (size_t i = 0; i < use->layer->option_count; i++)
		strbuf_printf(&key, "\n%s", use->values[i]);
	HASH_FIND(hh, s->checked, strbuf_text(&key), key.length, known);
	if (known)
		return;
	known = mem_zero(1, sizeof(*known));
	known->key = mem_strdup(strbuf_text(&key));
	HASH_ADD_KEYPTR(hh, s->checked, known->key, key.length, known);
	for (size_t i = 0; i < use->layer->step_count; i++)
		try_step(s->r, use, &use->layer->steps[i]);
}

static void forget_uses(struct survey *s)
{
	struct checked_use *use, *next;

	HASH_ITER(hh, s->checked, use, next)
	{
		HASH_DEL(s->checked, use);
		free(use->key);
		free(use);
	}
}

static int compare_tags(const void *left, const void *right)
{
	const struct container *a = *(const struct container *const *)left, *b = *(const struct container *const *)right;
	int order = strcmp(a->tag_name, b->tag_name);

	return order ? order : strcmp(a->name, b->name);
}

static void check_tags(struct reader *r)
{
	size_t count = r->db->container_count;
	autofree const struct container **sorted = mem_zero(count, sizeof(const struct container *));

	for (size_t i = 0; i < count; i++)
		sorted[i] = &r->db->containers[i];
	if (count)
		qsort(sorted, count, sizeof(const struct container *), compare_tags);
	for (size_t i = 1; i < count; i++) {
		if (strcmp(sorted[i]->tag_name, sorted[i - 1]->tag_name) != 0)
			continue;
		diag_error(r->diag, sorted[i]->pos, "its tag variable '%s' is also that of container '%s'", sorted[i]->tag_name, sorted[i - 1]->name);
		diag_hint(r->diag, "give one of them another with 'tag: NAME'");
	}
}

static bool says_something(const struct package *p)
{
	return *p->constraint.specifier || p->constraint_count || p->hold || p->index || p->reference || p->overwrite_count;
}

static void warn_unused(const struct survey *s)
{
	const struct database *db = s->r->db;

	for (size_t i = 0; i < db->group_count; i++) {
		if (!s->group_used[i])
			diag_warning(s->r->diag, db->groups[i].pos, "no container has the group '%s'", db->groups[i].name);
	}
	for (size_t i = 0; i < db->package_count; i++) {
		for (size_t j = 0; j < db->packages[i].overwrite_count; j++)
			s->package_used[db->packages[i].overwrites[j].package - db->packages] = true;
	}
	for (size_t i = 0; i < db->package_count; i++) {
		const struct package *p = &db->packages[i];

		/* A package of an unused group needs no warning of its own; and what is said of one that others bring is of use. */
		if (!s->package_used[i] && !p->group_count && !says_something(p))
			diag_warning(s->r->diag, p->pos, "package '%s' is in no group, and no container swaps it in", p->name);
	}
}

void check_containers(struct reader *r)
{
	struct database *db = r->db;
	autofree bool *group_used = mem_zero(db->group_count, sizeof(bool)), *package_used = mem_zero(db->package_count, sizeof(bool));
	autofree size_t *group_seen_in = mem_zero(db->group_count, sizeof(size_t));
	struct survey s = {r, group_used, package_used, group_seen_in, NULL};

	for (size_t i = 0; i < db->container_count; i++) {
		const struct container *c = &db->containers[i];

		check_groups_of(&s, c, i + 1);
		for (size_t j = 0; j < c->layer_count; j++) {
			check_requires(r, c, j);
			check_use_texts(&s, &c->layers[j]);
		}
	}
	check_tags(r);
	forget_uses(&s);
	/* A misspelt name makes what it meant look unused. */
	if (!r->diag->error_count)
		warn_unused(&s);
}
