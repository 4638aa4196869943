#include "resolve/archives.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "resolve/sizes.h"

static struct lock_archive *find(struct lock *lock, const char *name, const char *sha256)
{
	for (size_t i = 0; i < lock->archive_count; i++) {
		if (!strcmp(lock->archives[i].sha256, sha256) && !strcmp(lock->archives[i].name, name))
			return &lock->archives[i];
	}
	return NULL;
}

static void add_layer(struct arena *a, struct lock_archive *archive, const char *layer)
{
	for (size_t i = 0; i < archive->layer_count; i++) {
		if (!strcmp(archive->layers[i], layer))
			return;
	}
	*arena_push(a, &archive->layers, &archive->layer_count) = layer;
}

static void add_use(struct lock *lock, const struct lock *last, const struct layer_use *use)
{
	struct arena *a = &lock->arena;

	for (size_t i = 0; i < use->layer->step_count; i++) {
		const struct layer_step *step = &use->layer->steps[i];

		if (step->kind != STEP_ARCHIVE || !layer_use_holds(use, step->conditions, step->condition_count))
			continue;
		const char *url = layer_use_expand(a, use, step->target), *name = path_base(url);
		struct lock_archive *archive = find(lock, name, step->content);
		const struct lock_archive *before = last ? find((struct lock *)(uintptr_t)last, name, step->content) : NULL;

		if (!archive) {
			archive = arena_push(a, &lock->archives, &lock->archive_count);
			*archive = (struct lock_archive){
				.name = name, .url = url, .sha256 = arena_strdup(a, step->content), .size_bytes = before ? before->size_bytes : 0};
		}
		add_layer(a, archive, lock_layer_name(a, use));
	}
}

/* As the files of one pin, which is how sizes are asked for. */
static int ask_sizes(struct lock *lock, const struct settings *settings, struct error *err)
{
	autoarena struct arena a = {0};
	struct pin one = {.name = "archives", .version = "0", .file_count = lock->archive_count};
	struct lock files = {.pins = &one, .pin_count = 1};

	one.files = arena_array(&a, lock->archive_count, sizeof(*one.files));
	for (size_t i = 0; i < lock->archive_count; i++)
		one.files[i] = (struct lock_file){.name = lock->archives[i].name,
						  .url = lock->archives[i].url,
						  .sha256 = lock->archives[i].sha256,
						  .size_bytes = lock->archives[i].size_bytes};
	if (sizes_fill(&files, NULL, settings, err) < 0)
		return -1;
	for (size_t i = 0; i < lock->archive_count; i++)
		lock->archives[i].size_bytes = one.files[i].size_bytes;
	return 0;
}

int archives_lock(const struct database *db, const struct settings *settings, const struct lock *last, struct lock *ret, struct error *err)
{
	for (size_t i = 0; i < db->container_count; i++) {
		for (size_t k = 0; k < db->containers[i].layer_count; k++)
			add_use(ret, last, &db->containers[i].layers[k]);
	}
	return ret->archive_count ? ask_sizes(ret, settings, err) : 0;
}
