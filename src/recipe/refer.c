/* References from one part of the database to another, by name. */
#include "recipe/load.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "python/name.h"

/* Every kind of thing that is found by name lies in an array sorted by a text member; this is where. */
struct named_array {
	const void *items;
	size_t count, size;
	size_t key_offset, name_offset; /* what it is sorted by; what the user calls it */
};

static const char *member(const struct named_array *array, size_t i, size_t offset)
{
	const char *text;

	memcpy(&text, (const char *)array->items + i * array->size + offset, sizeof(text));
	return text;
}

static void *find(const struct named_array *array, const char *key)
{
	size_t low = 0, high = array->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(key, member(array, middle, array->key_offset));

		if (!order)
			return (char *)(uintptr_t)array->items + middle * array->size;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static struct named_array packages_of(const struct database *db)
{
	return (struct named_array){db->packages, db->package_count, sizeof(struct package), offsetof(struct package, canonical),
				    offsetof(struct package, name)};
}

static struct named_array groups_of(const struct database *db)
{
	return (struct named_array){db->groups, db->group_count, sizeof(struct group), offsetof(struct group, canonical), offsetof(struct group, name)};
}

#define BY_NAME(db, list, type)                                                                                                                                \
	((struct named_array){(db)->list##s, (db)->list##_count, sizeof(struct type), offsetof(struct type, name), offsetof(struct type, name)})

struct package *database_package(const struct database *db, const char *canonical)
{
	struct named_array all = packages_of(db);

	return find(&all, canonical);
}

/* By the canonical form of a name as written. */
static void *find_canonical(const struct named_array *array, const char *name)
{
	if (name_is_canonical(name))
		return find(array, name);
	autoarena struct arena scratch = {0};

	return name_is_valid(name) ? find(array, name_canonical(&scratch, name)) : NULL;
}

struct group *database_group(const struct database *db, const char *name)
{
	struct named_array all = groups_of(db);

	return find_canonical(&all, name);
}

struct container *database_container(const struct database *db, const char *name)
{
	struct named_array all = BY_NAME(db, container, container);

	return find(&all, name);
}

struct layer *database_layer(const struct database *db, const char *name)
{
	struct named_array all = BY_NAME(db, layer, layer);

	return find(&all, name);
}

static void unknown(struct reader *r, struct pos at, const char *what, const char *name, const struct named_array *array)
{
	size_t count = schema_may_suggest(r, array->count) ? array->count : 0;
	autofree const char **names = mem_zero(count, sizeof(const char *));

	for (size_t i = 0; i < count; i++)
		names[i] = member(array, i, array->name_offset);
	schema_unknown(r, at, what, name, names, count);
}

static void *refer(struct reader *r, const struct value *v, const char *what, const char *a_what, bool canonical, bool unread, struct named_array array)
{
	const char *name = schema_line(r, v, a_what, NULL);

	if (!name)
		return NULL;
	void *found = canonical ? find_canonical(&array, name) : find(&array, name);

	if (!found && !unread)
		unknown(r, v->pos, what, name, &array);
	return found;
}

static struct group *refer_group(struct reader *r, const struct value *v)
{
	return refer(r, v, "group", "the name of a group", true, r->groups_unread, groups_of(r->db));
}

struct package *refer_package(struct reader *r, const struct value *v)
{
	return refer(r, v, "package", "the name of a package", true, r->packages_unread, packages_of(r->db));
}

struct base *refer_base(struct reader *r, const struct value *v)
{
	return refer(r, v, "base", "the name of a base", false, false, BY_NAME(r->db, base, base));
}

struct layer *refer_layer(struct reader *r, const struct value *v)
{
	return refer(r, v, "layer", "the name of a layer", false, false, BY_NAME(r->db, layer, layer));
}

struct container *refer_container(struct reader *r, const struct value *v)
{
	return refer(r, v, "container", "the name of a container", false, false, BY_NAME(r->db, container, container));
}

struct index *refer_index(struct reader *r, const struct value *v)
{
	const struct project *p = &r->db->project;
	const char *name = schema_line(r, v, "'index'", NULL);
	struct named_array all = {p->indexes, p->index_count, sizeof(struct index), offsetof(struct index, alias), offsetof(struct index, alias)};

	if (!name)
		return NULL;
	for (size_t i = 0; i < p->index_count; i++) { /* in order of preference, not of name */
		if (!strcmp(p->indexes[i].alias, name))
			return &p->indexes[i];
	}
	if (!r->indexes_unread)
		unknown(r, v->pos, "index", name, &all);
	return NULL;
}

struct layer_option *refer_option(struct reader *r, struct layer *layer, struct pos at, const char *name)
{
	struct named_array all = {layer->options, layer->option_count, sizeof(struct layer_option), offsetof(struct layer_option, name),
				  offsetof(struct layer_option, name)};
	struct layer_option *found = find(&all, name);
	autofree char *what = mem_printf("option of layer '%s':", layer->name);

	if (!found && !layer->unread)
		unknown(r, at, what, name, &all);
	return found;
}

void refer_groups(struct reader *r, const struct value *v, const char *what, struct group ***ret, size_t *ret_count, struct pos **ret_pos)
{
	size_t pos_count = 0;

	*ret = NULL;
	*ret_count = 0;
	if (!v || !schema_is_list(r, v, what) || !v->item_count)
		return;
	if (!r->group_marks)
		r->group_marks = arena_array(r->arena, r->db->group_count, sizeof(*r->group_marks));
	r->mark++;
	for (size_t i = 0; i < v->item_count; i++) {
		struct group *g = refer_group(r, v->items[i]);

		if (!g)
			continue;
		size_t *mark = &r->group_marks[g - r->db->groups];

		if (*mark == r->mark) {
			diag_error(r->diag, v->items[i]->pos, "group '%s' is twice in %s", g->name, what);
			continue;
		}
		*mark = r->mark;
		*arena_push(r->arena, ret, ret_count) = g;
		if (ret_pos)
			*arena_push(r->arena, ret_pos, &pos_count) = v->items[i]->pos;
	}
}
