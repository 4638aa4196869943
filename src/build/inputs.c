#include <stdlib.h>
#include <string.h>

#include "build/plan.h"
#include "debian/question.h"
#include "recipe/database.h"

static int compare_inputs(const void *a, const void *b)
{
	return strcmp(((const struct build_input *)a)->file, ((const struct build_input *)b)->file);
}

/* A wheel that was built here says itself where it comes from, and one of the project is nowhere else to be found. */
static const char *origin_of(const struct pin *pin, const struct lock_file *file)
{
	return pin->reference && strstr(pin->reference, "://") && !file->built_from ? pin->reference : NULL;
}

/* What fits an environment; its tags are many, so they are made once. */
struct fit {
	const struct lock_environment *environment;
	const char *const *tags;
	size_t tag_count;
};

static int add_pin(struct arena *a, const struct pin *pin, const struct fit *fit, const char *folder, struct build_input **list, size_t *count,
		   struct error *err)
{
	const struct lock_file *file = pin_file_by_tags(pin, fit->tags, fit->tag_count);

	/* Not built yet: then what is in it is not known. */
	if (!file && pin_source(pin)) {
		*arena_push(a, list, count) = (struct build_input){.name = pin->name,
								   .version = pin->version,
								   .file = arena_printf(a, "%s/wheels/%s", folder, pin_source(pin)->name),
								   .kind = INPUT_WHEEL};
		return 0;
	}
	if (!file)
		return error_set(err, ERR_NOT_FOUND, "the lock has no file of '%s' %s for %s; run 'lockstep lock'", pin->name, pin->version,
				 fit->environment->name);
	*arena_push(a, list, count) = (struct build_input){
		.name = pin->name,
		.version = pin->version,
		.file = arena_printf(a, "%s/wheels/%s", folder, file->name),
		.sha256 = file->sha256,
		.size_bytes = file->size_bytes,
		.kind = INPUT_WHEEL,
		.origin = origin_of(pin, file),
	};
	return 0;
}

static int add_pins(struct arena *a, const struct lock *lock, const struct container *c, const struct stage *stage, struct build_input **list, size_t *count,
		    struct error *err)
{
	const struct lock_container *locked = lock_container(lock, c->name);
	struct fit fit = {.environment = locked ? lock_environment(lock, locked->environment) : NULL};
	const char *use = stage->wheels ? lock_layer_name(a, stage->wheels) : NULL;
	const char *folder = use ? arena_printf(a, "layers/%s", stage->wheels->layer->name) : "python";

	if (!fit.environment)
		return error_set(err, ERR_NOT_FOUND, "the lock does not know container '%s'; run 'lockstep lock'", c->name);
	lock_environment_tags(a, fit.environment, &fit.tags, &fit.tag_count);
	for (size_t i = 0; i < lock->pin_count; i++) {
		const struct pin *pin = &lock->pins[i];

		if ((use ? pin_in_layer(pin, use) : pin_is_built_in(pin, locked)) && add_pin(a, pin, &fit, folder, list, count, err) < 0)
			return -1;
	}
	if (use && !*count)
		return error_set(err, ERR_NOT_FOUND, "the lock has no files for layer '%s'; run 'lockstep lock'", use);
	return 0;
}

/* The Debian packages that a stage of a container installs. */
static void add_debs(struct arena *a, const struct lock *lock, const struct container *c, const struct stage *stage, struct build_input **list, size_t *count)
{
	const char *label = system_stage_label(a, c->name, stage->name);

	for (size_t i = 0; i < lock->deb_count; i++) {
		const struct lock_deb *deb = &lock->debs[i];

		if (!lock_deb_in(deb, label))
			continue;
		*arena_push(a, list, count) = (struct build_input){
			.name = deb->name,
			.version = deb->version,
			.file = arena_printf(a, RENDER_DEBIAN "/%s/%s", stage->name, deb->file),
			.sha256 = deb->sha256,
			.kind = INPUT_DEB,
		};
	}
}

static void add_archives(struct arena *a, const struct lock *lock, const struct stage *stage, struct build_input **list, size_t *count)
{
	const char *use = lock_layer_name(a, stage->archives);

	for (size_t i = 0; i < lock->archive_count; i++) {
		const struct lock_archive *archive = &lock->archives[i];

		for (size_t k = 0; k < archive->layer_count; k++) {
			if (strcmp(archive->layers[k], use) != 0)
				continue;
			*arena_push(a, list, count) = (struct build_input){
				.name = archive->name,
				.version = "",
				.file = arena_printf(a, "layers/%s/archives/%s/%s", stage->archives->layer->name, archive->sha256, archive->name),
				.sha256 = archive->sha256,
				.kind = INPUT_ARCHIVE,
			};
		}
	}
}

int build_inputs(struct arena *a, const struct lock *lock, const struct container *c, const struct stage *stage, const struct base_tree *trees,
		 size_t tree_count, struct build_input **ret, size_t *ret_count, struct error *err)
{
	struct build_input *list = NULL;
	size_t count = 0;

	for (size_t i = 0; stage->base_tar && i < tree_count; i++) {
		if (trees[i].base == stage->base_tar)
			*arena_push(a, &list, &count) =
				(struct build_input){.name = stage->base_tar->name, .version = "", .file = RENDER_BASE_TAR, .sha256 = trees[i].sha256};
	}
	if ((stage->wheels || stage->python) && add_pins(a, lock, c, stage, &list, &count, err) < 0)
		return -1;
	if (stage->archives)
		add_archives(a, lock, stage, &list, &count);
	if (stage->debian)
		add_debs(a, lock, c, stage, &list, &count);
	if (count)
		qsort(list, count, sizeof(*list), compare_inputs);
	*ret = list;
	*ret_count = count;
	return 0;
}
