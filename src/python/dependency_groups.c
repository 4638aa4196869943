#include "python/dependency_groups.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "python/name.h"

static int by_name(const void *a, const void *b)
{
	const struct dependency_group *x = *(const struct dependency_group *const *)a, *y = *(const struct dependency_group *const *)b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x > y) - (x < y);
}

static int compare_name(const void *name, const void *group)
{
	return strcmp(name, (*(const struct dependency_group *const *)group)->name);
}

static const struct dependency_group *find(const struct dependency_groups *groups, const char *canonical)
{
	struct dependency_group **found = groups->count ? bsearch(canonical, groups->by_name, groups->count, sizeof(*groups->by_name), compare_name) : NULL;

	return found ? *found : NULL;
}

static bool has_nul(const char *text, size_t length)
{
	return strlen(text) != length;
}

/* Sorts them by name; false when two have the same. */
static bool sort(struct arena *a, struct dependency_groups *groups, struct diag *d)
{
	bool fine = true;

	groups->by_name = arena_array(a, groups->count + 1, sizeof(*groups->by_name));
	for (size_t i = 0; i < groups->count; i++)
		groups->by_name[i] = &groups->items[i];
	qsort(groups->by_name, groups->count, sizeof(*groups->by_name), by_name);
	for (size_t i = 1; i < groups->count; i++) {
		const struct dependency_group *same = groups->by_name[i - 1], *group = groups->by_name[i];

		if (strcmp(same->name, group->name) != 0)
			continue;
		diag_error(d, group->pos, "group '%s' is the same as '%s' in line %u: both are '%s'", group->written, same->written, same->pos.line,
			   group->name);
		fine = false;
	}
	return fine;
}

bool dependency_groups_read(struct arena *a, const struct value *document, struct diag *d, struct dependency_groups *ret)
{
	const struct value *table = value_get(document, "dependency-groups");
	struct dependency_groups groups = {0};
	bool fine = true;

	if (table && table->kind != VALUE_TABLE) {
		diag_error(d, table->pos, "dependency-groups is %s, not a table", value_kind_name(table->kind));
		return false;
	}
	if (table && table->entry_count > DEPENDENCY_GROUPS_LIMIT) {
		diag_error(d, table->pos, "there are more than %d groups", DEPENDENCY_GROUPS_LIMIT);
		return false;
	}
	for (size_t i = 0; table && i < table->entry_count; i++) {
		const struct value_entry *entry = &table->entries[i];

		if (has_nul(entry->key, entry->key_length)) {
			diag_error(d, entry->key_pos, "a group's name holds a NUL");
			fine = false;
		} else if (!name_is_valid(entry->key)) {
			diag_warning(d, entry->key_pos, "'%s' is no valid name of a group", entry->key);
		}
		*arena_push(a, &groups.items, &groups.count) =
			(struct dependency_group){name_canonical(a, entry->key), entry->key, entry->key_pos, entry->value};
	}
	if (!sort(a, &groups, d) || !fine)
		return false;
	*ret = groups;
	return true;
}

/* The includes that lead to the group that is being read, from the one that was asked for. */
struct chain {
	const struct chain *before;
	const struct dependency_group *group;
	unsigned depth;
};

/* Where what a group comes to stands among the items, once that is known. */
struct span {
	bool known;
	size_t start, count;
};

struct resolution {
	struct arena *arena;
	const struct dependency_groups *groups;
	struct diag *d;
	struct dependency_group_requirement *items;
	size_t count;
	struct span *spans; /* by the group's place */
	bool failed;
};

static void add_chain(struct strbuf *out, const struct chain *c)
{
	if (!c)
		return;
	add_chain(out, c->before);
	strbuf_printf(out, "%s -> ", c->group->name);
}

/* "a -> b -> c" */
static const char *chain_text(struct resolution *r, const struct chain *c, const char *last)
{
	autostrbuf struct strbuf out = {0};

	add_chain(&out, c);
	strbuf_add(&out, last);
	return arena_strndup(r->arena, strbuf_text(&out), out.length);
}

/* " (a -> b)" when it was not the group itself that was asked for. */
static const char *through(struct resolution *r, const struct chain *c)
{
	return c->before ? arena_printf(r->arena, " (%s)", chain_text(r, c->before, c->group->name)) : "";
}

static void add_requirement(struct resolution *r, const struct chain *c, const struct value *v)
{
	size_t at = strlen(v->text);
	const char *why = "no NUL";
	const struct requirement *requirement = NULL;

	if (!has_nul(v->text, v->text_length))
		requirement = requirement_parse(r->arena, v->text, &at, &why);
	if (requirement) {
		*arena_push(r->arena, &r->items, &r->count) = (struct dependency_group_requirement){v->text, requirement, v->pos, c->group->name};
		return;
	}
	diag_error(r->d, v->pos, "group '%s'%s: '%s' is no requirement: expected %s at character %zu", c->group->name, through(r, c), v->text, why, at + 1);
	r->failed = true;
}

static void add_group(struct resolution *r, const struct chain *before, const char *name, struct pos at);

static void add_include(struct resolution *r, const struct chain *c, const struct value *v)
{
	const struct value *name = v->entry_count == 1 ? value_get(v, "include-group") : NULL;

	if (name && name->kind == VALUE_TEXT && !has_nul(name->text, name->text_length)) {
		add_group(r, c, name->text, name->pos);
		return;
	}
	r->failed = true;
	if (name)
		diag_error(r->d, name->pos, "group '%s'%s: include-group is no name", c->group->name, through(r, c));
	else
		diag_error(r->d, v->pos, "group '%s'%s: a table in a group holds include-group and nothing else", c->group->name, through(r, c));
}

static void add_items(struct resolution *r, const struct chain *c)
{
	const struct value *list = c->group->v;

	if (list->kind != VALUE_ARRAY) {
		diag_error(r->d, list->pos, "group '%s'%s is %s, not a list", c->group->name, through(r, c), value_kind_name(list->kind));
		r->failed = true;
		return;
	}
	for (size_t i = 0; i < list->item_count && r->count < DEPENDENCY_GROUPS_COUNT_LIMIT; i++) {
		const struct value *item = list->items[i];

		if (item->kind == VALUE_TEXT) {
			add_requirement(r, c, item);
		} else if (item->kind == VALUE_TABLE) {
			add_include(r, c, item);
		} else {
			diag_error(r->d, item->pos, "group '%s'%s: an item is %s, neither a requirement nor an include", c->group->name, through(r, c),
				   value_kind_name(item->kind));
			r->failed = true;
		}
	}
}

/* A group that was read before is copied, so that groups that include others twice do not double the work at each step. */
static void add_once(struct resolution *r, const struct chain *c)
{
	struct span *span = &r->spans[c->group - r->groups->items];

	if (!span->known) {
		span->start = r->count;
		add_items(r, c);
		span->count = r->count - span->start;
		span->known = true;
		return;
	}
	for (size_t i = 0; i < span->count && r->count < DEPENDENCY_GROUPS_COUNT_LIMIT; i++) {
		struct dependency_group_requirement again = r->items[span->start + i];

		*arena_push(r->arena, &r->items, &r->count) = again;
	}
}

static void add_group(struct resolution *r, const struct chain *before, const char *name, struct pos at)
{
	const char *canonical = name_canonical(r->arena, name);
	struct chain here = {before, find(r->groups, canonical), before ? before->depth + 1 : 1};

	for (const struct chain *c = before; c; c = c->before)
		if (c->group == here.group) {
			diag_error(r->d, at, "group '%s' includes itself: %s", canonical, chain_text(r, before, canonical));
			r->failed = true;
			return;
		}
	if (!here.group) {
		diag_error(r->d, at, "there is no group '%s'%s", canonical, before ? arena_printf(r->arena, " (%s)", chain_text(r, before, canonical)) : "");
		r->failed = true;
	} else if (here.depth > DEPENDENCY_GROUPS_DEPTH_LIMIT) {
		diag_error(r->d, at, "group '%s' stands deeper than %d includes", canonical, DEPENDENCY_GROUPS_DEPTH_LIMIT);
		r->failed = true;
	} else {
		add_once(r, &here);
	}
}

bool dependency_groups_resolve(struct arena *a, const struct dependency_groups *groups, const char *name, struct pos at, struct diag *d,
			       struct dependency_group_requirement **ret, size_t *ret_count)
{
	struct resolution r = {.arena = a, .groups = groups, .d = d, .spans = arena_array(a, groups->count + 1, sizeof(*r.spans))};

	add_group(&r, NULL, name, at);
	if (r.count >= DEPENDENCY_GROUPS_COUNT_LIMIT) {
		diag_error(d, at, "group '%s' comes to more than %d requirements", name, DEPENDENCY_GROUPS_COUNT_LIMIT);
		r.failed = true;
	}
	if (r.failed)
		return false;
	*ret = r.items;
	*ret_count = r.count;
	return true;
}

bool dependency_groups_check(const struct dependency_groups *groups, struct diag *d)
{
	bool fine = true;

	for (size_t i = 0; i < groups->count; i++) {
		autoarena struct arena a = {0};
		struct dependency_group_requirement *items;
		size_t count;

		if (!dependency_groups_resolve(&a, groups, groups->items[i].name, groups->items[i].pos, d, &items, &count))
			fine = false;
	}
	return fine;
}
