#include "resolve/differences.h"

#include <string.h>

#include "base/strbuf.h"

bool difference_names(const struct difference *d, const char *container)
{
	for (size_t i = 0; i < d->container_count; i++) {
		if (!strcmp(d->containers[i]->name, container))
			return true;
	}
	return !d->container_count;
}

/* True when the container may differ from others in this package. */
static bool may_differ(const struct database *db, const char *package, const char *container)
{
	for (size_t i = 0; i < db->difference_count; i++) {
		const struct difference *difference = &db->differences[i];

		if (!strcmp(difference->canonical, package) && difference_names(difference, container))
			return true;
	}
	return false;
}

static void add_names(struct strbuf *out, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		strbuf_printf(out, "%s%s", i ? ", " : "", names[i]);
}

/* Who requires a pin: the other pins with an edge to it. */
static void add_requirers(struct strbuf *out, const struct lock *lock, const struct pin *pin)
{
	size_t count = 0;

	for (size_t i = 0; i < lock->pin_count; i++) {
		for (size_t j = 0; j < lock->pins[i].edge_count; j++) {
			const struct lock_edge *e = &lock->pins[i].edges[j];

			if (pin_is_toolchain(&lock->pins[i]) || strcmp(e->name, pin->name) != 0 || !e->version || strcmp(e->version, pin->version) != 0)
				continue;
			strbuf_printf(out, "%s%s %s", count++ ? ", " : "", lock->pins[i].name, lock->pins[i].version);
			break;
		}
	}
}

static struct pos place_for(const struct database *db, const struct pin *pin)
{
	const struct package *package = database_package(db, pin->name);
	const struct container *container = database_container(db, pin->containers[0]);

	return package ? package->pos : container ? container->pos : (struct pos){0};
}

/* "1.0 in ci-old (cp39-...), ci-new; 2.0 in ..." of the pins of one name. */
static void add_versions(struct strbuf *out, const struct lock *lock, const struct pin *pins, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		autostrbuf struct strbuf requirers = {0};

		strbuf_printf(out, "%s%s in ", i ? "; " : "", pins[i].version);
		add_names(out, pins[i].containers, pins[i].container_count);
		if (pins[i].environment_count) {
			strbuf_add(out, " on ");
			add_names(out, pins[i].environments, pins[i].environment_count);
		}
		add_requirers(&requirers, lock, &pins[i]);
		if (requirers.length)
			strbuf_printf(out, " (required by %s)", strbuf_text(&requirers));
	}
}

static void report(const struct database *db, const struct lock *lock, const struct splits *splits, const struct pin *pins, size_t count, struct diag *d)
{
	const struct split *split = splits_find(splits, pins[0].name);
	autostrbuf struct strbuf text = {0};

	add_versions(&text, lock, pins, count);
	diag_error(d, place_for(db, &pins[0]), "containers would differ in '%s': %s%s%s", pins[0].name, strbuf_text(&text), split ? "; " : "",
		   split ? split->why : "");
	diag_hint(d, "if that is meant, say so under 'differences' in recipes/python.yaml, with the reason");
}

/* How many pins from `first` on are of one name. */
static size_t same_name(const struct pin *pins, size_t pin_count, size_t first)
{
	size_t end = first;

	while (end < pin_count && pin_is_toolchain(&pins[end]) == pin_is_toolchain(&pins[first]) && !strcmp(pins[end].name, pins[first].name))
		end++;
	return end - first;
}

static bool is_split(const struct pin *pins, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		if (strcmp(pins[i].version, pins[0].version) != 0)
			return true;
	}
	return false;
}

static const char *version_in(const struct pin *pins, size_t count, const struct lock_container *c, const char *environment)
{
	for (size_t i = 0; i < count; i++) {
		if (pin_is_in(&pins[i], c, environment))
			return pins[i].version;
	}
	return NULL;
}

/* Whether two containers get different versions in their images. */
static bool differ_built(const struct pin *pins, size_t count, const struct lock_container *one, const struct lock_container *other)
{
	const char *left = version_in(pins, count, one, one->environment), *right = version_in(pins, count, other, other->environment);

	return left && right && strcmp(left, right) != 0;
}

/* An environment that both have, and in which they get different versions; or NULL. */
static const char *differ_where(const struct pin *pins, size_t count, const struct lock_container *one, const struct lock_container *other)
{
	const char *name;

	for (size_t i = 0; (name = lock_container_environment(one, i)); i++) {
		const char *left = version_in(pins, count, one, name), *right = version_in(pins, count, other, name);

		if (left && right && strcmp(left, right) != 0)
			return name;
	}
	return NULL;
}

static bool differ(const struct pin *pins, size_t count, const struct lock_container *one, const struct lock_container *other)
{
	return differ_built(pins, count, one, other) || differ_where(pins, count, one, other);
}

bool differences_undeclared(const struct database *db, const struct lock_container *containers, size_t container_count, const struct pin *pins, size_t count)
{
	if (!is_split(pins, count))
		return false;
	for (size_t i = 0; i < container_count; i++) {
		if (may_differ(db, pins->name, containers[i].name))
			continue;
		for (size_t j = 0; j < i; j++) {
			if (!may_differ(db, pins->name, containers[j].name) && differ(pins, count, &containers[i], &containers[j]))
				return true;
		}
	}
	return false;
}

static bool is_in(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(list[i], name))
			return true;
	}
	return false;
}

size_t differences_apart(struct arena *a, const struct database *db, const struct lock_container *containers, size_t container_count, const struct pin *pins,
			 size_t count, const char ***ret)
{
	const char **built = NULL, *where = NULL;
	size_t built_count = 0;
	bool is_built = false;

	for (size_t i = 0; i < container_count; i++) {
		const struct lock_container *c = &containers[i];

		if (may_differ(db, pins->name, c->name))
			continue;
		for (size_t j = 0; j < i; j++) {
			if (may_differ(db, pins->name, containers[j].name))
				continue;
			is_built = is_built || differ_built(pins, count, c, &containers[j]);
			where = where ? where : differ_where(pins, count, c, &containers[j]);
		}
		if (!is_in(c->environment, built, built_count))
			*arena_push(a, &built, &built_count) = c->environment;
	}
	if (is_built || (where && is_in(where, built, built_count))) {
		*ret = built;
		return built_count;
	}
	*ret = arena_array(a, 1, sizeof(**ret));
	**ret = where;
	return where ? 1 : 0;
}

void differences_check(const struct database *db, const struct lock *lock, const struct splits *splits, struct diag *d)
{
	size_t count;

	for (size_t i = 0; i < lock->pin_count && !pin_is_toolchain(&lock->pins[i]); i += count) {
		count = same_name(lock->pins, lock->pin_count, i);
		if (differences_undeclared(db, lock->containers, lock->container_count, &lock->pins[i], count))
			report(db, lock, splits, &lock->pins[i], count, d);
	}
}

void differences_tell(const struct lock *lock, const struct splits *splits, void (*tell)(void *context, const char *text), void *context)
{
	size_t count;

	for (size_t i = 0; i < lock->pin_count && !pin_is_toolchain(&lock->pins[i]); i += count) {
		const struct split *split = splits_find(splits, lock->pins[i].name);
		autostrbuf struct strbuf text = {0};

		count = same_name(lock->pins, lock->pin_count, i);
		if (!split || !is_split(&lock->pins[i], count))
			continue;
		strbuf_printf(&text, "%s is at several versions: ", lock->pins[i].name);
		add_versions(&text, lock, &lock->pins[i], count);
		strbuf_printf(&text, "; %s", split->why);
		tell(context, strbuf_text(&text));
	}
}

/* Where the layer asks for the package, or for what brings it. */
static struct pos place_in_layer(const struct asker *layer, const char *name)
{
	for (size_t i = 0; i < layer->want_count; i++) {
		if (!strcmp(layer->wants[i].canonical, name))
			return layer->wants[i].pos;
	}
	return layer->want_count ? layer->wants[0].pos : (struct pos){0};
}

int differences_refuse_layer(const struct question *q, const struct pin *pins, size_t count, const struct splits *splits, struct diag *d, struct error *err)
{
	const struct asker *layer = q->askers;
	const char *first = NULL;
	size_t same;

	for (size_t i = 0; i < count; i += same) {
		const struct split *split = splits_find(splits, pins[i].name);
		autostrbuf struct strbuf versions = {0};

		same = same_name(pins, count, i);
		if (!is_split(&pins[i], same))
			continue;
		for (size_t j = 0; j < same; j++)
			strbuf_printf(&versions, "%s%s", j ? " and " : "", pins[i + j].version);
		diag_error(d, place_in_layer(layer, pins[i].name), "layer '%s' would need '%s' at %s%s%s", layer->name, pins[i].name, strbuf_text(&versions),
			   split ? ": " : "", split ? split->why : "");
		first = first ? first : pins[i].name;
	}
	if (!first)
		return 0;
	error_set(err, ERR_CONFLICT, "layer '%s' cannot be the same in all environments that use it", layer->name);
	return error_hint(err, "ask for a version of '%s' that all of them can use, or give them different values of an option that the requirement names",
			  first);
}
