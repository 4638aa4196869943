/* Whether a container's part of the lock is closed, and no larger than it has to be: by the word of the wheels where the store has them, else by the lock's
   own edges. Not by the resolver's. */
#include <string.h>

#include "base/text.h"
#include "python/version.h"
#include "verify/declared.h"

/* A pin that is there. */
struct member {
	const struct pin *pin;
	bool reached;
	const char **extras; /* asked of it */
	size_t extra_count;
};

struct walk {
	struct declared *d;
	struct member *members; /* by name */
	size_t count;
	size_t *queue, queued;
};

static struct member *find(const struct walk *w, const char *name)
{
	size_t low = 0, high = w->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(w->members[middle].pin->name, name);

		if (!order)
			return &w->members[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static bool has_extra(const struct member *m, const char *extra)
{
	for (size_t i = 0; i < m->extra_count; i++) {
		if (!strcmp(m->extras[i], extra))
			return true;
	}
	return false;
}

static void arrive(struct walk *w, struct member *m, const char *const *extras, size_t count)
{
	bool is_new = !m->reached;

	m->reached = true;
	w->d->needed[m->pin - w->d->v->lock->pins] = true;
	for (size_t i = 0; i < count; i++) {
		if (has_extra(m, extras[i]))
			continue;
		*arena_push(w->d->a, &m->extras, &m->extra_count) = extras[i];
		is_new = true;
	}
	if (is_new)
		*arena_push(w->d->a, &w->queue, &w->queued) = (size_t)(m - w->members);
}

static bool is_waived(const struct walk *w, const struct pin *pin, const char *required)
{
	const struct database *db = w->d->v->db;

	for (size_t i = 0; i < db->waiver_count; i++) {
		const struct waiver *waiver = &db->waivers[i];
		size_t at;

		if (strcmp(waiver->package, pin->name) != 0 || strcmp(waiver->required, required) != 0)
			continue;
		const struct specifier_set *set = specifier_set_parse(w->d->a, waiver->specifier ? waiver->specifier : "", &at);

		if (set && specifier_set_contains(set, pin->version, true))
			return true;
	}
	return false;
}

/* A marker holds under any of the extras that are asked of the package, or under none. */
static bool holds(const struct walk *w, const struct member *m, const struct marker *marker)
{
	if (environment_holds(&w->d->values, marker, ""))
		return true;
	for (size_t i = 0; i < m->extra_count; i++) {
		if (environment_holds(&w->d->values, marker, m->extras[i]))
			return true;
	}
	return false;
}

static void gap(struct walk *w, const struct pin *pin, const char *required, const char *text, const struct pin *found)
{
	struct declared *d = w->d;
	const char *line =
		found ? arena_printf(d->a, "%s requires '%s'%s, but %s %s is locked", pin->version, text, declared_elsewhere(d), required, found->version)
		      : arena_printf(d->a, "%s requires '%s'%s, which is not locked for it", pin->version, text, declared_elsewhere(d));

	findings_add(d->ret, &(struct finding){.kind = "requirement",
					       .container = d->container->name,
					       .subject = pin->name,
					       .is_package = true,
					       .expected = text,
					       .found = found ? found->version : NULL,
					       .text = line});
}

static void follow_wheel(struct walk *w, const struct member *from, const struct wheel_requires *wheel)
{
	for (size_t i = 0; i < wheel->count; i++) {
		const struct requirement *r = wheel->items[i];

		if (!holds(w, from, r->marker) || is_waived(w, from->pin, r->canonical))
			continue;
		struct member *to = find(w, r->canonical);

		if (!to || (!r->url && !specifier_set_contains(r->specifiers, to->pin->version, true)))
			gap(w, from->pin, r->canonical, wheel->texts[i], to ? to->pin : NULL);
		if (to)
			arrive(w, to, r->extras, r->extra_count);
	}
}

/* The lock says of some other version's edge that it is of that version; where the wheel is at hand, what is missing is the wheel's to say. */
static void follow_edges(struct walk *w, const struct member *from, bool report)
{
	for (size_t i = 0; i < from->pin->edge_count; i++) {
		const struct lock_edge *e = &from->pin->edges[i];
		size_t at;
		const struct marker *marker = e->marker ? marker_parse(w->d->a, e->marker, &at) : NULL;

		if ((e->extra && !has_extra(from, e->extra)) || !environment_holds(&w->d->values, marker, e->extra ? e->extra : "") ||
		    is_waived(w, from->pin, e->name))
			continue;
		struct member *to = find(w, e->name);

		if (to && (!e->version || !strcmp(e->version, to->pin->version)))
			arrive(w, to, e->extras, e->extra_count);
		else if (report && !to)
			gap(w, from->pin, e->name, e->name, NULL);
	}
}

static void start(struct walk *w)
{
	const struct lock *lock = w->d->v->lock;

	for (size_t i = 0; i < lock->pin_count; i++) {
		if (pin_is_in(&lock->pins[i], w->d->part, w->d->environment->name))
			*arena_push(w->d->a, &w->members, &w->count) = (struct member){.pin = &lock->pins[i]};
	}
	for (size_t i = 0; i < w->d->package_count; i++) {
		struct member *m = find(w, w->d->packages[i]->canonical);

		if (m)
			arrive(w, m, w->d->packages[i]->extras, w->d->packages[i]->extra_count);
	}
}

void declared_check_closed(struct declared *d)
{
	struct walk w = {.d = d};

	if (!d->needed)
		d->needed = arena_array(d->a, d->v->lock->pin_count, sizeof(*d->needed));
	start(&w);
	while (w.queued) {
		const struct member *m = &w.members[w.queue[--w.queued]];
		const struct lock_file *file = pin_file_by_tags(m->pin, d->tags, d->tag_count);
		const struct wheel_requires *wheel = file ? wheel_requires(d->wheels, file) : NULL;

		if (wheel)
			follow_wheel(&w, m, wheel);
		follow_edges(&w, m, !wheel);
	}
}

void declared_check_needed(struct declared *d)
{
	const struct lock *lock = d->v->lock;

	for (size_t i = 0; i < lock->pin_count; i++) {
		const struct pin *pin = &lock->pins[i];

		if (pin_is_toolchain(pin) || !pin_in_container(pin, d->container->name) || (d->needed && d->needed[i]))
			continue;
		findings_add(d->ret, &(struct finding){.kind = "unneeded",
						       .container = d->container->name,
						       .subject = pin->name,
						       .is_package = true,
						       .found = pin->version,
						       .text = arena_printf(d->a, "is locked at %s, but nothing that is declared needs it", pin->version)});
	}
}

static bool is_use(struct arena *a, const struct database *db, const char *layer)
{
	for (size_t i = 0; i < db->container_count; i++) {
		for (size_t j = 0; j < db->containers[i].layer_count; j++) {
			if (!strcmp(lock_layer_name(a, &db->containers[i].layers[j]), layer))
				return true;
		}
	}
	return false;
}

static bool is_build(struct arena *a, const struct lock *lock, const char *layer)
{
	for (size_t i = 0; i < lock->pin_count && text_starts_with(layer, PIN_BUILD_PREFIX); i++) {
		for (size_t j = 0; j < lock->environment_count; j++) {
			if (!strcmp(pin_build_name(a, &lock->pins[i], &lock->environments[j]), layer))
				return true;
		}
	}
	return false;
}

void declared_check_layers(const struct verification *v, struct findings *ret)
{
	for (size_t i = v->lock->pin_count; i-- > 0 && pin_is_toolchain(&v->lock->pins[i]);) {
		const struct pin *pin = &v->lock->pins[i];

		for (size_t j = 0; j < pin->layer_count; j++) {
			autoarena struct arena a = {0};

			if (is_use(&a, v->db, pin->layers[j]) || is_build(&a, v->lock, pin->layers[j]))
				continue;
			findings_add(ret, &(struct finding){.kind = "unneeded",
							    .subject = pin->name,
							    .is_package = true,
							    .found = pin->version,
							    .text = arena_printf(&a, "is locked at %s for layer %s, which no container has", pin->version,
										 pin->layers[j])});
		}
	}
}
