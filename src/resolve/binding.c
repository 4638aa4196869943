/* What a question says besides wishes: packages that come from one place only, and requirements that are left out. */
#include <string.h>

#include "base/text.h"
#include "python/version.h"
#include "resolve/question.h"

bool asker_wants(const struct asker *asker, const char *canonical)
{
	for (size_t i = 0; i < asker->want_count; i++) {
		if (!asker->wants[i].left_out && !asker->wants[i].is_limit && !strcmp(asker->wants[i].canonical, canonical))
			return true;
	}
	return false;
}

/* With conflicts, what one container asks for does not hold in the answer for another. */
static bool is_asked_for(const struct question *q, const char *name, const struct lock_environment *environment)
{
	for (size_t i = 0; i < q->asker_count && !q->conflict_count; i++) {
		const struct asker *asker = &q->askers[i];
		bool is_there = false;

		for (size_t j = 0; j < asker->environment_count; j++)
			is_there = is_there || asker->environments[j] == environment;
		for (size_t j = 0; is_there && !asker->left_out && j < asker->want_count; j++) {
			const struct want *w = &asker->wants[j];

			if (!w->left_out && !w->is_limit && !w->marker && !strcmp(w->canonical, name))
				return true;
		}
	}
	return false;
}

void question_ask_for_bonds(struct arena *a, struct question *q)
{
	struct bond *bonds = arena_array(a, q->bond_count, sizeof(*bonds));

	if (q->bond_count)
		memcpy(bonds, q->bonds, q->bond_count * sizeof(*bonds));
	q->bonds = bonds;
	for (size_t i = 0; i < q->bond_count; i++) {
		struct bond *bond = &q->bonds[i];

		for (size_t j = 0; j < q->asker_count; j++) {
			for (size_t k = 0; k < q->askers[j].environment_count; k++) {
				const struct lock_environment *environment = q->askers[j].environments[k];
				bool known = is_asked_for(q, bond->canonical, environment);

				for (size_t l = 0; l < bond->asked_in_count; l++)
					known = known || bond->asked_in[l] == environment;
				if (!known)
					*arena_push(a, &bond->asked_in, &bond->asked_in_count) = environment;
			}
		}
	}
}

bool question_has(const struct question *q, const struct pin *pin, const char *environment)
{
	for (size_t i = 0; i < pin->environment_count; i++) {
		if (!strcmp(pin->environments[i], environment))
			return true;
	}
	for (size_t i = 0; i < pin->container_count && !pin->environment_count; i++) {
		for (size_t j = 0; j < q->asker_count; j++) {
			for (size_t k = 0; k < q->askers[j].environment_count && !strcmp(q->askers[j].name, pin->containers[i]); k++) {
				if (!strcmp(q->askers[j].environments[k]->name, environment))
					return true;
			}
		}
	}
	return false;
}

/* Whether a package is reached, in this environment, by someone. */
static bool is_reached(const struct question *q, const struct pin *pins, size_t count, const char *name, const char *environment)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(pins[i].name, name) && (pins[i].layer_count || question_has(q, &pins[i], environment)))
			return true;
	}
	return false;
}

bool question_drop_unreached_bonds(struct question *q, const struct pin *pins, size_t count)
{
	bool dropped = false;

	for (size_t i = 0; i < q->bond_count; i++) {
		struct bond *bond = &q->bonds[i];
		size_t kept = 0;

		for (size_t j = 0; j < bond->asked_in_count; j++) {
			if (is_reached(q, pins, count, bond->canonical, bond->asked_in[j]->name))
				bond->asked_in[kept++] = bond->asked_in[j];
		}
		dropped = dropped || kept < bond->asked_in_count;
		bond->asked_in_count = kept;
	}
	return dropped;
}

static bool leave_out(struct arena *a, struct question *q, const struct waiver *waiver, const char *version)
{
	for (size_t i = 0; i < q->left_out_edge_count; i++) {
		const struct left_out_edge *known = &q->left_out_edges[i];

		if (!strcmp(known->package, waiver->package) && !strcmp(known->waiver->required, waiver->required) &&
		    (!known->version || text_equal(known->version, version)))
			return false;
	}
	*arena_push(a, &q->left_out_edges, &q->left_out_edge_count) =
		(struct left_out_edge){.package = waiver->package, .version = arena_strdup_null(a, version), .waiver = waiver};
	return true;
}

bool question_waive_at_once(struct arena *a, struct question *q, const struct waiver *waiver)
{
	const char *version = text_starts_with(waiver->specifier, "==") ? waiver->specifier + 2 : NULL;
	const struct version *v = version ? version_parse(a, version + strspn(version, " ")) : NULL;

	if (*waiver->specifier && !v)
		return false;
	leave_out(a, q, waiver, v ? version_normal(a, v) : NULL);
	return true;
}

bool question_waive(struct arena *a, struct question *q, const char *package, const char *version)
{
	bool is_new = false;

	for (size_t i = 0; i < q->waiver_count; i++) {
		const struct waiver *waiver = &q->waivers[i];
		size_t at;

		if (strcmp(waiver->package, package) != 0)
			continue;
		const struct specifier_set *set = specifier_set_parse(a, waiver->specifier, &at);

		if (set && specifier_set_contains(set, version, true))
			is_new = leave_out(a, q, waiver, version) || is_new;
	}
	return is_new;
}
