#include "diff/sides.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "diff/step.h"
#include "lock/lock_order.h"
#include "release/release.h"

void names_add(struct names *n, struct arena *a, const char *name)
{
	/* Most come sorted and several times in a row. */
	if (!n->count || strcmp(n->items[n->count - 1], name) != 0)
		*arena_push(a, &n->items, &n->count) = name;
}

void names_sort(struct names *n)
{
	size_t kept = 0;

	if (n->count > 1)
		qsort(n->items, n->count, sizeof(*n->items), text_compare_items);
	for (size_t i = 0; i < n->count; i++) {
		if (!kept || strcmp(n->items[kept - 1], n->items[i]) != 0)
			n->items[kept++] = n->items[i];
	}
	n->count = kept;
}

static void add_pins(struct names *names, struct arena *a, const struct lock *lock, bool toolchain)
{
	for (size_t i = 0; lock && i < lock->pin_count; i++) {
		if (pin_is_toolchain(&lock->pins[i]) == toolchain)
			names_add(names, a, lock->pins[i].name);
	}
}

static bool found_pin(const struct pin *pin, struct row_found *ret)
{
	if (pin)
		*ret = (struct row_found){.version = pin->version, .index = pin->index, .reference = pin->reference, .pin = pin};
	return pin != NULL;
}

static bool find_package(const struct row_sides *sides, bool new, const char *container, const char *name, struct row_found *ret)
{
	return found_pin(lock_pin(new ? sides->new : sides->old, container, name), ret);
}

void sides_packages(struct row_sides *sides, struct names *names, struct arena *a, const struct lock *old, const struct lock *new)
{
	sides->old = old;
	sides->new = new;
	sides->find = find_package;
	sides->step = step_python;
	add_pins(names, a, old, false);
	add_pins(names, a, new, false);
	names_sort(names);
}

static bool find_further(const struct row_sides *sides, bool new, const char *place, const char *name, struct row_found *ret)
{
	autoarena struct arena scratch = {0};
	const char *on = strstr(place, " on ");

	return found_pin(lock_pin_in(new ? sides->new : sides->old, arena_strndup(&scratch, place, (size_t)(on - place)), on + 4, name), ret);
}

static bool is_further(const struct lock_container *c, const char *environment)
{
	for (size_t i = 0; i < c->further_count; i++) {
		if (!strcmp(c->further[i], environment))
			return true;
	}
	return false;
}

void sides_further(struct row_sides *sides, struct names *names, struct arena *a, const struct lock *old, const struct lock *new, const char *container)
{
	struct names places = {0};

	for (size_t i = 0; i < new->container_count; i++) {
		const struct lock_container *after = &new->containers[i], *before = old ? lock_container(old, after->name) : NULL;

		for (size_t j = 0; before && (!container || !strcmp(container, after->name)) && j < after->further_count; j++) {
			if (is_further(before, after->further[j]))
				names_add(&places, a, arena_printf(a, "%s on %s", after->name, after->further[j]));
		}
	}
	names_sort(&places);
	bool *common = arena_array(a, places.count, sizeof(*common));

	for (size_t i = 0; i < places.count; i++)
		common[i] = true;
	sides_packages(sides, names, a, old, new);
	sides->find = find_further;
	sides->containers = places.items;
	sides->common = common;
	sides->container_count = places.count;
}

/* "cuda" takes any "cuda{...}"; a key with options only itself. */
static bool is_use_of(const char *layer_use, const char *key)
{
	size_t length = strcspn(key, "{");

	return key[length] ? !strcmp(layer_use, key) : !strncmp(layer_use, key, length) && (!layer_use[length] || layer_use[length] == '{');
}

/* Of any container when `container` is NULL. */
static bool has_layer(const struct lock *lock, const char *container, const char *layer)
{
	const struct lock_container *c = container ? lock_container(lock, container) : NULL;

	return !container || (c && c->layer_count && bsearch(&layer, c->layers, c->layer_count, sizeof(*c->layers), text_compare_items));
}

static bool find_toolchain(const struct row_sides *sides, bool new, const char *layer, const char *name, struct row_found *ret)
{
	const struct lock *lock = new ? sides->new : sides->old;

	for (size_t i = lock_first_pin(lock, true, name); i < lock->pin_count && !strcmp(lock->pins[i].name, name); i++) {
		const struct pin *pin = &lock->pins[i];

		for (size_t j = 0; j < pin->layer_count; j++) {
			if (is_use_of(pin->layers[j], layer) && has_layer(lock, sides->of, pin->layers[j]))
				return found_pin(pin, ret);
		}
	}
	return false;
}

static void add_layers(struct names *uses, struct arena *a, const struct lock *lock, const char *container, const char *const *layers, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (has_layer(lock, container, layers[i]))
			names_add(uses, a, layers[i]);
	}
}

static void add_uses(struct names *uses, struct arena *a, const struct lock *lock, const char *container)
{
	for (size_t i = 0; lock && i < lock->pin_count; i++)
		add_layers(uses, a, lock, container, lock->pins[i].layers, lock->pins[i].layer_count);
	for (size_t i = 0; lock && i < lock->archive_count; i++)
		add_layers(uses, a, lock, container, lock->archives[i].layers, lock->archives[i].layer_count);
	names_sort(uses);
}

static size_t count_uses(const struct names *uses, const char *layer)
{
	size_t count = 0;

	for (size_t i = 0; i < uses->count; i++)
		count += is_use_of(uses->items[i], layer);
	return count;
}

/* The layers of both sides, in place of containers. */
static void take_layers(struct row_sides *sides, struct arena *a, const struct lock *old, const struct lock *new, const char *container)
{
	struct names uses[2] = {{0}, {0}}, keys = {0};

	sides->old = old;
	sides->new = new;
	sides->of = container;
	add_uses(&uses[0], a, old, container);
	add_uses(&uses[1], a, new, container);
	for (size_t side = 0; side < 2; side++) {
		for (size_t i = 0; i < uses[side].count; i++) {
			const char *use = uses[side].items[i], *bare = arena_strndup(a, use, strcspn(use, "{"));

			names_add(&keys, a, count_uses(&uses[0], bare) <= 1 && count_uses(&uses[1], bare) <= 1 ? bare : use);
		}
	}
	names_sort(&keys);
	bool *common = arena_array(a, keys.count, sizeof(*common));

	for (size_t i = 0; i < keys.count; i++)
		common[i] = count_uses(&uses[0], keys.items[i]) && count_uses(&uses[1], keys.items[i]);
	sides->containers = keys.items;
	sides->container_count = keys.count;
	sides->common = common;
}

void sides_toolchain(struct row_sides *sides, struct names *names, struct arena *a, const struct lock *old, const struct lock *new, const char *container)
{
	take_layers(sides, a, old, new, container);
	sides->find = find_toolchain;
	sides->step = step_python;
	add_pins(names, a, old, true);
	add_pins(names, a, new, true);
	names_sort(names);
}

static bool find_archive(const struct row_sides *sides, bool new, const char *layer, const char *name, struct row_found *ret)
{
	const struct lock *lock = new ? sides->new : sides->old;

	for (size_t i = 0; i < lock->archive_count; i++) {
		const struct lock_archive *archive = &lock->archives[i];

		for (size_t j = 0; !strcmp(archive->name, name) && j < archive->layer_count; j++) {
			if (!is_use_of(archive->layers[j], layer) || !has_layer(lock, sides->of, archive->layers[j]))
				continue;
			*ret = (struct row_found){.version = archive->sha256, .reference = archive->url, .sha256 = archive->sha256};
			return true;
		}
	}
	return false;
}

/* Digests have no order. */
static enum change_class step_none(const char *old, const char *new)
{
	return strcmp(old, new) != 0 ? CHANGE_FILES : CHANGE_NONE;
}

void sides_archives(struct row_sides *sides, struct names *names, struct arena *a, const struct lock *old, const struct lock *new, const char *container)
{
	take_layers(sides, a, old, new, container);
	sides->find = find_archive;
	sides->step = step_none;
	for (size_t side = 0; side < 2; side++) {
		const struct lock *lock = side ? new : old;

		for (size_t i = 0; lock && i < lock->archive_count; i++)
			names_add(names, a, lock->archives[i].name);
	}
	names_sort(names);
}

static int compare_snapshot(const void *key, const void *item)
{
	return strcmp(key, ((const struct snapshot *)item)->container);
}

const struct snapshot *sides_snapshot(const struct release *release, const char *container)
{
	return release && release->snapshot_count
		       ? bsearch(container, release->snapshots, release->snapshot_count, sizeof(*release->snapshots), compare_snapshot)
		       : NULL;
}

static const char *find_tool_version(const struct snapshot *s, const char *name)
{
	for (size_t i = 0; i < s->tool_count; i++) {
		if (!strcmp(s->tools[i].name, name))
			return s->tools[i].version;
	}
	/* The interpreter says its version as a marker. */
	for (size_t i = 0; !strcmp(name, "python") && i < s->marker_count; i++) {
		if (!strcmp(s->markers[i].name, "python_full_version"))
			return s->markers[i].value;
	}
	return NULL;
}

static bool find_tool(const struct row_sides *sides, bool new, const char *container, const char *name, struct row_found *ret)
{
	const struct snapshot *s = sides_snapshot(new ? sides->new : sides->old, container);

	ret->version = s ? find_tool_version(s, name) : NULL;
	return ret->version != NULL;
}

/* Tools keep to no rule of versions; where both read as PEP 440, its steps say more. */
static enum change_class step_tool(const char *old, const char *new)
{
	enum change_class step = step_python(old, new);

	return step == CHANGE_UPGRADED || step == CHANGE_DOWNGRADED ? step_system(old, new) : step;
}

void sides_tools(struct row_sides *sides, struct names *names, struct arena *a, const struct release *old, const struct release *new)
{
	sides->old = old;
	sides->new = new;
	sides->find = find_tool;
	sides->step = step_tool;
	for (size_t side = 0; side < 2; side++) {
		const struct release *release = side ? new : old;

		for (size_t i = 0; release && i < release->snapshot_count; i++) {
			for (size_t j = 0; j < release->snapshots[i].tool_count; j++)
				names_add(names, a, release->snapshots[i].tools[j].name);
		}
	}
	names_add(names, a, "python");
	names_sort(names);
}

static int compare_system_name(const void *key, const void *item)
{
	return strcmp(key, ((const struct installed_system_package *)item)->name);
}

static const struct installed_system_package *first_system(const struct snapshot *s, const char *name)
{
	const struct installed_system_package *found =
		s->system_count ? bsearch(name, s->system_packages, s->system_count, sizeof(*s->system_packages), compare_system_name) : NULL;

	while (found && found > s->system_packages && !strcmp(found[-1].name, name))
		found--;
	return found;
}

/* The machine's own architecture is the one dpkg itself has. */
static bool is_foreign(const struct snapshot *s, const struct installed_system_package *package)
{
	const struct installed_system_package *dpkg = first_system(s, "dpkg");

	return dpkg && strcmp(package->architecture, "all") != 0 && strcmp(package->architecture, dpkg->architecture) != 0;
}

static bool find_system(const struct row_sides *sides, bool new, const char *container, const char *name, struct row_found *ret)
{
	const struct snapshot *s = sides_snapshot(new ? sides->new : sides->old, container);
	char bare[256];
	size_t length = strcspn(name, ":");

	if (!s || length >= sizeof(bare))
		return false;
	memcpy(bare, name, length);
	bare[length] = '\0';
	const char *architecture = name[length] ? name + length + 1 : NULL;

	for (const struct installed_system_package *p = first_system(s, bare); p && p < s->system_packages + s->system_count && !strcmp(p->name, bare); p++) {
		if (architecture ? strcmp(p->architecture, architecture) != 0 : is_foreign(s, p))
			continue;
		ret->version = p->version;
		return true;
	}
	return false;
}

void sides_system(struct row_sides *sides, struct names *names, struct arena *a, const struct release *old, const struct release *new)
{
	sides->old = old;
	sides->new = new;
	sides->find = find_system;
	sides->step = step_system;
	for (size_t side = 0; side < 2; side++) {
		const struct release *release = side ? new : old;

		for (size_t i = 0; release && i < release->snapshot_count; i++) {
			const struct snapshot *s = &release->snapshots[i];

			for (size_t j = 0; j < s->system_count; j++) {
				const struct installed_system_package *p = &s->system_packages[j];

				names_add(names, a, is_foreign(s, p) ? arena_printf(a, "%s:%s", p->name, p->architecture) : p->name);
			}
		}
	}
	names_sort(names);
}

static bool find_deb(const struct row_sides *sides, bool new, const char *container, const char *name, struct row_found *ret)
{
	const struct lock *lock = new ? sides->new : sides->old;
	const struct lock_container *c = lock_container(lock, container);

	for (size_t i = lock_first_deb(lock, name); c && i < lock->deb_count && !strcmp(lock->debs[i].name, name); i++) {
		if (!lock_deb_in_container(lock, &lock->debs[i], c))
			continue;
		*ret = (struct row_found){.version = lock->debs[i].version, .sha256 = lock->debs[i].sha256};
		return true;
	}
	return false;
}

void sides_debs(struct row_sides *sides, struct names *names, struct arena *a, const struct lock *old, const struct lock *new)
{
	sides->old = old;
	sides->new = new;
	sides->find = find_deb;
	sides->step = step_system;
	for (size_t side = 0; side < 2; side++) {
		const struct lock *lock = side ? new : old;

		for (size_t i = 0; lock && i < lock->deb_count; i++)
			names_add(names, a, lock->debs[i].name);
	}
	names_sort(names);
}
