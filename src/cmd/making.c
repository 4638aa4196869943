#include "cmd/making.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "cmd/fetching.h"
#include "cmd/open.h"
#include "fetch/git.h"
#include "fetch/store.h"
#include "lock/working.h"
#include "recipe/database.h"
#include "report/build_display.h"
#include "resolve/resolve.h"

static int fetch_all(const struct making *m, const struct lock *lock, bool quiet, struct error *err)
{
	const struct fetch_options options = {.project = &m->db->project, .bonds = m->db, .progress = !quiet && !m->call->quiet};
	struct fetch_result result;

	return fetching_run(m->call, m->db, lock, m->settings, &options, &result, err);
}

int making_fetch(const struct making *m, struct pin *pin, const char **ret_path, struct error *err)
{
	const char *name = "any";
	struct lock_environment environment = {
		.name = name, .python = "3", .implementation = "cpython", .os = "linux", .machine = "any", .libc = "glibc", .libc_version = "2"};
	struct lock_container container = {.name = name, .environment = name};
	struct pin one = *pin;
	struct lock lock = {.environments = &environment, .environment_count = 1, .containers = &container, .container_count = 1, .pins = &one, .pin_count = 1};

	one.containers = &name;
	one.container_count = 1;
	if (!pin->files->sha256) {
		char sha256[DIGEST_HEX_LENGTH + 1];

		if (git_archive(m->call->arena, pin->reference, pin->name, sha256, &pin->files->size_bytes, err) < 0)
			return -1;
		pin->files->sha256 = arena_strdup(m->call->arena, sha256);
	} else if (fetch_all(m, &lock, true, err) < 0) {
		return -1;
	}
	*ret_path = store_path(m->call->arena, pin->files->sha256);
	return 0;
}

static int require(void *context, struct lock *lock, const struct pin *pin, const char *const *requirements, size_t count, struct error *err)
{
	const struct making *m = context;
	const struct resolve_options options = {0};
	autodiag struct diag d = {0};
	int result = resolve_build(m->db, m->settings, NULL, &options, lock, pin, requirements, count, &d, err);

	open_print_problems(&d);
	return result < 0 ? -1 : fetch_all(m, lock, true, err);
}

static int build(const struct making *m, struct lock *lock, struct wheels_outcome *ret, struct error *err)
{
	struct build_display display = {.quiet = m->call->quiet, .verbose = m->call->verbose};
	struct work_watch watch = build_display_watch(&display);
	struct build_request q = {.db = m->db,
				  .lock = lock,
				  .engine = m->engine,
				  .containers = m->containers,
				  .container_count = m->container_count,
				  .at_once = m->at_once,
				  .watch = &watch};
	struct wheels_request request = {.build = &q, .lock = lock, .again = m->again, .require = require, .context = (void *)(uintptr_t)m};
	int result = wheels_build(m->call->arena, &request, ret, err);

	build_display_release(&display);
	return result;
}

int making_wheels(const struct making *m, struct lock *lock, struct wheels_outcome *ret, struct error *err)
{
	if (build(m, lock, ret, err) < 0)
		return -1;
	return ret->changed ? working_lock_write(m->db->root, lock, NULL, err) : 0;
}

static bool declares(const struct container *c, const char *name)
{
	autoarena struct arena a = {0};
	struct package **packages;
	size_t count;

	container_packages(&a, c, &packages, &count);
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(packages[i]->canonical, name))
			return true;
	}
	return false;
}

/* The environment that it is built for first: where what it is built with is most likely, a container that asks for it by name, and of several the one with the
   most layers and Debian packages. */
static const char *first_environment(const struct making *m, const struct lock *lock, const char *name)
{
	const char *best = lock->containers->environment;
	size_t best_weight = 0;

	for (size_t i = 0; i < lock->container_count; i++) {
		const struct container *c = database_container(m->db, lock->containers[i].name);
		/* One that asks for it outweighs all that do not. */
		size_t weight = c ? c->layer_count + c->apt_count + (declares(c, name) ? SIZE_MAX / 2 : 0) : 0;

		if (weight > best_weight) {
			best = lock->containers[i].environment;
			best_weight = weight;
		}
	}
	return best;
}

/* The lock so far with one pin more, which every container of that environment has. */
static void extend(struct lock *lock, const struct lock *from, const struct pin *pin, const char *environment)
{
	struct arena *a = &lock->arena;
	struct pin *one;

	*lock = *from;
	lock->arena = (struct arena){0};
	lock->containers = arena_array(a, from->container_count, sizeof(*lock->containers));
	memcpy(lock->containers, from->containers, from->container_count * sizeof(*lock->containers));
	lock->pins = NULL;
	lock->pin_count = 0;
	for (size_t i = 0; i < from->pin_count; i++) {
		if (pin_is_toolchain(&from->pins[i]))
			*arena_push(a, &lock->pins, &lock->pin_count) = from->pins[i];
	}
	one = arena_push(a, &lock->pins, &lock->pin_count);
	*one = *pin;
	one->containers = NULL;
	one->container_count = 0;
	for (size_t i = 0; i < from->container_count; i++) {
		if (!strcmp(from->containers[i].environment, environment))
			*arena_push(a, &one->containers, &one->container_count) = from->containers[i].name;
	}
}

static struct pin *find(struct lock *lock, const char *name)
{
	for (size_t i = 0; i < lock->pin_count; i++) {
		if (!pin_is_toolchain(&lock->pins[i]) && !strcmp(lock->pins[i].name, name))
			return &lock->pins[i];
	}
	return NULL;
}

static int build_one(const struct making *m, struct lock *lock, const char *environment, struct pin *pin, struct lock_file *ret_wheel, const char **ret_path,
		     struct error *err)
{
	struct arena *a = m->call->arena;
	struct wheels_outcome outcome;

	/* Its requirements as far as they are known are locked first. */
	if (m->lock_system && m->lock_system(m->context, lock, err) < 0)
		return -1;
	if (require((void *)(uintptr_t)m, lock, pin, pin->build_requires, pin->build_require_count, err) < 0 || build(m, lock, &outcome, err) < 0)
		return -1;
	const struct pin *built = find(lock, pin->name);
	const struct lock_file *file = built ? pin_file(built, lock_environment(lock, environment)) : NULL;

	if (!file)
		return error_set(err, ERR_ENGINE, "nothing was built of '%s'", pin->name);
	*ret_wheel = (struct lock_file){.name = arena_strdup(a, file->name),
					.size_bytes = file->size_bytes,
					.sha256 = arena_strdup(a, file->sha256),
					.built_from = arena_strdup_null(a, file->built_from),
					.build_key = arena_strdup_null(a, file->build_key)};
	*ret_path = store_path(a, file->sha256);
	pin->build_requires = NULL;
	pin->build_require_count = 0;
	for (size_t i = 0; i < built->build_require_count; i++)
		*arena_push(a, &pin->build_requires, &pin->build_require_count) = arena_strdup(a, built->build_requires[i]);
	return 0;
}

bool making_has(const struct making *m, const struct pin *pin, struct lock_file *ret_wheel, const char **ret_path)
{
	for (size_t i = 0; i < pin->file_count; i++) {
		const struct lock_file *file = &pin->files[i];

		if (!file->built_from || !store_has(file->sha256, (int64_t)file->size_bytes))
			continue;
		*ret_wheel = *file;
		*ret_path = store_path(m->call->arena, file->sha256);
		return true;
	}
	return false;
}

int making_one(const struct making *m, const struct lock *lock, struct pin *pin, struct lock_file *ret_wheel, const char **ret_path, struct error *err)
{
	const char *environment = first_environment(m, lock, pin->name);
	struct lock own;

	extend(&own, lock, pin, environment);
	int result = build_one(m, &own, environment, pin, ret_wheel, ret_path, err);

	arena_release(&own.arena);
	return result;
}
