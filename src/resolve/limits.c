/* Constraints of packages that a container has only because others require them. */
#include <string.h>

#include "lock/environment.h"
#include "python/version.h"
#include "resolve/question.h"

static bool is_differing(const struct database *db, const struct package *p)
{
	for (size_t i = 0; i < db->difference_count; i++) {
		if (!strcmp(db->differences[i].canonical, p->canonical))
			return true;
	}
	return false;
}

/* False when the asker has it already. Where containers may differ in the package, what is said of one of them is no matter of the others. */
static bool add_limit(struct arena *a, const struct package *p, const struct container_constraint *c, bool may_differ, struct asker *asker)
{
	for (size_t i = 0; i < asker->want_count; i++) {
		const struct want *known = &asker->wants[i];

		if (known->package == p && known->pos.line == c->pos.line && known->pos.column == c->pos.column)
			return false;
	}
	*arena_push(a, &asker->wants, &asker->want_count) = (struct want){.canonical = p->canonical,
									  .extras = "",
									  .specifier = c->specifier,
									  .marker = c->marker,
									  .package = p,
									  .through = "where something requires it",
									  .why = c->why,
									  .hold = c->hold,
									  .pos = c->pos,
									  .is_limit = true,
									  .may_differ = may_differ};
	return true;
}

static bool is_wanted(const struct question *q, const struct package *p)
{
	for (size_t i = 0; i < q->asker_count; i++) {
		if (asker_wants(&q->askers[i], p->canonical))
			return true;
	}
	return false;
}

/* Whether it says nothing of a container or of what is in one. */
static bool is_everywhere(const struct constraint *c)
{
	for (size_t i = 0; c && i < c->when_count; i++) {
		if (c->when[i].kind != CONDITION_MARKER)
			return false;
	}
	return true;
}

/* The same constraint, as it is there; NULL: the one that has no condition, or the hold. */
static const struct constraint *declared(const struct package *p, const struct container_constraint *c)
{
	for (size_t i = 0; i < p->constraint_count; i++) {
		if (p->constraints[i].pos.line == c->pos.line && p->constraints[i].pos.column == c->pos.column)
			return &p->constraints[i];
	}
	return NULL;
}

void question_limit(struct arena *a, const struct database *db, bool without_holds, struct question *q)
{
	for (size_t i = 0; i < db->package_count; i++) {
		const struct package *p = &db->packages[i];

		if (is_wanted(q, p))
			continue;
		for (size_t j = 0; j < q->asker_count; j++) {
			struct container_constraint *list;
			size_t count;

			container_constraints(a, &db->containers[j], p, without_holds, &list, &count);
			for (size_t k = 0; k < count; k++) {
				if (is_everywhere(declared(p, &list[k])))
					add_limit(a, p, &list[k], false, &q->askers[j]);
			}
		}
	}
}

/* Whether a pin is where a constraint of its container is not met. */
static bool is_broken(struct arena *a, const struct question *q, const struct asker *asker, const struct pin *pin, const struct container_constraint *c)
{
	size_t at;
	const struct specifier_set *set = specifier_set_parse(a, c->specifier, &at);
	const struct marker *marker = c->marker ? marker_parse(a, c->marker, &at) : NULL;

	if (!set || specifier_set_contains(set, pin->version, true))
		return false;
	for (size_t i = 0; i < asker->environment_count; i++) {
		struct environment_values values;

		environment_values(a, asker->environments[i], &values);
		if (environment_holds(&values, marker, "") && question_has(q, pin, asker->environments[i]->name))
			return true;
	}
	return false;
}

static bool limit_pin(struct arena *a, const struct question *q, const struct container *container, const struct package *p, const struct pin *pin,
		      bool without_holds, bool is_differing, struct asker *asker)
{
	struct container_constraint *list;
	size_t count;
	bool is_new = false;

	container_constraints(a, container, p, without_holds, &list, &count);
	for (size_t i = 0; i < count; i++) {
		if (is_broken(a, q, asker, pin, &list[i]))
			is_new = add_limit(a, p, &list[i], is_differing && !is_everywhere(declared(p, &list[i])), asker) || is_new;
	}
	return is_new;
}

bool question_limit_reached(struct arena *a, const struct database *db, bool without_holds, struct question *q, const struct pin *pins, size_t count)
{
	bool is_new = false;

	for (size_t i = 0; i < count; i++) {
		const struct package *p = database_package(db, pins[i].name);

		if (!p)
			continue;
		bool differs = is_differing(db, p);

		for (size_t j = 0; j < q->asker_count; j++) {
			if (pin_in_container(&pins[i], q->askers[j].name) && !asker_wants(&q->askers[j], p->canonical))
				is_new = limit_pin(a, q, &db->containers[j], p, &pins[i], without_holds, differs, &q->askers[j]) || is_new;
		}
	}
	return is_new;
}
