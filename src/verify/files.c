#include "verify/files.h"

#include <string.h>

static void add_wheel(struct together *t, const struct pin *pin, const char *const *tags, size_t tag_count)
{
	size_t count = pin_is_toolchain(pin) ? t->layer_count : t->count;
	const struct lock_file *file = pin_file_by_tags(pin, tags, tag_count);

	if (pin_is_toolchain(pin)) {
		*arena_push(t->a, &t->layer_pins, &count) = pin;
		*arena_push(t->a, &t->layer_files, &t->layer_count) = file;
	} else {
		*arena_push(t->a, &t->pins, &count) = pin;
		*arena_push(t->a, &t->files, &t->count) = file;
	}
}

static bool is_of_layers(const struct together *t, const struct pin *pin)
{
	for (size_t i = 0; i < t->container->layer_count; i++) {
		if (pin_in_layer(pin, lock_layer_name(t->a, &t->container->layers[i])))
			return true;
	}
	return false;
}

static void check_container(struct together *t)
{
	const struct lock *lock = t->v->lock;
	const struct lock_environment *environment;
	const char *const *tags;
	size_t tag_count;

	t->part = lock_container(lock, t->container->name);
	environment = t->part ? lock_environment(lock, t->part->environment) : NULL;
	if (!environment)
		return;
	lock_environment_tags(t->a, environment, &tags, &tag_count);
	for (size_t i = 0; i < lock->pin_count; i++) {
		const struct pin *pin = &lock->pins[i];

		if (pin_is_toolchain(pin) ? is_of_layers(t, pin) : pin_is_built_in(pin, t->part))
			add_wheel(t, pin, tags, tag_count);
	}
	files_check_shadows(t);
	files_check_cuda(t);
}

int verify_files(const struct verification *v, struct findings *ret, struct error *err __attribute__((unused)))
{
	autocontents struct contents contents = {0};
	size_t wheels = 0, missing = 0;

	for (size_t i = 0; i < v->container_count; i++) {
		autoarena struct arena a = {0};
		struct together t = {
			.v = v, .a = &a, .contents = &contents, .ret = ret, .container = v->containers[i], .snapshot = v->snapshots ? &v->snapshots[i] : NULL};

		check_container(&t);
		for (size_t j = 0; j < t.count; j++) {
			wheels++;
			missing += !t.files[j] || !contents_files(&contents, t.files[j]);
		}
	}
	if (missing)
		findings_checked(ret, "%zu of %zu wheels; the others are not in the store, 'lockstep fetch' gets them", wheels - missing, wheels);
	else
		findings_checked(ret, "the files of %zu wheel%s in %zu container%s", wheels, wheels == 1 ? "" : "s", v->container_count,
				 v->container_count == 1 ? "" : "s");
	return 0;
}
