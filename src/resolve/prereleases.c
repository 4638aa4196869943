#include "resolve/prereleases.h"

#include <string.h>

#include "python/version.h"
#include "resolve/candidates.h"
#include "resolve/clash_said.h"

struct unwanted_prerelease {
	const char *name, *release; /* a release that there is instead */
};

static bool is_prerelease(struct arena *a, const char *version)
{
	const struct version *v = version_parse(a, version);

	return v && version_is_prerelease(v);
}

/* Whether all that is asked for by this name is satisfied by `release`, and something is. A constraint that names a pre-release asks for them. */
static bool is_satisfied(const struct question *q, const char *name, const char *release)
{
	bool is_asked_for = false;

	for (size_t i = 0; i < q->asker_count; i++) {
		for (size_t j = 0; j < q->askers[i].want_count && !q->askers[i].left_out; j++) {
			const struct want *w = &q->askers[i].wants[j];
			autoarena struct arena scratch = {0};
			size_t at;

			if (w->left_out || strcmp(w->canonical, name) != 0)
				continue;
			const struct specifier_set *set = w->loose ? NULL : specifier_set_parse(&scratch, w->specifier, &at);

			if (set && (specifier_set_names_prerelease(set) || !specifier_set_contains(set, release, true)))
				return false;
			is_asked_for = is_asked_for || !w->is_limit;
		}
	}
	return is_asked_for;
}

static bool is_required(const struct projection *p, const char *name)
{
	for (size_t i = 0; i < p->pin_count; i++) {
		for (size_t j = 0; j < p->pins[i].edge_count; j++) {
			if (!p->pins[i].edges[j].waived && !strcmp(p->pins[i].edges[j].name, name) && strcmp(p->pins[i].name, name) != 0)
				return true;
		}
	}
	return false;
}

static bool is_known(const struct asking *a, const char *name)
{
	for (size_t i = 0; i < a->unwanted_count; i++) {
		if (!strcmp(a->unwanted[i].name, name))
			return true;
	}
	return false;
}

/* What is locked already may stay, as what is installed may (PEP 440). */
static bool is_kept(const struct search_wish *wish, const struct pin *pin)
{
	for (size_t i = 0; wish->last && !wish->upgrade_all && !search_wish_moves(wish, pin->name) && i < wish->last->pin_count; i++) {
		if (!strcmp(wish->last->pins[i].name, pin->name) && !strcmp(wish->last->pins[i].version, pin->version))
			return true;
	}
	return false;
}

static int note(struct asking *a, const struct question *q, const struct pin *pins, size_t count, struct error *err)
{
	struct arena *arena = a->search->arena;
	struct candidates found;

	if (candidates_find(arena, a->listings, a, q, NULL, pins, count, NULL, &found, err) < 0)
		return -1;
	for (size_t i = 0; i < found.count; i++) {
		if (is_prerelease(arena, found.versions[i]) || !is_satisfied(q, pins->name, found.versions[i]))
			continue;
		*arena_push(arena, &a->unwanted, &a->unwanted_count) =
			(struct unwanted_prerelease){arena_strdup(arena, pins->name), arena_strdup(arena, found.versions[i])};
		return 1;
	}
	return 0;
}

int prereleases_note(struct asking *a, const struct question *q, const struct search_wish *wish, const struct projection *p, struct error *err)
{
	int added = 0;

	for (size_t i = 0, count; i < p->pin_count; i += count) {
		const struct pin *pins = &p->pins[i];
		autoarena struct arena scratch = {0};
		bool is_one = false;

		for (count = 0; i + count < p->pin_count && !strcmp(pins[count].name, pins->name); count++)
			is_one = is_one || (is_prerelease(&scratch, pins[count].version) && !is_kept(wish, &pins[count]));
		if (!is_one || !a->listings || !a->search->by->takes_prereleases || pins->reference || is_known(a, pins->name) || is_required(p, pins->name))
			continue;
		int noted = note(a, q, pins, count, err);

		if (noted < 0)
			return -1;
		added += noted;
	}
	return added;
}

void prereleases_rule_out(const struct asking *a, struct question *q)
{
	q->releases_only = NULL;
	q->releases_only_count = 0;
	for (size_t i = 0; i < a->unwanted_count; i++) {
		if (is_satisfied(q, a->unwanted[i].name, a->unwanted[i].release))
			*arena_push(a->search->arena, &q->releases_only, &q->releases_only_count) = a->unwanted[i].name;
	}
}

void prereleases_tell(const struct asking *a, const char *refusal, struct error *err)
{
	for (size_t i = 0; i < a->unwanted_count; i++) {
		if (clash_mentions(refusal, a->unwanted[i].name))
			error_hint(err, "a pre-release of '%s' would do, but nothing asks for one; a constraint that names it would", a->unwanted[i].name);
	}
}
