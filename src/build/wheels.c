#include "build/wheels.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "build/wheel_job.h"
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
	struct wheel_job **jobs; /* of this round */
	size_t job_count;
	const char **again_done; /* digests of wheels that were compared already */
	size_t again_count;
	struct wheels_outcome outcome;
};

/* An environment that a pin is built for, and what it takes. */
struct place {
	const struct lock_environment *environment;
	const char *const *tags;
	size_t tag_count;
	const struct container *container; /* lends its system stage */
};

/* ---- where a pin is built ---- */

static size_t weight_of(const struct container *c)
{
	return c->layer_count + c->apt_count;
}

static const struct container *container_for(const struct wheels *w, const struct pin *pin, const struct lock_environment *environment)
{
	const struct database *db = w->request->build->db;
	const struct container *best = NULL;

	for (size_t i = 0; i < db->container_count; i++) {
		const struct container *c = &db->containers[i];
		const struct lock_container *locked = lock_container(w->lock, c->name);

		if (locked && !strcmp(locked->environment, environment->name) && pin_is_built_in(pin, locked) && (!best || weight_of(c) > weight_of(best)))
			best = c;
	}
	return best;
}

static bool is_asked_for(const struct wheels *w, const struct pin *pin, const struct lock_environment *environment)
{
	const struct build_request *q = w->request->build;

	for (size_t i = 0; i < w->lock->container_count; i++) {
		const struct lock_container *c = &w->lock->containers[i];
		bool asked = !q->container_count;

		for (size_t j = 0; j < q->container_count; j++)
			asked = asked || !strcmp(q->containers[j]->name, c->name);
		if (asked && !strcmp(c->environment, environment->name) && pin_is_built_in(pin, c))
			return true;
	}
	return false;
}

static int compare_places(const void *left, const void *right)
{
	const struct lock_environment *a = ((const struct place *)left)->environment, *b = ((const struct place *)right)->environment;
	int order = version_compare_texts(a->libc_version, b->libc_version);

	return order ? order : strcmp(a->name, b->name);
}

static bool fits(const struct place *p, const char *file_name)
{
	autoarena struct arena scratch = {0};
	struct wheel_name wheel;

	return wheel_name_parse(&scratch, file_name, &wheel) && wheel_rank(&wheel, p->tags, p->tag_count) >= 0;
}

static bool has_wheel_of_index(const struct pin *pin, const struct place *p)
{
	for (size_t i = 0; i < pin->file_count; i++) {
		if (!pin->files[i].built_from && fits(p, pin->files[i].name))
			return true;
	}
	return false;
}

/* The environments in which the pin is built and has no wheel but what is built here; the oldest C library first, as what is built on it runs on newer ones. */
static void list_places(struct wheels *w, const struct pin *pin, struct place **ret, size_t *ret_count)
{
	struct place *list = NULL;
	size_t count = 0;

	for (size_t i = 0; pin_source(pin) && i < w->lock->environment_count; i++) {
		struct place p = {.environment = &w->lock->environments[i]};

		p.container = container_for(w, pin, p.environment);
		if (!p.container)
			continue;
		lock_environment_tags(w->arena, p.environment, &p.tags, &p.tag_count);
		if (!has_wheel_of_index(pin, &p))
			*arena_push(w->arena, &list, &count) = p;
	}
	if (count)
		qsort(list, count, sizeof(*list), compare_places);
	*ret = list;
	*ret_count = count;
}

/* ---- what is to be done ---- */

static const struct build_job *stage_of(const struct wheels *w, const struct container *c)
{
	for (size_t i = 0; i < w->building.plan.container_count; i++) {
		if (w->building.plan.containers[i] == c)
			return w->building.plan.finals[i];
	}
	return NULL;
}

static struct wheel_job *new_job(struct wheels *w, struct pin *pin, const struct place *p)
{
	struct wheel_job *job = arena_new(w->arena, struct wheel_job);

	*job = (struct wheel_job){
		.building = &w->building, .pin = pin, .environment = p->environment, .container = p->container, .stage = stage_of(w, p->container)};
	wheel_job_keys(w->arena, w->lock, job);
	return job;
}

static void drop_file(struct wheels *w, struct pin *pin, size_t at)
{
	memmove(&pin->files[at], &pin->files[at + 1], (pin->file_count - at - 1) * sizeof(*pin->files));
	pin->file_count--;
	w->outcome.changed = true;
}

/* The place that a wheel is built in: the first that it fits. */
static const struct place *owner_of(const struct place *places, size_t count, const char *file_name)
{
	for (size_t i = 0; i < count; i++) {
		if (fits(&places[i], file_name))
			return &places[i];
	}
	return NULL;
}

/* Wheels that were built with something else than what would be taken now go. */
static void drop_stale(struct wheels *w, struct pin *pin, const struct place *places, size_t count)
{
	for (size_t i = pin->file_count; i-- > 0;) {
		const struct lock_file *f = &pin->files[i];
		const struct place *owner = f->built_from ? owner_of(places, count, f->name) : NULL;

		if (f->built_from && (!owner || !text_equal(new_job(w, pin, owner)->declared_key, f->build_key)))
			drop_file(w, pin, i);
	}
}

static struct lock_file *built_file(struct pin *pin, const struct place *p)
{
	for (size_t i = 0; i < pin->file_count; i++) {
		if (pin->files[i].built_from && fits(p, pin->files[i].name))
			return &pin->files[i];
	}
	return NULL;
}

static bool was_compared(const struct wheels *w, const char *sha256)
{
	for (size_t i = 0; i < w->again_count; i++) {
		if (!strcmp(w->again_done[i], sha256))
			return true;
	}
	return false;
}

/* The next wheel of a pin that is to be built, or NULL. One at a time: what comes out may serve the next environment too. */
static struct wheel_job *next_of_pin(struct wheels *w, struct pin *pin)
{
	struct place *places;
	size_t count;

	list_places(w, pin, &places, &count);
	drop_stale(w, pin, places, count);
	/* Whichever container is asked for, it goes in this order: else what is built would depend on it. */
	while (count && !is_asked_for(w, pin, places[count - 1].environment))
		count--;
	for (size_t i = 0; i < count; i++) {
		struct lock_file *file = built_file(pin, &places[i]);

		if (file && (w->request->again ? was_compared(w, file->sha256) : store_has(file->sha256, (int64_t)file->size_bytes)))
			continue;
		struct wheel_job *job = new_job(w, pin, &places[i]);

		job->locked = file;
		return job;
	}
	return NULL;
}

static void list_jobs(struct wheels *w)
{
	w->jobs = NULL;
	w->job_count = 0;
	for (size_t i = 0; i < w->lock->pin_count; i++) {
		struct pin *pin = &w->lock->pins[i];
		struct wheel_job *job = pin_source(pin) && !pin_is_toolchain(pin) ? next_of_pin(w, pin) : NULL;

		if (job)
			*arena_push(w->arena, &w->jobs, &w->job_count) = job;
	}
}

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
	struct work_job **work = NULL;
	size_t work_count = 0;

	for (size_t i = 0; i < count; i++)
		*arena_push(w->arena, &work, &work_count) = wheel_job_work(jobs[i], w->lock);
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

/* 1: the lock has other build requirements now, so everything is looked at again. */
static int require_more(struct wheels *w, struct error *err)
{
	for (size_t i = 0; i < w->job_count; i++) {
		const char **all;
		size_t count;

		if (!needs_requirements(w, w->jobs[i], &all, &count))
			continue;
		if (!w->request->require)
			return error_set(err, ERR_NOT_FOUND, "the lock has no '%s' for building '%s' %s; run 'lockstep lock'", all[count - 1],
					 w->jobs[i]->pin->name, w->jobs[i]->pin->version);
		w->outcome.changed = true;
		return w->request->require(w->request->context, w->lock, w->jobs[i]->pin, all, count, err) < 0 ? -1 : 1;
	}
	return 0;
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
	*arena_push(w->arena, &w->again_done, &w->again_count) = job->made.sha256;
	if (!job->locked)
		add_file(w, job);
	return 0;
}

static int open_jobs(struct wheels *w, struct error *err)
{
	for (size_t i = 0; i < w->job_count; i++) {
		if (wheel_job_open(w->arena, w->jobs[i], err) < 0)
			return -1;
	}
	return 0;
}

static int build_jobs(struct wheels *w, struct error *err)
{
	struct wheel_job **wanted = NULL;
	size_t count = 0;

	for (size_t i = 0; i < w->job_count; i++) {
		/* The stages are made, and so are the trees: only now their keys are known. */
		w->jobs[i]->stage = stage_of(w, w->jobs[i]->container);
		wheel_job_keys(w->arena, w->lock, w->jobs[i]);
		if (w->jobs[i]->locked || !recall(w, w->jobs[i]))
			*arena_push(w->arena, &wanted, &count) = w->jobs[i];
	}
	if (count && (building_hold(&w->building, err) < 0 || run_jobs(w, wanted, count, err) < 0))
		return -1;
	for (size_t i = 0; i < w->job_count; i++) {
		if (take(w, w->jobs[i], err) < 0)
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
		struct place *places;
		size_t count;

		if (pin_is_toolchain(&w->lock->pins[i]))
			continue;
		list_places(w, &w->lock->pins[i], &places, &count);
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
		list_jobs(w);
		if (!w->job_count)
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
		if (required > REQUIRE_ROUNDS_MAX * w->job_count)
			return error_set(err, ERR_ENGINE, "the build of '%s' asks for other packages each time", w->jobs[0]->pin->name);
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
	building_begin(&w.building, a, request->build);
	w.building.plan_request.lock = request->lock;
	w.building.plan_request.system_only = true;
	int failed = build_all(&w, err);

	building_end(&w.building);
	file_remove_tree(arena_printf(a, "%s/.lockstep/wheels", request->build->db->root), &ignored);
	if (w.outcome.changed)
		lock_sort(request->lock);
	if (!failed)
		*ret = w.outcome;
	return failed;
}
