#include "resolve/candidates.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "lock/environment.h"
#include "python/marker.h"
#include "python/version.h"

/* An environment in which the package is needed. */
struct place {
	const struct lock_environment *environment;
	struct environment_values values;
	const char *const *tags;
	size_t tag_count;
	const char *lowest, *highest; /* of the versions with a file that can be used */
};

struct candidate {
	const char *version;
	bool is_last; /* the last lock has it */
};

struct seeking {
	struct arena *arena;
	const struct asking *asking;
	const struct question *q;
	const struct lock *last;
	const char *name;
	const struct pin *pins; /* of this name, in the answer */
	size_t pin_count;
	const struct candidate_places *only; /* or NULL */
	struct place *places;
	size_t place_count;
	struct candidate *candidates;
	size_t candidate_count;
};

void splits_add(struct splits *s, const char *name, const char *why)
{
	for (size_t i = 0; i < s->count; i++) {
		if (!strcmp(s->items[i].name, name)) {
			s->items[i].why = arena_strdup(s->arena, why);
			return;
		}
	}
	*arena_push(s->arena, &s->items, &s->count) = (struct split){arena_strdup(s->arena, name), arena_strdup(s->arena, why)};
}

const struct split *splits_find(const struct splits *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++) {
		if (!strcmp(s->items[i].name, name))
			return &s->items[i];
	}
	return NULL;
}

static bool has_owner(const struct pin *pin, const struct asker *asker)
{
	const char *const *owners = asker->is_layer ? pin->layers : pin->containers;
	size_t count = asker->is_layer ? pin->layer_count : pin->container_count;

	for (size_t i = 0; i < count; i++) {
		if (!strcmp(owners[i], asker->name))
			return true;
	}
	return false;
}

static bool has_environment(const struct pin *pin, const char *environment)
{
	for (size_t i = 0; i < pin->environment_count; i++) {
		if (!strcmp(pin->environments[i], environment))
			return true;
	}
	return !pin->environment_count;
}

static bool is_among(const struct candidate_places *places, const struct lock_environment *environment)
{
	for (size_t i = 0; i < places->count; i++) {
		if (places->items[i] == environment)
			return true;
	}
	return false;
}

static bool is_needed_in(const struct seeking *s, const struct lock_environment *environment)
{
	if (s->only)
		return is_among(s->only, environment);
	for (size_t i = 0; i < s->q->asker_count; i++) {
		const struct asker *asker = &s->q->askers[i];

		for (size_t j = 0; j < asker->environment_count; j++) {
			for (size_t k = 0; asker->environments[j] == environment && k < s->pin_count; k++) {
				if (has_owner(&s->pins[k], asker) && has_environment(&s->pins[k], environment->name))
					return true;
			}
		}
	}
	return false;
}

static void find_places(struct seeking *s)
{
	for (size_t i = 0; i < s->q->asker_count; i++) {
		for (size_t j = 0; j < s->q->askers[i].environment_count; j++) {
			const struct lock_environment *environment = s->q->askers[i].environments[j];
			bool known = !is_needed_in(s, environment);

			for (size_t k = 0; k < s->place_count && !known; k++)
				known = s->places[k].environment == environment;
			if (known)
				continue;
			struct place *place = arena_push(s->arena, &s->places, &s->place_count);

			*place = (struct place){.environment = environment};
			environment_values(s->arena, environment, &place->values);
			lock_environment_tags(s->arena, environment, &place->tags, &place->tag_count);
		}
	}
}

static bool python_fits(struct arena *a, const struct place *place, const char *requires_python)
{
	size_t at;
	const struct specifier_set *set = requires_python ? specifier_set_parse(a, requires_python, &at) : NULL;

	return !set || specifier_set_contains(set, place->values.lowest.python_full_version, true) ||
	       specifier_set_contains(set, place->values.highest.python_full_version, true);
}

static bool is_chosen(const struct seeking *s, const char *version)
{
	for (size_t i = 0; i < s->pin_count; i++) {
		if (!strcmp(s->pins[i].version, version))
			return true;
	}
	return false;
}

/* What was picked once, and then seen to be of no use there. */
static bool is_misfit(const struct seeking *s, const struct place *place, const char *version)
{
	const struct asking *asking = s->asking;

	for (size_t i = 0; i < asking->misfit_count; i++) {
		if (asking->misfits[i].environment == place->environment && !strcmp(asking->misfits[i].name, s->name) &&
		    !strcmp(asking->misfits[i].version, version))
			return true;
	}
	return false;
}

static bool is_usable(const struct seeking *s, struct arena *a, const struct place *place, const struct listed_version *v)
{
	int64_t cut_off_unix = s->asking->search->cut_off_unix;

	if (is_misfit(s, place, v->version))
		return false;
	for (size_t i = 0; i < v->file_count; i++) {
		const struct listed_file *f = &v->files[i];

		if (f->is_yanked && !is_chosen(s, v->version))
			continue;
		if (cut_off_unix && f->uploaded_unix >= cut_off_unix)
			continue;
		if (wheel_rank(&f->wheel, place->tags, place->tag_count) >= 0 && python_fits(a, place, f->requires_python))
			return true;
	}
	return false;
}

/* Whether everyone who asks for it by name, somewhere where it is needed, would take the version. */
static bool is_wanted(const struct seeking *s, struct arena *a, const char *version)
{
	for (size_t i = 0; i < s->q->asker_count; i++) {
		for (size_t j = 0; j < s->q->askers[i].want_count; j++) {
			const struct want *w = &s->q->askers[i].wants[j];
			size_t at;
			const struct marker *marker = w->marker ? marker_parse(a, w->marker, &at) : NULL;
			bool holds = false;

			if (w->left_out || w->loose || strcmp(w->canonical, s->name) != 0)
				continue;
			for (size_t k = 0; k < s->q->askers[i].environment_count && !holds; k++) {
				struct environment_values values;

				if (s->only && !is_among(s->only, s->q->askers[i].environments[k]))
					continue;
				environment_values(a, s->q->askers[i].environments[k], &values);
				holds = environment_holds(&values, marker, "");
			}
			const struct specifier_set *set = holds ? specifier_set_parse(a, w->specifier, &at) : NULL;

			if (set && !specifier_set_contains(set, version, true))
				return false;
		}
	}
	return true;
}

/* uv takes development and pre-releases where it is asked for them, or where there is nothing else: a constraint of ours must not be what asks. */
static bool is_prerelease(struct arena *a, const char *version)
{
	const struct version *v = version_parse(a, version);

	return v && version_is_prerelease(v);
}

static bool last_has(const struct seeking *s, const char *version)
{
	const struct lock *last = s->last;

	for (size_t i = 0; last && i < last->pin_count; i++) {
		if (!strcmp(last->pins[i].name, s->name) && !strcmp(last->pins[i].version, version))
			return true;
	}
	return false;
}

static void add_candidate(struct seeking *s, const char *version)
{
	*arena_push(s->arena, &s->candidates, &s->candidate_count) =
		(struct candidate){.version = arena_strdup(s->arena, version), .is_last = last_has(s, version)};
}

static int compare_candidates(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;

	return a->is_last != b->is_last ? (a->is_last ? -1 : 1) : version_compare_texts(b->version, a->version);
}

static void note_usable(struct place *place, const char *version)
{
	/* They come newest first. */
	if (!place->highest)
		place->highest = version;
	place->lowest = version;
}

static void take_from_listing(struct seeking *s, const struct listing *listing)
{
	for (size_t i = 0; i < listing->version_count; i++) {
		const struct listed_version *v = &listing->versions[i];
		autoarena struct arena scratch = {0};
		bool everywhere = true;

		if ((is_prerelease(&scratch, v->version) && !is_chosen(s, v->version)) || !is_wanted(s, &scratch, v->version))
			continue;
		for (size_t j = 0; j < s->place_count; j++) {
			bool usable = is_usable(s, &scratch, &s->places[j], v);

			if (usable)
				note_usable(&s->places[j], v->version);
			everywhere = everywhere && usable;
		}
		if (everywhere)
			add_candidate(s, v->version);
	}
}

/* Why there is nothing to ask for: what each environment could have. */
static void say_no_candidate(const struct seeking *s, struct strbuf *out)
{
	bool by_files = false;

	for (size_t i = 0; i < s->place_count; i++)
		by_files = by_files || s->places[i].highest;
	if (!by_files) {
		strbuf_add(out, "no version is within all the constraints that name it");
		return;
	}
	strbuf_add(out, "no version that the constraints allow has a file for all of ");
	for (size_t i = 0; i < s->place_count; i++) {
		const struct place *place = &s->places[i];

		strbuf_printf(out, "%s%s (", i ? ", " : "", place->environment->name);
		if (!place->highest)
			strbuf_add(out, "none");
		else if (!strcmp(place->lowest, place->highest))
			strbuf_add(out, place->highest);
		else
			strbuf_printf(out, "%s to %s", place->lowest, place->highest);
		strbuf_add_char(out, ')');
	}
}

static void give(struct seeking *s, struct candidates *ret)
{
	autostrbuf struct strbuf why = {0};

	if (s->candidate_count > 1)
		qsort(s->candidates, s->candidate_count, sizeof(*s->candidates), compare_candidates);
	ret->is_known = true;
	for (size_t i = 0; i < s->candidate_count; i++)
		*arena_push(s->arena, &ret->versions, &ret->count) = s->candidates[i].version;
	if (s->candidate_count)
		return;
	say_no_candidate(s, &why);
	ret->why = arena_strdup(s->arena, strbuf_text(&why));
}

int candidates_find(struct arena *a, struct listings *listings, const struct asking *asking, const struct question *q, const struct lock *last,
		    const struct pin *pins, size_t pin_count, const struct candidate_places *only, struct candidates *ret, struct error *err)
{
	struct seeking s = {.arena = a, .asking = asking, .q = q, .last = last, .name = pins->name, .pins = pins, .pin_count = pin_count, .only = only};
	const struct listing *listing;

	*ret = (struct candidates){0};
	if (!pins->index) {
		*ret = (struct candidates){.is_known = true, .why = "it comes from one place, where there is one version"};
		return 0;
	}
	if (listing_get(listings, pins->index, pins->name, &listing, err) < 0)
		return -1;
	if (!listing->is_known)
		return 0;
	find_places(&s);
	take_from_listing(&s, listing);
	give(&s, ret);
	return 0;
}
