#include "recipe/load.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "python/name.h"
#include "recipe/constraint.h"

struct python_fields {
	const struct value *groups, *packages;
	struct python_later later;
};

struct group_fields {
	const char *description;
	const struct value *include;
};

struct package_fields {
	struct constraint_fields form;
	const struct value *groups, *index, *constraints, *hold, *from, *overwrites;
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
	{.key = "waivers",
	 SCHEMA_VALUE,
	 0,
	 offsetof(struct python_fields, later.waivers),
	 .description = "requirements of packages on others that are left out, each with its reason"},
	{.key = "build_constraints",
	 SCHEMA_VALUE,
	 0,
	 offsetof(struct python_fields, later.build_constraints),
	 .description = "what builds of sdists may use, by package"},
	{.key = NULL},
};

static const struct schema_row group_rows[] = {
	{.key = "description", SCHEMA_LINE, 0, offsetof(struct group_fields, description), .description = "what the group is for"},
	{.key = "include", SCHEMA_VALUE, 0, offsetof(struct group_fields, include), .description = "groups that are part of it"},
	{.key = NULL},
};

/* 'when' here would make the only constraint a conditional one, where readers look for what always holds. */
static void refuse_when(struct reader *r, const struct value *v, void *target)
{
	(void)target;
	if (v->kind == VALUE_NULL)
		return;
	diag_error(r->diag, v->pos, "a constraint with 'when' is an item of 'constraints'");
	diag_hint(r->diag, "as constraints: [{range: \"<2\", when: {container: NAME}, why: ...}]");
}

static const struct schema_row package_rows[] = {
	{.key = "groups", SCHEMA_VALUE, 0, offsetof(struct package_fields, groups), .description = "the groups it is in"},
	CONSTRAINT_FORM_ROWS(struct package_fields),
	CONSTRAINT_REASON_ROWS(struct package_fields, 0),
	{.key = "constraints",
	 SCHEMA_VALUE,
	 0,
	 offsetof(struct package_fields, constraints),
	 .description = "further constraints, each with its reason, and 'when' it applies"},
	{.key = "when", SCHEMA_READ, .read = refuse_when, .description = "of an item of 'constraints'"},
	{.key = "hold", SCHEMA_VALUE, 0, offsetof(struct package_fields, hold), .description = "a constraint that is kept only until somebody has the time"},
	{.key = "extras",
	 SCHEMA_SET,
	 0,
	 offsetof(struct package_fields, extras),
	 offsetof(struct package_fields, extra_count),
	 &word_python_name,
	 .description = "extras that are wanted of it (PEP 508)"},
	{.key = "index", SCHEMA_VALUE, 0, offsetof(struct package_fields, index), .description = "alias of the only index it may come from"},
	{.key = "from", SCHEMA_VALUE, 0, offsetof(struct package_fields, from), .description = "the one place it comes from: git, url or path"},
	{.key = "overwrites",
	 SCHEMA_VALUE,
	 0,
	 offsetof(struct package_fields, overwrites),
	 .description = "packages that own some of its files, too, with other bytes: its own are those in an image"},
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

/* *ret_overwrites: for when all packages are known. */
static void read_package(struct reader *r, const struct schema_named *named, struct package *p, const struct value **ret_overwrites)
{
	struct package_fields fields = {0};

	p->name = named->name;
	p->canonical = named->canonical;
	p->pos = named->pos;
	p->constraint = (struct constraint){.specifier = "", .pos = p->pos};
	if (!schema_read(r, named->value, "a package", p->pos, package_rows, &fields))
		return;
	autofree char *owner = mem_printf("package '%s'", p->name);

	*ret_overwrites = fields.overwrites;
	constraint_read(r, &fields.form, owner, p->pos, &p->constraint);
	if (constraint_count(&fields.form) > 1)
		diag_hint(r->diag, "further ones, each with its reason, go under 'constraints'");
	if (constraint_count(&fields.form))
		constraint_need_reason(r, &p->constraint, p->name);
	if (fields.constraints)
		constraints_read(r, fields.constraints, p);
	if (fields.hold)
		hold_read(r, fields.hold, p);
	if (fields.from)
		reference_read(r, fields.from, p);
	refer_groups(r, fields.groups, "'groups'", &p->groups, &p->group_count, NULL);
	for (size_t i = 0; i < p->group_count; i++)
		*arena_push(r->arena, &p->groups[i]->packages, &p->groups[i]->package_count) = p;
	set_extras(r->arena, p, fields.extras, fields.extra_count);
	struct index *index = fields.index ? refer_index(r, fields.index) : NULL;

	p->index = index ? index->alias : NULL;
	if (fields.from && fields.index)
		diag_error(r->diag, fields.index->pos, "package '%s' has 'from' and 'index'; it comes from one place", p->name);
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
	autofree const struct value **overwrites = mem_zero(db->package_count, sizeof(const struct value *));

	for (size_t i = 0; i < db->package_count; i++)
		read_package(r, &names[i], &db->packages[i], &overwrites[i]);
	read_overwrites(r, overwrites);
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
