#include "recipe/load.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "python/name.h"
#include "python/version.h"

struct python_fields {
	const struct value *groups, *packages;
	struct python_later later;
};

struct group_fields {
	const char *description;
	const struct value *include;
};

struct package_fields {
	const struct value *groups, *range, *exact, *index;
	const char *why, *link;
	const char **extras;
	size_t extra_count;
};

static const struct schema_row python_rows[] = {
	{.key = "groups", SCHEMA_VALUE, SCHEMA_REQUIRED, offsetof(struct python_fields, groups), .description = "named sets of packages"},
	{.key = "packages",
	 SCHEMA_VALUE,
	 SCHEMA_REQUIRED,
	 offsetof(struct python_fields, packages),
	 .description = "Python packages by name, each with its groups and what its version may be"},
	{.key = "conflicts", SCHEMA_VALUE, 0, offsetof(struct python_fields, later.conflicts), .description = "groups that cannot be in one container"},
	{.key = "differences",
	 SCHEMA_VALUE,
	 0,
	 offsetof(struct python_fields, later.differences),
	 .description = "packages that may be at different versions in different containers"},
	{.key = NULL},
};

static const struct schema_row group_rows[] = {
	{.key = "description", SCHEMA_LINE, 0, offsetof(struct group_fields, description), .description = "what the group is for"},
	{.key = "include", SCHEMA_VALUE, 0, offsetof(struct group_fields, include), .description = "groups that are part of it"},
	{.key = NULL},
};

static const struct schema_row package_rows[] = {
	{.key = "groups", SCHEMA_VALUE, 0, offsetof(struct package_fields, groups), .description = "the groups it is in"},
	{.key = "range", SCHEMA_VALUE, 0, offsetof(struct package_fields, range), .description = "a PEP 440 specifier, as \">=1.14,<1.17\""},
	{.key = "exact", SCHEMA_VALUE, 0, offsetof(struct package_fields, exact), .description = "the only version it may be, as \"2.17.7\""},
	{.key = "why", SCHEMA_LINE, 0, offsetof(struct package_fields, why), .description = "the reason of its range or exact version"},
	{.key = "link", SCHEMA_LINE, 0, offsetof(struct package_fields, link), .form = &word_url, .description = "where the reason is told at length"},
	{.key = "extras",
	 SCHEMA_SET,
	 0,
	 offsetof(struct package_fields, extras),
	 offsetof(struct package_fields, extra_count),
	 &word_python_name,
	 .description = "extras that are wanted of it (PEP 508)"},
	{.key = "index", SCHEMA_VALUE, 0, offsetof(struct package_fields, index), .description = "alias of the only index it may come from"},
	{.key = NULL},
};

static void load_groups(struct reader *r, const struct value *v)
{
	struct schema_named *names;
	struct database *db = r->db;

	r->groups_unread = v->kind != VALUE_TABLE && !schema_is_empty(v);
	if (!schema_is_table(r, v, "'groups'"))
		return;
	schema_names(r, v, "group", &word_python_name, true, &names, &db->group_count);
	db->groups = arena_array(r->arena, db->group_count, sizeof(*db->groups));
	autofree const struct value **includes = mem_zero(db->group_count, sizeof(const struct value *));

	for (size_t i = 0; i < db->group_count; i++) {
		struct group_fields fields = {0};
		struct group *g = &db->groups[i];

		g->name = names[i].name;
		g->canonical = names[i].canonical;
		g->pos = names[i].pos;
		if (names[i].value->kind == VALUE_TEXT && !schema_is_empty(names[i].value))
			fields.description = schema_line(r, names[i].value, "a group's description", NULL);
		else
			schema_read(r, names[i].value, "a group", g->pos, group_rows, &fields);
		g->description = fields.description;
		includes[i] = fields.include;
	}
	for (size_t i = 0; i < db->group_count; i++)
		refer_groups(r, includes[i], "'include'", &db->groups[i].includes, &db->groups[i].include_count, NULL);
	check_groups(r, includes);
}

/* The text without white space: PEP 440 gives none a meaning. */
static const char *without_space(struct arena *a, const char *text)
{
	char *out = arena_strdup(a, text), *end = out;

	for (const char *p = out; *p; p++) {
		if (*p != ' ' && *p != '\t')
			*end++ = *p;
	}
	*end = '\0';
	return out;
}

static void read_range(struct reader *r, const struct value *v, struct constraint *c)
{
	const char *text = schema_line(r, v, "'range'", NULL);
	size_t at = 0;

	c->pos = v->pos;
	if (!text)
		return;
	if (!specifier_set_parse(r->arena, text, &at)) {
		diag_error(r->diag, schema_pos_in(r, v, at), "'%s' is no version specifier (PEP 440)", text);
		if (version_parse(r->arena, text))
			diag_hint(r->diag, "for this version alone write exact: \"%s\"", text);
		else
			diag_hint(r->diag, "as \">=1.14,<1.17\" or \"~=2.3\"");
		return;
	}
	c->kind = CONSTRAINT_RANGE;
	c->specifier = without_space(r->arena, text);
}

static void read_exact(struct reader *r, const struct value *v, struct constraint *c)
{
	const char *text = schema_line(r, v, "'exact'", NULL);
	size_t at = 0;

	c->pos = v->pos;
	if (!text)
		return;
	const char *specifier = arena_printf(r->arena, "==%s", without_space(r->arena, text));

	if (!version_parse(r->arena, text)) {
		diag_error(r->diag, v->pos, "'%s' is no version (PEP 440)", text);
		if (specifier_set_parse(r->arena, specifier, &at))
			diag_hint(r->diag, "for all versions like it write range: \"%s\"", specifier);
		else if (specifier_set_parse(r->arena, text, &at))
			diag_hint(r->diag, "a specifier belongs into 'range'");
		return;
	}
	c->kind = CONSTRAINT_EXACT;
	c->specifier = specifier;
}

static void read_constraint(struct reader *r, const struct package_fields *fields, struct package *p)
{
	struct constraint *c = &p->constraint;

	*c = (struct constraint){.specifier = "", .why = fields->why, .link = fields->link, .pos = p->pos};
	if (fields->range)
		read_range(r, fields->range, c);
	if (fields->range && fields->exact)
		diag_error(r->diag, fields->exact->pos, "package '%s' has a range and an exact version; it can have one", p->name);
	else if (fields->exact)
		read_exact(r, fields->exact, c);
	if ((fields->range || fields->exact) && !fields->why) {
		diag_error(r->diag, c->pos, "the constraint of '%s' has no reason", p->name);
		diag_hint(r->diag, "say in 'why' what goes wrong without it, so that others know when it can go");
	}
}

/* Two spellings of one extra are one extra. */
static void set_extras(struct arena *a, struct package *p, const char **extras, size_t count)
{
	for (size_t i = 0; i < count; i++)
		extras[i] = name_canonical(a, extras[i]);
	if (count)
		qsort(extras, count, sizeof(*extras), text_compare_items);
	p->extras = extras;
	for (size_t i = 0; i < count; i++) {
		if (!i || strcmp(extras[i], extras[i - 1]) != 0)
			extras[p->extra_count++] = extras[i];
	}
}

static void read_package(struct reader *r, const struct schema_named *named, struct package *p)
{
	struct package_fields fields = {0};

	p->name = named->name;
	p->canonical = named->canonical;
	p->pos = named->pos;
	p->constraint = (struct constraint){.specifier = "", .pos = p->pos};
	if (!schema_read(r, named->value, "a package", p->pos, package_rows, &fields))
		return;
	read_constraint(r, &fields, p);
	refer_groups(r, fields.groups, "'groups'", &p->groups, &p->group_count, NULL);
	for (size_t i = 0; i < p->group_count; i++)
		*arena_push(r->arena, &p->groups[i]->packages, &p->groups[i]->package_count) = p;
	set_extras(r->arena, p, fields.extras, fields.extra_count);
	struct index *index = fields.index ? refer_index(r, fields.index) : NULL;

	p->index = index ? index->alias : NULL;
}

static void load_packages(struct reader *r, const struct value *v)
{
	struct schema_named *names;
	struct database *db = r->db;

	r->packages_unread = v->kind != VALUE_TABLE && !schema_is_empty(v);
	if (!schema_is_table(r, v, "'packages'"))
		return;
	schema_names(r, v, "package", &word_python_name, true, &names, &db->package_count);
	db->packages = arena_array(r->arena, db->package_count, sizeof(*db->packages));
	for (size_t i = 0; i < db->package_count; i++)
		read_package(r, &names[i], &db->packages[i]);
}

void load_python(struct reader *r, struct python_later *ret_later)
{
	static const struct pos at = {"recipes/python.yaml", 0, 0};
	struct python_fields fields = {0};
	struct value *v = load_file(r, "recipes/python.yaml");

	r->groups_unread = r->packages_unread = true;
	if (v && schema_read(r, v, "a file", at, python_rows, &fields)) {
		if (fields.groups)
			load_groups(r, fields.groups);
		if (fields.packages)
			load_packages(r, fields.packages);
	}
	*ret_later = fields.later;
}

struct conflict_fields {
	const struct value *groups;
	const char *why;
};

static const struct schema_row conflict_rows[] = {
	{.key = "groups", SCHEMA_VALUE, SCHEMA_REQUIRED, offsetof(struct conflict_fields, groups), .description = "two or more groups"},
	{.key = "why", SCHEMA_LINE, SCHEMA_REQUIRED, offsetof(struct conflict_fields, why), .description = "why they cannot be in one container"},
	{.key = NULL},
};

static void read_conflict(struct reader *r, const struct value *v)
{
	struct conflict_fields fields = {0};
	struct conflict *c;

	if (!schema_read(r, v, "a conflict", v->pos, conflict_rows, &fields) || !fields.groups)
		return;
	c = arena_push(r->arena, &r->db->conflicts, &r->db->conflict_count);
	*c = (struct conflict){.why = fields.why ? fields.why : "", .pos = v->pos};
	refer_groups(r, fields.groups, "'groups'", &c->groups, &c->group_count, NULL);
	if (fields.groups->kind == VALUE_ARRAY && fields.groups->item_count < 2)
		diag_error(r->diag, fields.groups->pos, "a conflict is between two groups or more");
}

struct difference_fields {
	const struct value *package, *containers;
	const char *why;
};

static const struct schema_row difference_rows[] = {
	{.key = "package", SCHEMA_VALUE, SCHEMA_REQUIRED, offsetof(struct difference_fields, package), .description = "the package, declared here or not"},
	{.key = "containers", SCHEMA_VALUE, 0, offsetof(struct difference_fields, containers), .description = "where it may differ; everywhere when missing"},
	{.key = "why", SCHEMA_LINE, SCHEMA_REQUIRED, offsetof(struct difference_fields, why), .description = "why it may differ"},
	{.key = NULL},
};

static void read_difference(struct reader *r, const struct value *v)
{
	struct difference_fields fields = {0};

	if (!schema_read(r, v, "a difference", v->pos, difference_rows, &fields) || !fields.package)
		return;
	const char *name = schema_line(r, fields.package, "'package'", &word_python_name);

	if (!name)
		return;
	struct difference *d = arena_push(r->arena, &r->db->differences, &r->db->difference_count);

	*d = (struct difference){.canonical = name_canonical(r->arena, name), .why = fields.why ? fields.why : "", .pos = v->pos};
	d->package = database_package(r->db, d->canonical);
	if (!fields.containers || !schema_is_list(r, fields.containers, "'containers'"))
		return;
	for (size_t i = 0; i < fields.containers->item_count; i++) {
		struct container *c = refer_container(r, fields.containers->items[i]);

		if (c)
			*arena_push(r->arena, &d->containers, &d->container_count) = c;
	}
	schema_report_repeated(r, fields.containers, "'containers'");
}

void load_python_later(struct reader *r, const struct python_later *later)
{
	if (later->conflicts && schema_is_list(r, later->conflicts, "'conflicts'")) {
		for (size_t i = 0; i < later->conflicts->item_count; i++)
			read_conflict(r, later->conflicts->items[i]);
	}
	if (later->differences && schema_is_list(r, later->differences, "'differences'")) {
		for (size_t i = 0; i < later->differences->item_count; i++)
			read_difference(r, later->differences->items[i]);
	}
}
