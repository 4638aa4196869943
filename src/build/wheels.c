#include "build/wheels.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "build/wheel_job.h"
#include "build/wheel_list.h"
#include "build/wheel_place.h"
#include "fetch/store.h"
#include "io/signals.h"
#include "python/version.h"
#include "python/wheel.h"
#include "recipe/database.h"

enum { ROUNDS_MAX = 40, REQUIRE_ROUNDS_MAX = 4, REMEMBERED_LIMIT_BYTES = 4096, DIFFERENCES_SHOWN = 20 };

/* One call of wheels_build(). */
struct wheels {
	struct building building;
	struct arena *arena;
	const struct wheels_request *request;
	struct lock *lock;
	struct wheel_list list;
	struct wheels_outcome outcome;
};

/* ---- what this machine built before ---- */

static const char *remembered_path(struct arena *a, const char *key)
{
	return arena_printf(a, "%s/wheels/%s", path_cache_dir(a), key);
}

/* "<sha256> <size> <name>\n" */
static bool recall(struct wheels *w, struct wheel_job *job)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};
	struct lock_file f = {0};
	uint64_t size;

	if (w->request->again || file_read(remembered_path(w->arena, job->actual_key), REMEMBERED_LIMIT_BYTES, &text, &ignored) < 0)
		return false;
	char *sha256 = arena_strdup(w->arena, strbuf_text(&text)), *rest = strchr(sha256, ' '), *name = rest ? strchr(rest + 1, ' ') : NULL;

	if (!name)
		return false;
	*rest = *name = '\0';
	f = (struct lock_file){.name = name + 1, .sha256 = sha256};
	name[1 + strcspn(name + 1, "\n")] = '\0';
	if (!digest_is_hex(sha256) || !text_to_u64(rest + 1, &size) || !path_is_plain_name(f.name) || !store_has(sha256, (int64_t)size))
		return false;
	f.size_bytes = size;
	job->made = f;
	return true;
}

static int remember(struct wheels *w, const struct wheel_job *job, struct error *err)
{
	const char *path = remembered_path(w->arena, job->actual_key);
	const char *text = arena_printf(w->arena, "%s %llu %s\n", job->made.sha256, (unsigned long long)job->made.size_bytes, job->made.name);

	return file_make_parents(path, err) < 0 ? -1 : file_write_derived(path, text, strlen(text), err);
}

/* ---- building ---- */

static int run_jobs(struct wheels *w, struct wheel_job **jobs, size_t count, struct error *err)
{
	struct spread_job *work = NULL;
	size_t work_count = 0;

	for (size_t i = 0; i < count; i++)
		*arena_push(w->arena, &work, &work_count) = (struct spread_job){wheel_job_work(jobs[i], w->lock), jobs[i]->stage, NULL};
	if (!work_count || building_run(&w->building, work, work_count, err) == 0)
		return 0;
	if (err->code == ERR_ENGINE)
		error_hint(err,
			   "it is built without network, in the system stage of its container: compilers, headers and libraries that it needs are a layer of "
			   "that container, or 'apt' in its container.yaml; what Python packages of build time it may use is 'build_constraints' in "
			   "recipes/python.yaml");
	return -1;
}

/* Every build requirement that is known, as written, each once. */
static bool needs_requirements(struct wheels *w, const struct wheel_job *job, const char ***ret, size_t *ret_count)
{
	const struct pin *pin = job->pin;
	const char **all = NULL;
	size_t count = 0;

	for (size_t i = 0; i < pin->build_require_count; i++)
		*arena_push(w->arena, &all, &count) = arena_strdup(w->arena, pin->build_requires[i]);
	for (size_t k = 0; k < 2; k++) {
		const char **more = k ? job->requires : job->sdist.build_requires;

		for (size_t i = 0; i < (k ? job->require_count : job->sdist.build_require_count); i++) {
			bool known = false;

			for (size_t j = 0; j < count && !known; j++)
				known = !strcmp(all[j], more[i]);
			if (!known)
				*arena_push(w->arena, &all, &count) = more[i];
		}
	}
	*ret = all;
	*ret_count = count;
	return count > pin->build_require_count;
}

/* What a pin is to be built with from now on. Pins move in memory as the lock changes, so it is known by its archive. */
struct demand {
	const char *archive; /* its sha256 */
	const char **requirements;
	size_t count;
};

static int meet(struct wheels *w, const struct demand *demand, struct error *err)
{
	for (size_t i = 0; i < w->lock->pin_count; i++) {
		const struct pin *pin = &w->lock->pins[i];

		if (pin_is_toolchain(pin) || !pin_source(pin) || strcmp(pin_source(pin)->sha256, demand->archive) != 0 ||
		    pin->build_require_count == demand->count)
			continue;
		if (!w->request->require)
			return error_set(err, ERR_NOT_FOUND, "the lock has no '%s' for building '%s' %s; run 'lockstep lock'",
					 demand->requirements[demand->count - 1], pin->name, pin->version);
		w->outcome.changed = true;
		if (w->request->require(w->request->context, w->lock, pin, demand->requirements, demand->count, err) < 0)
			return -1;
	}
	return 0;
}

/* 1: the lock has other build requirements now, so everything is looked at again. */
static int require_more(struct wheels *w, struct error *err)
{
	struct demand *demands = NULL;
	size_t count = 0;

	for (size_t i = 0; i < w->list.job_count; i++) {
		struct demand d = {.archive = arena_strdup(w->arena, pin_source(w->list.jobs[i]->pin)->sha256)};

		if (needs_requirements(w, w->list.jobs[i], &d.requirements, &d.count))
			*arena_push(w->arena, &demands, &count) = d;
	}
	for (size_t i = 0; i < count; i++) {
		if (meet(w, &demands[i], err) < 0)
			return -1;
	}
	return count > 0;
}

/* Built once more, so that it can be said what differs. */
static int tell_difference(struct wheels *w, struct wheel_job *job, struct error *err)
{
	autostrbuf struct strbuf text = {0}, entries = {0};
	const struct lock_file first = job->made;
	const char *first_path = job->made_path;
	autoerror struct error failed = {0};

	strbuf_printf(&text, "'%s', built again from %s, is not the one that is locked\n  locked: sha256 %s, %llu bytes\n  built:  sha256 %s, %llu bytes",
		      first.name, pin_source(job->pin)->name, job->locked->sha256, (unsigned long long)job->locked->size_bytes, first.sha256,
		      (unsigned long long)first.size_bytes);
	if (run_jobs(w, &job, 1, &failed) < 0) {
		strbuf_printf(&text, "\nbuilt once more, to see what differs, it failed: %s", failed.text);
	} else if (!strcmp(first.sha256, job->made.sha256)) {
		strbuf_add(&text, "\nbuilt once more, it came out the same: what it is built in must be another than where it was locked");
		if (store_has(job->locked->sha256, -1))
			wheel_compare(store_path(w->arena, job->locked->sha256), first_path, DIFFERENCES_SHOWN, &entries);
		strbuf_printf(&text, "%s%s", entries.length ? "; between the locked one and this" : "", strbuf_text(&entries));
	} else {
		wheel_compare(first_path, job->made_path, DIFFERENCES_SHOWN, &entries);
		strbuf_printf(&text, "\nbuilt once more, it came out different again: its build is not reproducible. Between these two%s",
			      strbuf_text(&entries));
	}
	error_set(err, ERR_DRIFT, "%s", strbuf_text(&text));
	return error_hint(err, "nothing was taken from it; 'lockstep lock --upgrade-package %s' drops what was built, and locks what is built next",
			  job->pin->name);
}

static void add_file(struct wheels *w, struct wheel_job *job)
{
	struct arena *a = &w->lock->arena;
	const char *commit = NULL;
	bool git = job->pin->reference && lock_reference_is_git(a, job->pin->reference, &commit);

	*arena_push(a, &job->pin->files, &job->pin->file_count) = (struct lock_file){
		.name = arena_strdup(a, job->made.name),
		.size_bytes = job->made.size_bytes,
		.sha256 = arena_strdup(a, job->made.sha256),
		.built_from = git ? commit : arena_strdup(a, pin_source(job->pin)->sha256),
		.build_key = arena_strdup(a, job->declared_key),
	};
	w->outcome.changed = true;
}

static int take(struct wheels *w, struct wheel_job *job, struct error *err)
{
	if (job->require_count)
		return 0;
	if (job->locked && (strcmp(job->locked->sha256, job->made.sha256) != 0 || strcmp(job->locked->name, job->made.name) != 0))
		return tell_difference(w, job, err);
	if (job->made_path && (store_add_file(job->made_path, job->made.sha256, err) < 0 || remember(w, job, err) < 0))
		return -1;
	w->outcome.built += job->made_path != NULL;
	w->outcome.compared += job->made_path && job->locked;
	*arena_push(w->arena, &w->list.compared, &w->list.compared_count) = job->made.sha256;
	if (!job->locked)
		add_file(w, job);
	return 0;
}

static int open_jobs(struct wheels *w, struct error *err)
{
	for (size_t i = 0; i < w->list.job_count; i++) {
		if (wheel_job_open(w->arena, w->list.jobs[i], err) < 0)
			return -1;
	}
	return 0;
}

static int build_jobs(struct wheels *w, struct error *err)
{
	struct wheel_job **wanted = NULL;
	size_t count = 0;

	for (size_t i = 0; i < w->list.job_count; i++) {
		/* The stages are made, and so are the trees: only now their keys are known. */
		w->list.jobs[i]->stage = wheel_list_stage(&w->list, w->list.jobs[i]->container);
		wheel_job_keys(w->arena, w->lock, w->list.jobs[i]);
		if (w->list.jobs[i]->locked || !recall(w, w->list.jobs[i]))
			*arena_push(w->arena, &wanted, &count) = w->list.jobs[i];
	}
	if (count && (building_hold(&w->building, ENGINE_LEFT_BY_BUILDS, err) < 0 || run_jobs(w, wanted, count, err) < 0))
		return -1;
	for (size_t i = 0; i < w->list.job_count; i++) {
		if (take(w, w->list.jobs[i], err) < 0)
			return -1;
	}
	return 0;
}

/* ---- all of it ---- */

static void add_container(struct wheels *w, const struct container *c)
{
	struct plan_request *q = &w->building.plan_request;

	for (size_t i = 0; i < q->container_count; i++) {
		if (q->containers[i] == c)
			return;
	}
	*arena_push(w->arena, &q->containers, &q->container_count) = c;
}

/* The containers that lend their stages. */
static void choose_containers(struct wheels *w)
{
	w->building.plan_request.containers = NULL;
	w->building.plan_request.container_count = 0;
	for (size_t i = 0; i < w->lock->pin_count; i++) {
		struct wheel_place *places;
		size_t count;

		if (pin_is_toolchain(&w->lock->pins[i]))
			continue;
		wheel_places(w->arena, w->request->build->db, w->lock, &w->lock->pins[i], &places, &count);
		for (size_t j = 0; j < count; j++)
			add_container(w, places[j].container);
	}
}

static int build_all(struct wheels *w, struct error *err)
{
	size_t required = 0;

	choose_containers(w);
	for (size_t round = 0; round < ROUNDS_MAX && w->building.plan_request.container_count; round++) {
		if (signals_check(err) < 0 || build_plan_make(w->arena, &w->building.plan_request, &w->building.plan, err) < 0)
			return -1;
		wheel_list_next(&w->list);
		if (!w->list.job_count)
			return 0;
		if (open_jobs(w, err) < 0)
			return -1;
		int more = require_more(w, err);

		if (!more) {
			if (building_stages(&w->building, err) < 0 || build_jobs(w, err) < 0)
				return -1;
			more = require_more(w, err);
		}
		if (more < 0)
			return -1;
		required += more > 0;
		if (required > REQUIRE_ROUNDS_MAX * w->list.job_count)
			return error_set(err, ERR_ENGINE, "the build of '%s' asks for other packages each time", w->list.jobs[0]->pin->name);
	}
	return 0;
}

bool wheels_are_wanted(const struct lock *lock)
{
	for (size_t i = 0; i < lock->pin_count; i++) {
		if (!pin_is_toolchain(&lock->pins[i]) && pin_source(&lock->pins[i]))
			return true;
	}
	return false;
}

int wheels_build(struct arena *a, const struct wheels_request *request, struct wheels_outcome *ret, struct error *err)
{
	struct wheels w = {.arena = a, .request = request, .lock = request->lock};
	autoerror struct error ignored = {0};

	*ret = (struct wheels_outcome){0};
	if (!wheels_are_wanted(request->lock))
		return 0;
	w.list = (struct wheel_list){.building = &w.building, .lock = request->lock, .again = request->again};
	building_begin(&w.building, a, request->build);
	w.building.plan_request.lock = request->lock;
	w.building.plan_request.system_only = true;
	int failed = build_all(&w, err);

	building_end(&w.building);
	file_remove_tree(arena_printf(a, "%s/.lockstep/wheels", request->build->db->root), &ignored);
	w.outcome.changed = w.outcome.changed || w.list.changed;
	if (w.outcome.changed)
		lock_sort(request->lock);
	if (!failed)
		*ret = w.outcome;
	return failed;
}
