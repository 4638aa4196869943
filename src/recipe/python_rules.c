/* What recipes/python.yaml says of packages and groups beside declaring them: conflicts, differences, waivers and build constraints. */
#include "recipe/load.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "python/name.h"
#include "python/version.h"
#include "recipe/constraint.h"

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

struct waiver_fields {
	const struct value *package, *required, *versions, *review;
	const char *why, *link;
};

static const struct schema_row waiver_rows[] = {
	{.key = "package", SCHEMA_VALUE, SCHEMA_REQUIRED, offsetof(struct waiver_fields, package), .description = "the package that requires something"},
	{.key = "requires", SCHEMA_VALUE, SCHEMA_REQUIRED, offsetof(struct waiver_fields, required), .description = "what it requires, wrongly"},
	{.key = "versions", SCHEMA_VALUE, 0, offsetof(struct waiver_fields, versions), .description = "which versions of the package; all when missing"},
	{.key = "why", SCHEMA_LINE, SCHEMA_REQUIRED, offsetof(struct waiver_fields, why), .description = "how it is known that the requirement is wrong"},
	{.key = "review",
	 SCHEMA_VALUE,
	 SCHEMA_REQUIRED,
	 offsetof(struct waiver_fields, review),
	 .description = "the day by which somebody looks at it again, as 2026-12-31"},
	{.key = "link", SCHEMA_LINE, 0, offsetof(struct waiver_fields, link), .form = &word_url, .description = "where the reason is told at length"},
	{.key = NULL},
};

/* A canonical name, or NULL. */
static const char *read_name(struct reader *r, const struct value *v, const char *what)
{
	const char *name = v ? schema_line(r, v, what, &word_python_name) : NULL;

	return name ? name_canonical(r->arena, name) : NULL;
}

/* In its normal form; "" for a bad one, which is said. */
static const char *read_versions(struct reader *r, const struct value *v)
{
	const char *text = schema_line(r, v, "'versions'", NULL);
	size_t at = 0;
	const struct specifier_set *set = text ? specifier_set_parse(r->arena, text, &at) : NULL;

	if (text && !set) {
		diag_error(r->diag, schema_pos_in(r, v, at), "'%s' is no version specifier (PEP 440)", text);
		diag_hint(r->diag, "as \"==%s\"", version_parse(r->arena, text) ? text : "1.0");
	}
	return set ? specifier_set_normal(set) : "";
}

static void read_waiver(struct reader *r, const struct value *v)
{
	struct waiver_fields fields = {0};
	struct waiver w = {.specifier = "", .pos = v->pos};
	size_t errors = r->diag->error_count;

	if (!schema_read(r, v, "a waiver", v->pos, waiver_rows, &fields))
		return;
	w.package = read_name(r, fields.package, "'package'");
	w.required = read_name(r, fields.required, "'requires'");
	w.why = fields.why ? fields.why : "";
	w.link = fields.link;
	if (fields.versions)
		w.specifier = read_versions(r, fields.versions);
	if (fields.review) {
		autofree char *what = mem_printf("the waiver of '%s'", w.required ? w.required : "?");

		w.review = review_read(r, fields.review, what);
	}
	if (w.package && w.required && !strcmp(w.package, w.required))
		diag_error(r->diag, fields.required->pos, "'%s' would be waived of itself; a waiver is about what a package requires of another", w.required);
	if (r->diag->error_count == errors)
		*arena_push(r->arena, &r->db->waivers, &r->db->waiver_count) = w;
}

static int compare_waivers(const void *left, const void *right)
{
	const struct waiver *a = *(const struct waiver *const *)left, *b = *(const struct waiver *const *)right;
	int order = strcmp(a->package, b->package);

	if (!order)
		order = strcmp(a->required, b->required);
	if (!order)
		order = strcmp(a->specifier, b->specifier);
	return order ? order : (a > b) - (a < b);
}

static void report_repeated_waivers(struct reader *r)
{
	size_t count = r->db->waiver_count;
	autofree const struct waiver **sorted = mem_zero(count, sizeof(const struct waiver *));

	for (size_t i = 0; i < count; i++)
		sorted[i] = &r->db->waivers[i];
	if (count)
		qsort(sorted, count, sizeof(const struct waiver *), compare_waivers);
	for (size_t i = 1; i < count; i++) {
		const struct waiver *a = sorted[i - 1], *b = sorted[i];

		if (!strcmp(a->package, b->package) && !strcmp(a->required, b->required) && !strcmp(a->specifier, b->specifier))
			diag_error(r->diag, b->pos, "this waiver is given twice; the first is in line %u", a->pos.line);
	}
}

struct build_fields {
	struct constraint_fields form;
};

static const struct schema_row build_rows[] = {
	CONSTRAINT_FORM_ROWS(struct build_fields),
	CONSTRAINT_REASON_ROWS(struct build_fields, 0),
	{.key = NULL},
};

static void read_build_constraint(struct reader *r, const struct schema_named *named, struct build_constraint *ret)
{
	autofree char *owner = mem_printf("the build constraint of '%s'", named->name);
	struct build_fields fields = {0};

	*ret = (struct build_constraint){.name = named->name, .canonical = named->canonical, .constraint = {.specifier = "", .pos = named->pos}};
	if (!schema_read(r, named->value, "a build constraint", named->pos, build_rows, &fields))
		return;
	if (!constraint_need_form(r, &fields.form, owner, named->pos))
		return;
	constraint_read(r, &fields.form, owner, named->pos, &ret->constraint);
	constraint_need_reason(r, &ret->constraint, named->name);
}

static void read_build_constraints(struct reader *r, const struct value *v)
{
	struct database *db = r->db;
	struct schema_named *names;

	schema_names(r, v, "package", &word_python_name, true, &names, &db->build_constraint_count);
	db->build_constraints = arena_array(r->arena, db->build_constraint_count, sizeof(*db->build_constraints));
	for (size_t i = 0; i < db->build_constraint_count; i++)
		read_build_constraint(r, &names[i], &db->build_constraints[i]);
}

static void read_list(struct reader *r, const struct value *v, const char *what, void (*read)(struct reader *r, const struct value *item))
{
	if (!v || !schema_is_list(r, v, what))
		return;
	for (size_t i = 0; i < v->item_count; i++)
		read(r, v->items[i]);
}

static void read_conditions(struct reader *r)
{
	for (size_t i = 0; i < r->condition_count; i++) {
		size_t errors = r->diag->error_count;

		condition_read(r, r->conditions[i].when, r->conditions[i].constraint);
		/* Without its condition it would be compared with others where it was not meant to apply. */
		if (r->diag->error_count > errors)
			r->conditions[i].constraint->specifier = "";
	}
}

void load_python_later(struct reader *r, const struct python_later *later)
{
	read_conditions(r);
	read_list(r, later->conflicts, "'conflicts'", read_conflict);
	read_list(r, later->differences, "'differences'", read_difference);
	read_list(r, later->waivers, "'waivers'", read_waiver);
	report_repeated_waivers(r);
	if (later->build_constraints && schema_is_table(r, later->build_constraints, "'build_constraints'"))
		read_build_constraints(r, later->build_constraints);
}
