#include "resolve/differences.h"

#include <string.h>

#include "base/strbuf.h"

/* True when the container may differ from others in this package. */
static bool may_differ(const struct database *db, const char *package, const char *container)
{
	for (size_t i = 0; i < db->difference_count; i++) {
		const struct difference *difference = &db->differences[i];

		if (strcmp(difference->canonical, package) != 0)
			continue;
		if (!difference->container_count)
			return true;
		for (size_t j = 0; j < difference->container_count; j++) {
			if (!strcmp(difference->containers[j]->name, container))
				return true;
		}
	}
	return false;
}

/* The containers of a pin that must not differ. */
static size_t bound_containers(const struct database *db, const struct pin *pin)
{
	size_t count = 0;

	for (size_t i = 0; i < pin->container_count; i++)
		count += !may_differ(db, pin->name, pin->containers[i]);
	return count;
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

static void report(const struct database *db, const struct lock *lock, const struct pin *pins, size_t count, struct diag *d)
{
	autostrbuf struct strbuf text = {0};

	strbuf_printf(&text, "containers would differ in '%s': ", pins[0].name);
	for (size_t i = 0; i < count; i++) {
		autostrbuf struct strbuf requirers = {0};

		strbuf_printf(&text, "%s%s in ", i ? "; " : "", pins[i].version);
		add_names(&text, pins[i].containers, pins[i].container_count);
		add_requirers(&requirers, lock, &pins[i]);
		if (requirers.length)
			strbuf_printf(&text, " (required by %s)", strbuf_text(&requirers));
	}
	diag_error(d, place_for(db, &pins[0]), "%s", strbuf_text(&text));
	diag_hint(d, "if that is meant, say so under 'differences' in recipes/python.yaml, with the reason");
}

/* How many pins from `first` on are of one name. */
static size_t same_name(const struct pin *pins, size_t pin_count, size_t first)
{
	size_t end = first;

	while (end < pin_count && !pin_is_toolchain(&pins[end]) && !strcmp(pins[end].name, pins[first].name))
		end++;
	return end - first;
}

static bool differ_undeclared(const struct database *db, const struct pin *pins, size_t count)
{
	size_t bound = 0;

	for (size_t i = 0; i < count; i++)
		bound += bound_containers(db, &pins[i]) > 0;
	return bound > 1;
}

bool differences_find(const struct database *db, const struct pin *pins, size_t pin_count, size_t *ret_first, size_t *ret_count)
{
	size_t count;

	for (size_t i = 0; i < pin_count && !pin_is_toolchain(&pins[i]); i += count) {
		count = same_name(pins, pin_count, i);
		if (!differ_undeclared(db, &pins[i], count))
			continue;
		*ret_first = i;
		*ret_count = count;
		return true;
	}
	return false;
}

void differences_check(const struct database *db, const struct lock *lock, struct diag *d)
{
	size_t count;

	for (size_t i = 0; i < lock->pin_count && !pin_is_toolchain(&lock->pins[i]); i += count) {
		count = same_name(lock->pins, lock->pin_count, i);
		if (differ_undeclared(db, &lock->pins[i], count))
			report(db, lock, &lock->pins[i], count, d);
	}
}
