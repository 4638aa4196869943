/* The second look at a lock, at what the wheels themselves say and not at what the resolver made of it. */
#include <string.h>

#include "base/text.h"
#include "lock/environment.h"
#include "python/name.h"
#include "python/requirement.h"
#include "python/wheel.h"
#include "resolve/pythons.h"
#include "resolve/resolve.h"

/* One set of pins that must be closed: a container in one environment, or a toolchain in one. */
struct closed_set {
	const char *what, *name; /* "container", "ci-cpu" */
	const char *on;          /* "", or " on cp311-linux-aarch64-glibc2.36" where it is none that is built */
	const struct lock_environment *environment;
	struct environment_values values;
	const struct pin **pins;
	const char ***extras; /* asked for, by place in pins */
	size_t *extra_counts;
	size_t pin_count;
	const char *const *tags; /* of the environment */
	size_t tag_count;
};

/* What one wheel requires, read once for all containers that have it. */
struct read_wheel {
	const char *sha256, *name, *version, *requires_python; /* name canonical, version in normal form */
	struct specifier_set *python;                          /* NULL: any */
	struct requirement **requirements;
	const char **texts;
	size_t count;
};

struct checker {
	struct arena scratch;
	struct read_wheel *wheels;
	size_t wheel_count;
	const struct lock *lock;
	resolve_lookup lookup;
	void *context;
	struct diag *d;
	struct error *err;
};

static long place_of(const struct closed_set *s, const char *name)
{
	for (size_t i = 0; i < s->pin_count; i++) {
		if (!strcmp(s->pins[i]->name, name))
			return (long)i;
	}
	return -1;
}

static bool add_extra(struct checker *c, struct closed_set *s, size_t place, const char *extra)
{
	for (size_t i = 0; i < s->extra_counts[place]; i++) {
		if (!strcmp(s->extras[place][i], extra))
			return false;
	}
	*arena_push(&c->scratch, &s->extras[place], &s->extra_counts[place]) = extra;
	return true;
}

static void gap(struct checker *c, const struct closed_set *s, const char *who, const char *requirement, const char *why)
{
	diag_error(c->d, (struct pos){0}, "%s '%s'%s: %s requires '%s', %s", s->what, s->name, s->on, who, requirement, why);
}

/* True when extras were asked of a pin that were not before. */
static bool check_requirement(struct checker *c, struct closed_set *s, const char *who, const struct requirement *r, const char *text)
{
	long place = place_of(s, r->canonical);
	bool is_new = false;

	if (place < 0) {
		gap(c, s, who, text, "which is not locked for it");
		return false;
	}
	if (!r->url && !specifier_set_contains(r->specifiers, s->pins[place]->version, true)) {
		autostrbuf struct strbuf why = {0};

		strbuf_printf(&why, "but %s is locked", s->pins[place]->version);
		gap(c, s, who, text, strbuf_text(&why));
	}
	for (size_t i = 0; i < r->extra_count; i++)
		is_new = add_extra(c, s, (size_t)place, r->extras[i]) || is_new;
	return is_new;
}

static bool holds(const struct closed_set *s, size_t place, const struct requirement *r)
{
	if (environment_holds(&s->values, r->marker, ""))
		return true;
	for (size_t i = 0; i < s->extra_counts[place]; i++) {
		if (environment_holds(&s->values, r->marker, s->extras[place][i]))
			return true;
	}
	return false;
}

static void keep_requirements(struct checker *c, const struct wheel_metadata *metadata, struct read_wheel *ret)
{
	size_t at, count = 0;
	const char *why;

	ret->requires_python = arena_strdup_null(&c->scratch, metadata->requires_python);
	ret->python = ret->requires_python ? specifier_set_parse(&c->scratch, ret->requires_python, &at) : NULL;
	for (size_t i = 0; i < metadata->requires_dist_count; i++) {
		struct requirement *r = requirement_parse(&c->scratch, metadata->requires_dist[i], &at, &why);

		/* Old wheels hold requirements that no tool can read; uv passes over those it cannot mend, and pip installs them all the same. */
		if (!r)
			continue;
		*arena_push(&c->scratch, &ret->texts, &count) = arena_strdup(&c->scratch, metadata->requires_dist[i]);
		*arena_push(&c->scratch, &ret->requirements, &ret->count) = r;
	}
}

/* Metadata may hold long descriptions: it is read into an arena of its own, and only the requirements stay. *ret is NULL for a file that is not there. */
static int read_wheel(struct checker *c, const struct lock_file *file, const struct read_wheel **ret)
{
	autoarena struct arena a = {0};
	struct wheel_metadata metadata;
	const char *path;

	*ret = NULL;
	for (size_t i = 0; i < c->wheel_count; i++) {
		if (!strcmp(c->wheels[i].sha256, file->sha256)) {
			*ret = &c->wheels[i];
			return 0;
		}
	}
	path = c->lookup(c->context, file->sha256);
	if (!path)
		return 0;
	if (wheel_metadata_read(&a, path, &metadata, c->err) < 0)
		return error_wrap(c->err, "cannot check '%s'", file->name);
	struct read_wheel *wheel = arena_push(&c->scratch, &c->wheels, &c->wheel_count);

	wheel->sha256 = file->sha256;
	wheel->name = name_canonical(&c->scratch, metadata.name);
	wheel->version = arena_strdup(&c->scratch, metadata.version);
	keep_requirements(c, &metadata, wheel);
	*ret = wheel;
	return 0;
}

static void check_python(struct checker *c, const struct closed_set *s, const struct pin *pin, const struct read_wheel *wheel)
{
	if (!wheel->python || specifier_set_contains(wheel->python, s->values.lowest.python_full_version, true) ||
	    specifier_set_contains(wheel->python, s->values.highest.python_full_version, true))
		return;
	diag_error(c->d, (struct pos){0}, "%s '%s'%s: %s %s needs Python %s, but it has %s", s->what, s->name, s->on, pin->name, pin->version,
		   wheel->requires_python, s->environment->python);
	pythons_remember(wheel->sha256, wheel->requires_python);
}

static bool is_waived(const struct pin *pin, const char *required)
{
	for (size_t i = 0; i < pin->edge_count; i++) {
		if (pin->edges[i].waived && !strcmp(pin->edges[i].name, required))
			return true;
	}
	return false;
}

/* A waiver that leaves nothing out hides nothing, but somebody believes that it does. */
static void check_waivers(struct checker *c, const struct pin *pin, const struct read_wheel *wheel)
{
	for (size_t i = 0; i < pin->edge_count; i++) {
		bool is_needed = !pin->edges[i].waived;

		for (size_t j = 0; j < wheel->count && !is_needed; j++)
			is_needed = !strcmp(wheel->requirements[j]->canonical, pin->edges[i].name);
		if (!is_needed)
			diag_warning(c->d, (struct pos){0}, "a waiver is of no use: %s %s does not require '%s'", pin->name, pin->version, pin->edges[i].name);
	}
}

static int check_pin(struct checker *c, struct closed_set *s, size_t place, bool *changed)
{
	const struct pin *pin = s->pins[place];
	const struct lock_file *file = pin_file_by_tags(pin, s->tags, s->tag_count);
	const struct read_wheel *wheel;
	autostrbuf struct strbuf who = {0};

	if (!file && pin_source(pin))
		return 0; /* it is built later, and what it says then is checked then */
	if (!file) {
		diag_error(c->d, (struct pos){0}, "%s '%s'%s: none of the files of %s %s can be used in %s", s->what, s->name, s->on, pin->name, pin->version,
			   s->environment->name);
		return 0;
	}
	if (read_wheel(c, file, &wheel) < 0)
		return -1;
	if (!wheel)
		return 0;
	if (strcmp(wheel->name, pin->name) != 0 || strcmp(wheel->version, pin->version) != 0) {
		diag_error(c->d, (struct pos){0}, "%s '%s': the metadata of '%s' says that it is %s %s", s->what, s->name, file->name, wheel->name,
			   wheel->version);
		return 0;
	}
	strbuf_printf(&who, "%s %s", pin->name, pin->version);
	check_python(c, s, pin, wheel);
	check_waivers(c, pin, wheel);
	for (size_t i = 0; i < wheel->count; i++) {
		if (!is_waived(pin, wheel->requirements[i]->canonical) && holds(s, place, wheel->requirements[i]))
			*changed = check_requirement(c, s, strbuf_text(&who), wheel->requirements[i], wheel->texts[i]) || *changed;
	}
	return 0;
}

/* Extras make more requirements hold, so it is looked again until no more are asked for. Repeated problems are dropped by diag_sort(). */
static int check_set(struct checker *c, struct closed_set *s)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (size_t i = 0; i < s->pin_count; i++) {
			if (check_pin(c, s, i, &changed) < 0)
				return -1;
		}
	}
	return 0;
}

static void start_set(struct checker *c, struct closed_set *s)
{
	environment_values(&c->scratch, s->environment, &s->values);
	s->extras = arena_array(&c->scratch, s->pin_count, sizeof(*s->extras));
	s->extra_counts = arena_array(&c->scratch, s->pin_count, sizeof(*s->extra_counts));
}

static int check_container(struct checker *c, const struct lock_container *container, const char *environment)
{
	struct closed_set s = {.what = "container", .name = container->name, .on = "", .environment = lock_environment(c->lock, environment)};

	if (!s.environment)
		return error_set(c->err, ERR_INPUT, "the lock does not describe environment '%s'", environment);
	lock_environment_tags(&c->scratch, s.environment, &s.tags, &s.tag_count);
	if (strcmp(environment, container->environment) != 0)
		s.on = arena_printf(&c->scratch, " on %s", environment);
	for (size_t i = 0; i < c->lock->pin_count; i++) {
		if (pin_is_in(&c->lock->pins[i], container, environment))
			*arena_push(&c->scratch, &s.pins, &s.pin_count) = &c->lock->pins[i];
	}
	start_set(c, &s);
	for (size_t i = 0; i < container->direct_count; i++) {
		size_t at;
		const char *why;
		struct requirement *r = requirement_parse(&c->scratch, container->direct[i], &at, &why);

		if (!r)
			return error_set(c->err, ERR_INPUT, "the lock declares '%s' for container '%s', which is no requirement", container->direct[i],
					 container->name);
		if (environment_holds(&s.values, r->marker, ""))
			check_requirement(c, &s, "the database", r, container->direct[i]);
	}
	return check_set(c, &s);
}

/* What builds a wheel is locked for one environment, which its name tells. */
static bool is_for(const char *layer, const struct lock_environment *environment)
{
	const char *told = text_starts_with(layer, PIN_BUILD_PREFIX) ? strstr(layer, "{environment=") : NULL;
	size_t length = strlen(environment->name);

	told = told ? told + strlen("{environment=") : NULL;
	return !told || (!strncmp(told, environment->name, length) && !strcmp(told + length, "}"));
}

/* A lock does not hold the words of a layer recipe: which extras were asked for is seen by the edges that are there because of them. */
static int check_layer(struct checker *c, const char *layer, const struct lock_environment *environment)
{
	struct closed_set s = {.what = "layer", .name = layer, .on = "", .environment = environment};

	lock_environment_tags(&c->scratch, environment, &s.tags, &s.tag_count);
	for (size_t i = 0; i < c->lock->pin_count; i++) {
		const struct pin *pin = &c->lock->pins[i];

		if (!pin_in_layer(pin, layer))
			continue;
		if (!pin_file_by_tags(pin, s.tags, s.tag_count))
			return 0; /* the layer is not used in this environment */
		*arena_push(&c->scratch, &s.pins, &s.pin_count) = pin;
	}
	start_set(c, &s);
	for (size_t i = 0; i < s.pin_count; i++) {
		for (size_t j = 0; j < s.pins[i]->edge_count; j++) {
			if (s.pins[i]->edges[j].extra)
				add_extra(c, &s, i, s.pins[i]->edges[j].extra);
		}
	}
	return check_set(c, &s);
}

static bool is_known(const char *const *list, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(list[i], text))
			return true;
	}
	return false;
}

static int check_layers(struct checker *c)
{
	const char **layers = NULL;
	size_t count = 0;

	for (size_t i = 0; i < c->lock->pin_count; i++) {
		for (size_t j = 0; j < c->lock->pins[i].layer_count; j++) {
			if (!is_known(layers, count, c->lock->pins[i].layers[j]))
				*arena_push(&c->scratch, &layers, &count) = c->lock->pins[i].layers[j];
		}
	}
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < c->lock->environment_count; j++) {
			if (is_for(layers[i], &c->lock->environments[j]) && check_layer(c, layers[i], &c->lock->environments[j]) < 0)
				return -1;
		}
	}
	return 0;
}

int resolve_check_closure(const struct lock *lock, resolve_lookup lookup, void *context, struct diag *d, struct error *err)
{
	struct checker c = {.lock = lock, .lookup = lookup, .context = context, .d = d, .err = err};
	size_t errors_before = d->error_count;
	int result = 0;

	for (size_t i = 0; i < lock->container_count && result == 0; i++) {
		const char *environment;

		for (size_t j = 0; (environment = lock_container_environment(&lock->containers[i], j)) && result == 0; j++)
			result = check_container(&c, &lock->containers[i], environment);
	}
	if (result == 0)
		result = check_layers(&c);
	arena_release(&c.scratch);
	if (result == 0 && d->error_count > errors_before)
		return error_set(err, ERR_DRIFT, "the lock is not closed: what it holds does not satisfy what its files require");
	return result;
}
