#include "build/wheel_place.h"

#include <stdlib.h>
#include <string.h>

#include "python/version.h"
#include "python/wheel.h"
#include "recipe/database.h"

static size_t weight_of(const struct container *c)
{
	return c->layer_count + c->apt_count;
}

static const struct container *container_for(const struct database *db, const struct lock *lock, const struct pin *pin,
					     const struct lock_environment *environment)
{
	const struct container *best = NULL;

	for (size_t i = 0; i < db->container_count; i++) {
		const struct container *c = &db->containers[i];
		const struct lock_container *locked = lock_container(lock, c->name);

		if (locked && !strcmp(locked->environment, environment->name) && pin_is_built_in(pin, locked) && (!best || weight_of(c) > weight_of(best)))
			best = c;
	}
	return best;
}

static int compare_places(const void *left, const void *right)
{
	const struct lock_environment *a = ((const struct wheel_place *)left)->environment, *b = ((const struct wheel_place *)right)->environment;
	int order = version_compare_texts(a->libc_version, b->libc_version);

	return order ? order : strcmp(a->name, b->name);
}

bool wheel_place_takes(const struct wheel_place *p, const char *file_name)
{
	autoarena struct arena scratch = {0};
	struct wheel_name wheel;

	return wheel_name_parse(&scratch, file_name, &wheel) && wheel_rank(&wheel, p->tags, p->tag_count) >= 0;
}

static bool has_wheel_of_index(const struct pin *pin, const struct wheel_place *p)
{
	for (size_t i = 0; i < pin->file_count; i++) {
		if (!pin->files[i].built_from && wheel_place_takes(p, pin->files[i].name))
			return true;
	}
	return false;
}

void wheel_places(struct arena *a, const struct database *db, const struct lock *lock, const struct pin *pin, struct wheel_place **ret, size_t *ret_count)
{
	struct wheel_place *list = NULL;
	size_t count = 0;

	for (size_t i = 0; pin_source(pin) && i < lock->environment_count; i++) {
		struct wheel_place p = {.environment = &lock->environments[i]};

		p.container = container_for(db, lock, pin, p.environment);
		if (!p.container)
			continue;
		lock_environment_tags(a, p.environment, &p.tags, &p.tag_count);
		if (!has_wheel_of_index(pin, &p))
			*arena_push(a, &list, &count) = p;
	}
	if (count)
		qsort(list, count, sizeof(*list), compare_places);
	*ret = list;
	*ret_count = count;
}
