#include "verify/requires.h"

#include <string.h>

#include "fetch/store.h"
#include "python/wheel.h"

void wheels_read_release(struct wheels_read *w)
{
	arena_release(&w->arena);
	*w = (struct wheels_read){0};
}

static void keep(struct arena *a, const struct wheel_metadata *m, struct wheel_requires *ret)
{
	for (size_t i = 0; i < m->requires_dist_count; i++) {
		size_t at, count = ret->count;
		const char *why;
		struct requirement *r = requirement_parse(a, m->requires_dist[i], &at, &why);

		if (!r)
			continue;
		*arena_push(a, &ret->texts, &count) = arena_strdup(a, m->requires_dist[i]);
		*arena_push(a, &ret->items, &ret->count) = r;
	}
}

const struct wheel_requires *wheel_requires(struct wheels_read *w, const struct lock_file *file)
{
	autoarena struct arena scratch = {0};
	autoerror struct error unreadable = {0};
	struct wheel_metadata metadata;

	for (size_t i = 0; i < w->count; i++) {
		if (!strcmp(w->wheels[i].sha256, file->sha256))
			return &w->wheels[i];
	}
	/* Metadata may hold long descriptions: only the requirements stay. */
	if (!store_has(file->sha256, (int64_t)file->size_bytes) ||
	    wheel_metadata_read(&scratch, store_path(&scratch, file->sha256), &metadata, &unreadable) < 0)
		return NULL;
	struct wheel_requires *ret = arena_push(&w->arena, &w->wheels, &w->count);

	ret->sha256 = arena_strdup(&w->arena, file->sha256);
	keep(&w->arena, &metadata, ret);
	return ret;
}
