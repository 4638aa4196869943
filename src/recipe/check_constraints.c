/* Constraints of one package that can never hold together, and references that their own constraints refuse: what can be seen without asking an index. */
#include "recipe/load.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "python/marker.h"
#include "python/version.h"
#include "recipe/constraint.h"

/* Of one package, more are not compared with one another: what is cheap for people's databases must not be dear for anybody's. */
enum { COMPARED_MAX = 200 };

static bool marker_holds_in(struct arena *a, const char *marker, const struct environment *e)
{
	struct marker_interpreter interpreter = {e->python, e->implementation, e->os, e->machine};
	struct marker_environment lowest, highest;
	size_t at;
	const struct marker *parsed = marker ? marker_parse(a, marker, &at) : NULL;

	if (!parsed)
		return true;
	/* The patch release is not known: what may hold counts as holding only where it does for the first and a very late one. */
	marker_values(&interpreter, arena_printf(a, "%s.0", e->python), &lowest);
	marker_values(&interpreter, arena_printf(a, "%s.99", e->python), &highest);
	return marker_holds(parsed, &lowest, "") && marker_holds(parsed, &highest, "");
}

/* Where both hold for certain, for messages; NULL when there is no such environment of the container. */
static const char *meeting_place(struct arena *a, const struct container *c, const struct container_constraint *one, const struct container_constraint *other)
{
	const struct base *base = c->base;

	if (!one->marker && !other->marker)
		return arena_printf(a, "container '%s'", c->name);
	for (size_t i = 0; i <= base->further_count; i++) {
		const struct environment *e = i ? &base->further[i - 1] : &base->environment;

		if (marker_holds_in(a, one->marker, e) && marker_holds_in(a, other->marker, e))
			return arena_printf(a, "container '%s' with Python %s on %s", c->name, e->python, e->machine);
	}
	return NULL;
}

static struct specifier_set **parse_all(struct arena *a, const struct container_constraint *list, size_t count)
{
	struct specifier_set **sets = arena_array(a, count, sizeof(*sets));
	size_t at;

	for (size_t i = 0; i < count; i++)
		sets[i] = specifier_set_parse(a, list[i].specifier, &at);
	return sets;
}

static const char *what_of(const struct container_constraint *c)
{
	return c->hold ? "hold" : "constraint";
}

static void report_pair(struct reader *r, const char *place, const struct package *p, const struct container_constraint *one,
			const struct container_constraint *other)
{
	bool one_is_later = one->pos.line > other->pos.line || (one->pos.line == other->pos.line && one->pos.column > other->pos.column);
	const struct container_constraint *first = one_is_later ? other : one, *later = one_is_later ? one : other;

	diag_error(r->diag, later->pos, "'%s' cannot be '%s' and '%s', the %s of line %u: both hold in %s", p->name, later->specifier, first->specifier,
		   what_of(first), first->pos.line, place);
}

static void check_pairs(struct reader *r, struct arena *a, const struct container *c, const struct package *p, const struct container_constraint *list,
			size_t count)
{
	struct specifier_set **sets = parse_all(a, list, count);

	for (size_t i = 0; i < count && i < COMPARED_MAX; i++) {
		for (size_t j = 0; j < i; j++) {
			const char *place = NULL;

			if (sets[i] && sets[j] && specifier_sets_exclude(sets[i], sets[j]))
				place = meeting_place(a, c, &list[i], &list[j]);
			if (place) {
				report_pair(r, place, p, &list[j], &list[i]);
				return;
			}
		}
	}
}

static void check_reference(struct reader *r, struct arena *a, const struct container *c, const struct package *p, const struct container_constraint *list,
			    size_t count)
{
	struct container_constraint reference = {0};

	for (size_t i = 0; i < count; i++) {
		size_t at;
		const struct specifier_set *set = specifier_set_parse(a, list[i].specifier, &at);
		bool refuses = set && !specifier_set_contains(set, p->reference->version, true);
		const char *place = refuses ? meeting_place(a, c, &reference, &list[i]) : NULL;

		if (!place)
			continue;
		diag_error(r->diag, list[i].pos, "'from' gives '%s' %s, which the %s '%s' refuses in %s", p->name, p->reference->version, what_of(&list[i]),
			   list[i].specifier, place);
		return;
	}
}

static bool is_interesting(const struct package *p)
{
	size_t count = (*p->constraint.specifier != '\0') + p->constraint_count + (p->hold != NULL);

	return count > 1 || (count && p->reference && p->reference->version);
}

static void check_package(struct reader *r, const struct container *c, const struct package *p)
{
	autoarena struct arena scratch = {0};
	struct container_constraint *list;
	size_t count;

	container_constraints(&scratch, c, p, r->db->without_holds, &list, &count);
	check_pairs(r, &scratch, c, p, list, count);
	if (p->reference && p->reference->version)
		check_reference(r, &scratch, c, p, list, count);
}

static void check_repeated(struct reader *r, const struct package *p)
{
	autoarena struct arena scratch = {0};
	size_t count = p->constraint_count < COMPARED_MAX ? p->constraint_count : COMPARED_MAX;
	const char **keys = arena_array(&scratch, count, sizeof(*keys));

	for (size_t i = 0; i < count; i++) {
		const struct constraint *c = &p->constraints[i];

		keys[i] = constraint_key(&scratch, c);
		for (size_t j = 0; *c->specifier && j < i; j++) {
			if (strcmp(keys[i], keys[j]) != 0)
				continue;
			diag_error(r->diag, c->pos, "this constraint of '%s' is given twice; the first is in line %u", p->name, p->constraints[j].pos.line);
			break;
		}
	}
}

void check_constraints(struct reader *r)
{
	struct database *db = r->db;
	autofree bool *said = mem_zero(db->package_count, sizeof(bool));

	for (size_t i = 0; i < db->package_count; i++)
		check_repeated(r, &db->packages[i]);
	for (size_t i = 0; i < db->container_count; i++) {
		autoarena struct arena scratch = {0};
		const struct container *c = &db->containers[i];
		struct package **packages;
		size_t count;

		if (!c->base)
			continue;
		container_packages(&scratch, c, &packages, &count);
		for (size_t j = 0; j < count; j++) {
			bool *is_said = &said[packages[j] - db->packages];
			size_t errors = r->diag->error_count;

			if (*is_said || !is_interesting(packages[j]))
				continue;
			check_package(r, c, packages[j]);
			*is_said = r->diag->error_count > errors;
		}
	}
}
