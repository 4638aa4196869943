#include "diff/diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "diff/sides.h"
#include "diff/why.h"
#include "release/release.h"

static const struct {
	const char *name, *key;
} classes[CHANGE_CLASS_COUNT] = {
	[CHANGE_NONE] = {"the same", "same"},
	[CHANGE_FILES] = {"files changed", "files-changed"},
	[CHANGE_ORIGIN] = {"origin changed", "origin-changed"},
	[CHANGE_PATCH] = {"upgraded (patch)", "upgraded-patch"},
	[CHANGE_MINOR] = {"upgraded (minor)", "upgraded-minor"},
	[CHANGE_MAJOR] = {"upgraded (major)", "upgraded-major"},
	[CHANGE_UPGRADED] = {"upgraded", "upgraded"},
	[CHANGE_DOWNGRADED] = {"downgraded", "downgraded"},
	[CHANGE_REMOVED] = {"removed", "removed"},
	[CHANGE_ADDED] = {"added", "added"},
};

const char *change_class_name(enum change_class class)
{
	return classes[class].name;
}

const char *change_class_key(enum change_class class)
{
	return classes[class].key;
}

/* What one sorted list has and the other lacks. */
static const char **only_in(struct arena *a, const char *const *list, size_t count, const char *const *other, size_t other_count, size_t *ret_count)
{
	const char **kept = NULL;

	*ret_count = 0;
	for (size_t i = 0; i < count; i++) {
		if (!other_count || !bsearch(&list[i], other, other_count, sizeof(*other), text_compare_items))
			*arena_push(a, &kept, ret_count) = list[i];
	}
	return kept;
}

static void count_packages(struct change_container *c, const struct lock *lock)
{
	const struct lock_container *locked = lock_container(lock, c->name);

	c->direct_count = locked->direct_count;
	for (size_t i = 0; i < lock->pin_count; i++)
		c->package_count += pin_is_built_in(&lock->pins[i], locked);
}

static void compare_container(struct arena *a, struct change_container *c, const struct lock *old, const struct lock *new)
{
	const struct lock_container none = {0}, *before = old ? lock_container(old, c->name) : NULL, *after = lock_container(new, c->name);

	c->old = before;
	c->new = after;
	c->old_environment = before ? before->environment : NULL;
	c->new_environment = after ? after->environment : NULL;
	c->recipe_changed = before && after && !text_equal(before->inputs, after->inputs);
	count_packages(c, after ? new : old);
	before = before ? before : &none;
	after = after ? after : &none;
	c->old_groups = only_in(a, before->groups, before->group_count, after->groups, after->group_count, &c->old_group_count);
	c->old_further = only_in(a, before->further, before->further_count, after->further, after->further_count, &c->old_further_count);
	c->new_further = only_in(a, after->further, after->further_count, before->further, before->further_count, &c->new_further_count);
	c->new_groups = only_in(a, after->groups, after->group_count, before->groups, before->group_count, &c->new_group_count);
}

static void add_containers(struct changes *changes, struct arena *a, const struct lock *old, const struct lock *new, const char *only)
{
	struct names names = {0};

	for (size_t i = 0; old && i < old->container_count; i++)
		names_add(&names, a, old->containers[i].name);
	for (size_t i = 0; i < new->container_count; i++)
		names_add(&names, a, new->containers[i].name);
	names_sort(&names);
	for (size_t i = 0; i < names.count; i++) {
		if (only && strcmp(only, names.items[i]) != 0)
			continue;
		struct change_container *c = arena_push(a, &changes->containers, &changes->container_count);

		c->name = names.items[i];
		compare_container(a, c, old, new);
	}
}

static struct row_sides sides_of(const struct changes *changes, struct arena *a)
{
	const char **names = arena_array(a, changes->container_count, sizeof(*names));
	bool *common = arena_array(a, changes->container_count, sizeof(*common));

	for (size_t i = 0; i < changes->container_count; i++) {
		names[i] = changes->containers[i].name;
		common[i] = change_container_common(&changes->containers[i]);
	}
	return (struct row_sides){.containers = names, .common = common, .container_count = changes->container_count};
}

static void add_rows(struct change_list *list, struct arena *a, const struct row_sides *sides, const struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		rows_add(list, a, sides, names->items[i]);
}

/* What moves as it does in the image needs no second telling. */
static void drop_same_steps(struct change_list *list, const struct lock *old, const struct lock *new)
{
	size_t rows = 0;

	for (size_t i = 0; i < list->count; i++) {
		struct change *row = &list->rows[i];
		size_t kept = 0;

		for (size_t j = 0; j < row->cell_count; j++) {
			autoarena struct arena scratch = {0};
			const char *place = row->cells[j].container, *name = arena_strndup(&scratch, place, (size_t)(strstr(place, " on ") - place));
			const struct pin *before = lock_pin(old, name, row->name), *after = lock_pin(new, name, row->name);

			if (!text_equal(before ? before->version : NULL, row->cells[j].old_version) ||
			    !text_equal(after ? after->version : NULL, row->cells[j].new_version))
				row->cells[kept++] = row->cells[j];
		}
		row->cell_count = kept;
		if (kept)
			list->rows[rows++] = *row;
	}
	list->count = rows;
}

static void add_further(struct changes *changes, struct arena *a, const struct lock *old, const struct lock *new, const char *container)
{
	struct row_sides sides = {0};
	struct names names = {0};

	if (!old)
		return;
	sides_further(&sides, &names, a, old, new, container);
	add_rows(&changes->further, a, &sides, &names);
	drop_same_steps(&changes->further, old, new);
	rows_finish(&changes->further);
}

/* All but the Debian packages. */
static struct changes *compare_locks(struct arena *a, const char *old_name, const struct lock *old, const char *new_name, const struct lock *new,
				     const char *container)
{
	struct changes *changes = arena_new(a, struct changes);
	struct names packages = {0}, toolchain = {0}, archives = {0};

	changes->old_name = old ? old_name : NULL;
	changes->new_name = new_name;
	changes->old_cut_off_unix = old ? old->cut_off_unix : 0;
	changes->new_cut_off_unix = new->cut_off_unix;
	add_containers(changes, a, old, new, container);
	struct row_sides sides = sides_of(changes, a);

	sides_packages(&sides, &packages, a, old, new);
	add_rows(&changes->packages, a, &sides, &packages);
	why_fill(&changes->packages, a, old, new);
	rows_finish(&changes->packages);
	add_further(changes, a, old, new, container);
	/* Where a lock does not say which container has which layer, the images' tools tell of one container. */
	if (!container || ((!old || lock_knows_layers(old)) && lock_knows_layers(new))) {
		sides_toolchain(&sides, &toolchain, a, old, new, container);
		add_rows(&changes->toolchain, a, &sides, &toolchain);
		rows_finish(&changes->toolchain);
		sides_archives(&sides, &archives, a, old, new, container);
		add_rows(&changes->archives, a, &sides, &archives);
		rows_finish(&changes->archives);
	}
	return changes;
}

/* A lock that says nothing of a container's Debian packages is no lock without them: they are counted, and no rows. Leaves the other containers in `sides`. */
static void add_first_debs(struct changes *changes, struct row_sides *sides, struct arena *a, const struct lock *old, const struct lock *new)
{
	const char **names = arena_array(a, sides->container_count, sizeof(*names));
	bool *common = arena_array(a, sides->container_count, sizeof(*common));
	size_t kept = 0;

	for (size_t i = 0; i < sides->container_count; i++) {
		const struct lock_container *before = old ? lock_container(old, sides->containers[i]) : NULL,
					    *after = lock_container(new, sides->containers[i]);

		if (after && after->debian && (!old || (before && !before->debian))) {
			*arena_push(a, &changes->first_containers, &changes->first_container_count) = after->name;
			continue;
		}
		if (before && before->debian && after && !after->debian) {
			*arena_push(a, &changes->unlocked_containers, &changes->unlocked_container_count) = after->name;
			continue;
		}
		names[kept] = sides->containers[i];
		common[kept++] = sides->common[i];
	}
	sides->containers = names;
	sides->common = common;
	sides->container_count = kept;
	for (size_t i = 0; i < new->deb_count; i++) {
		bool first = false;

		for (size_t j = 0; j < changes->first_container_count && !first; j++)
			first = lock_deb_in_container(new, &new->debs[i], lock_container(new, changes->first_containers[j]));
		changes->first_deb_count += first;
	}
}

struct changes *changes_between_locks(struct arena *a, const char *old_name, const struct lock *old, const char *new_name, const struct lock *new,
				      const char *container)
{
	struct changes *changes = compare_locks(a, old_name, old, new_name, new, container);
	struct row_sides sides = sides_of(changes, a);
	struct names debs = {0};

	add_first_debs(changes, &sides, a, old, new);
	if (!new->deb_count || (old && !old->deb_count))
		return changes;
	sides_debs(&sides, &debs, a, old, new);
	add_rows(&changes->system_packages, a, &sides, &debs);
	rows_finish(&changes->system_packages);
	return changes;
}

struct changes *changes_between_releases(struct arena *a, const struct release *old, const struct release *new, const char *container)
{
	struct changes *changes = compare_locks(a, old ? old->name : NULL, old ? &old->lock : NULL, new->name, &new->lock, container);
	struct row_sides sides = sides_of(changes, a), locked = sides;
	struct names tools = {0}, system_packages = {0};

	changes->has_images = true;
	/* What the images had before is known all the same. */
	if (old)
		add_first_debs(changes, &locked, a, &old->lock, &new->lock);
	for (size_t i = 0; i < changes->container_count; i++) {
		struct change_container *c = &changes->containers[i];
		const struct snapshot *before = sides_snapshot(old, c->name), *after = sides_snapshot(new, c->name);

		c->old_image = before ? before->image_id : NULL;
		c->new_image = after ? after->image_id : NULL;
		c->system_count = after ? after->system_count : before ? before->system_count : 0;
	}
	sides_tools(&sides, &tools, a, old, new);
	add_rows(&changes->tools, a, &sides, &tools);
	rows_finish(&changes->tools);
	sides_system(&sides, &system_packages, a, old, new);
	add_rows(&changes->system_packages, a, &sides, &system_packages);
	rows_finish(&changes->system_packages);
	return changes;
}

static bool container_changed(const struct change_container *c)
{
	return !change_container_common(c) || c->recipe_changed || c->old_group_count || c->new_group_count ||
	       !text_equal(c->old_environment, c->new_environment) || c->old_further_count || c->new_further_count;
}

bool changes_any(const struct changes *changes)
{
	for (size_t i = 0; i < changes->container_count; i++) {
		if (container_changed(&changes->containers[i]))
			return true;
	}
	return changes->packages.count || changes->further.count || changes->toolchain.count || changes->archives.count || changes->tools.count ||
	       changes->system_packages.count || (!changes->has_images && (changes->first_deb_count || changes->unlocked_container_count));
}
