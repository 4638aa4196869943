#include "build/build.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "build/building.h"
#include "build/context.h"
#include "build/stages.h"
#include "build/image.h"
#include "engine/pull.h"
#include "python/settings.h"
#include "recipe/database.h"

enum { AT_ONCE_OTHERWISE = 2, LOGS_KEPT = 200 };

/* What a job of either kind is about. */
struct subject {
	struct building *building;
	struct base_tree *tree;
	struct build_job *job;
	bool pushes; /* the stage goes from where it is built to the registry */
};

const char *building_log_path(struct building *b, const char *name, const char *key)
{
	autostrbuf struct strbuf stamp = {0};

	clock_add_rfc3339(&stamp, clock_now_unix());
	/* "2026-11-23T04:42:20Z" without what file names are better without. */
	for (char *p = stamp.text, *to = p; (*to = *p); p++)
		to += *p != ':' && *p != '-';
	return arena_printf(b->arena, "%s/.lockstep/logs/%s-%s-%.*s.log", b->request->db->root, strbuf_text(&stamp), name, BUILDING_SHORT_KEY, key);
}

/* ---- trees ---- */

static int prepare_tree(struct work_job *job, struct arena *a, struct process_spec *ret, struct error *err)
{
	struct subject *s = job->subject;

	return base_tree_command(a, s->tree, &s->building->access, ret, err);
}

static int complete_tree(struct work_job *job, struct arena *a, struct error *err)
{
	struct subject *s = job->subject;

	s->building->built_count++;
	return base_tree_finish(a, s->tree, err);
}

static void drop_tree(struct work_job *job)
{
	base_tree_drop(((struct subject *)job->subject)->tree);
}

static const struct work_kind tree_kind = {.prepare = prepare_tree, .complete = complete_tree, .drop = drop_tree};

static struct work_job *new_work(struct building *b, const struct work_kind *kind, const char *name, const char *serves, const char *key)
{
	struct work_job *w = arena_new(b->arena, struct work_job);
	struct subject *s = arena_new(b->arena, struct subject);

	s->building = b;
	*w = (struct work_job){.kind = kind, .subject = s, .name = name, .serves = serves, .log = building_log_path(b, name, key)};
	return w;
}

static const char *containers_on(struct building *b, const struct base *base)
{
	const char *list = "";

	for (size_t i = 0; i < b->plan_request.container_count; i++) {
		if (b->plan_request.containers[i]->base == base)
			list = arena_printf(b->arena, "%s%s%s", list, *list ? ", " : "", b->plan_request.containers[i]->name);
	}
	return list;
}

static int run_here(struct building *b, struct work_job **jobs, size_t count, struct error *err)
{
	int failed = work_run(b->arena, jobs, count, b->request->at_once ? b->request->at_once : AT_ONCE_OTHERWISE, b->request->watch, err);

	work_release(jobs, count);
	return failed;
}

int building_run(struct building *b, const struct spread_job *jobs, size_t count, struct error *err)
{
	struct work_job **work = arena_array(b->arena, count + 1, sizeof(*work));

	for (size_t i = 0; i < count; i++)
		work[i] = jobs[i].work;
	if (!b->request->engine->worker_count)
		return run_here(b, work, count, err);
	int failed = spread_run(b->arena, b->request->engine, &b->record, jobs, count, b->request->watch, err);

	work_release(work, count);
	return failed;
}

static int make_trees(struct building *b, struct error *err)
{
	struct work_job **jobs = NULL;
	size_t count = 0;

	for (size_t i = 0; i < b->plan.tree_count; i++) {
		struct base_tree *tree = &b->plan.trees[i];

		if (tree->sha256 && !b->request->fresh_bases)
			continue;
		struct work_job *w = new_work(b, &tree_kind, arena_printf(b->arena, "tree-%s", tree->base->name), containers_on(b, tree->base), tree->key);

		((struct subject *)w->subject)->tree = tree;
		*arena_push(b->arena, &jobs, &count) = w;
	}
	return count ? run_here(b, jobs, count, err) : 0;
}

/* ---- stages ---- */

/* Its Dockerfile; one that failed stays, to be tried by hand. */
static const char *stage_file(struct building *b, const struct build_job *job)
{
	return arena_printf(b->arena, "%s/.lockstep/stages/%.*s.Dockerfile", b->request->db->root, BUILDING_SHORT_KEY, job->key);
}

static bool is_pulled(const struct build_job *job)
{
	return !job->parent && strcmp(job->stage->from, "scratch") != 0;
}

static int prepare_stage(struct work_job *work, struct arena *a, struct process_spec *ret, struct error *err)
{
	struct subject *s = work->subject;
	struct build_job *job = s->job;
	const struct build_request *q = s->building->request;
	const struct access *access = &s->building->access;
	autostrbuf struct strbuf text = {0};
	struct engine_build build = {
		.dockerfile = stage_file(s->building, job),
		.context = context_folder(a, q->db->root, job->containers[0]),
		.tag = job->tag,
		.ca_file = job->network ? access->ca_file : NULL,
		.auth_file = job->network ? access->auth_file : NULL,
		.proxies = job->network ? access->proxies : NULL,
		.network = job->network,
		.temporary = s->building->temporary,
		.pull = is_pulled(job),
	};
	struct engine_push push;

	s->pushes = stages_push(s->building, job, &push);
	build.push = s->pushes ? &push : NULL;

	strbuf_printf(&text, "FROM %s\n%s", job->parent ? job->parent->tag : job->stage->from, job->stage->text);
	if (file_make_parents(build.dockerfile, err) < 0 || file_write(build.dockerfile, strbuf_text(&text), text.length, err) < 0)
		return -1;
	struct engine *e = spread_engine(work, q->engine);

	return e->driver->build_argv(e, &build, &ret->argv, &ret->environment, err);
}

/* What it has above the stage it stands on. */
static int64_t added_bytes(struct engine *e, const struct build_job *job, int64_t all_bytes)
{
	autoerror struct error ignored = {0};
	struct engine_image below;

	if (!job->parent || e->driver->inspect(e, job->parent->tag, &below, &ignored) < 0)
		return all_bytes;
	return all_bytes > below.size_bytes ? all_bytes - below.size_bytes : 0;
}

static int complete_stage(struct work_job *work, struct arena *a __attribute__((unused)), struct error *err)
{
	struct subject *s = work->subject;
	struct engine *e = s->building->request->engine;
	struct engine_image image;
	struct record_stage built = {.worker = work->place_name, .seconds = (double)(clock_monotonic_ms() - work->started_ms) / 1000};

	int left = s->pushes ? stages_accept(s->building, s->job, err) : engine_keep(e, s->job->tag, err);

	if (left > 0)
		return left;
	if (left < 0 || e->driver->inspect(e, s->job->tag, &image, err) < 0)
		return error_wrap(err, "%s built '%s' (%s) and has no image of it\nthe whole log: %s", e->driver->name, work->name, work->serves, work->log);
	s->building->built_count++;
	if (e->driver->keep)
		built.bytes = added_bytes(e, s->job, image.size_bytes);
	record_set(&s->building->record, s->job, e->driver->name, &built);
	if (file_remove_tree(stage_file(s->building, s->job), err) < 0)
		return -1;
	return record_write(&s->building->record, err);
}

/* What could not be pushed, or stands on what cannot be read, comes here instead. */
static bool build_again(struct work_job *work)
{
	struct subject *s = work->subject;

	for (size_t i = 0; s->pushes && i < WORK_LAST_LINES; i++) {
		if (work->last[i] && stages_blame(s->building, work->last[i]))
			return true;
	}
	return false;
}

static bool explain_stage(const struct work_job *work, const char *line, struct strbuf *out)
{
	struct subject *s = work->subject;
	const char *image = s->job->stage->from;
	autostrbuf struct strbuf why = {0};

	if (!is_pulled(s->job) || !pull_explain(s->building->request->engine, image, line, &why))
		return false;
	const struct base *base = s->job->containers[0]->base;

	strbuf_printf(out, "%s:%u: image '%s' cannot be fetched: %s", base->image_pos.file, base->image_pos.line, image, strbuf_text(&why));
	return true;
}

static int run_stages(struct building *b, const struct work_kind *kind, struct error *err)
{
	struct work_job **of_plan = arena_array(b->arena, b->plan.job_count + 1, sizeof(*of_plan));
	struct spread_job *jobs = NULL;
	size_t count = 0;

	for (size_t i = 0; i < b->plan.job_count; i++) {
		struct build_job *job = b->plan.jobs[i];

		if (job->state != BUILD_WANTED)
			continue;
		struct work_job *w = new_work(b, kind, job->stage->name, job->serves, job->key);

		((struct subject *)w->subject)->job = job;
		for (size_t j = 0; j < i; j++) {
			if (b->plan.jobs[j] == job->parent)
				w->after = of_plan[j];
		}
		of_plan[i] = w;
		*arena_push(b->arena, &jobs, &count) = (struct spread_job){w, job->parent, job};
	}
	return count ? building_run(b, jobs, count, err) : 0;
}

/* ---- all of it ---- */

void building_begin(struct building *b, struct arena *a, const struct build_request *request)
{
	struct plan_request q = {.db = request->db,
				 .lock = request->lock,
				 .engine = request->engine,
				 .record = &b->record,
				 .layers = request->layers,
				 .history = request->history,
				 .memory = request->memory ? request->memory : arena_new(a, struct base_memory),
				 .layer_limit = request->db->project.layer_limit,
				 .to_registry = request->registries != NULL};

	for (size_t i = 0; !request->container_count && i < request->db->container_count; i++)
		*arena_push(a, &q.containers, &q.container_count) = &request->db->containers[i];
	if (request->container_count) {
		q.containers = request->containers;
		q.container_count = request->container_count;
	}
	*b = (struct building){.arena = a, .request = request, .plan_request = q, .hold_fd = -1};
	record_read(&b->record, request->db->root);
	b->plan_request.record = &b->record;
}

int build_plan_of(struct arena *a, const struct build_request *request, struct build_plan *ret, struct error *err)
{
	struct building b;

	building_begin(&b, a, request);
	int failed = build_plan_make(a, &b.plan_request, ret, err);

	building_end(&b);
	return failed;
}

/* Debian packages are installed the way this machine does it. */
static int find_access(struct building *b, struct error *err)
{
	const char *own = b->request->ca_file ? b->request->ca_file : getenv("SSL_CERT_FILE");
	struct settings settings = {0};
	int failed = 0;

	if (b->access.proxies)
		return 0;
	if (!own || !*own) {
		failed = settings_read(&settings, b->request->db->root, err);
		own = settings.ca_file;
	}
	if (!failed)
		failed = access_open(b->arena, own, &b->access, err);
	settings_release(&settings);
	return failed;
}

/* Empty, whatever a killed engine left in it: the caller holds the project's lock. */
static int make_temporary(struct building *b, struct error *err)
{
	const char *path = path_join(b->arena, b->request->db->root, ".lockstep/tmp");

	if (file_remove_tree(path, err) < 0 || file_make_dirs(path, err) < 0)
		return -1;
	b->temporary = path;
	return 0;
}

/* Working containers that a killed engine left may be removed when no lockstep builds in the engine's storage; while this one does, others can see it, whatever
   their project and cache are. The lock is held until *ret_fd is closed. */
int building_hold(struct building *b, enum engine_leftovers what, struct error *err)
{
	struct engine *e = b->request->engine;

	if (b->hold_fd >= 0)
		return 0;
	const char *path = path_join(b->arena, e->storage ? e->storage : path_cache_dir(b->arena), "lockstep-building.lock");

	if (file_make_parents(path, err) < 0)
		return -1;
	autofd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return error_errno(err, "cannot open '%s'", path);
	bool alone = flock(fd, LOCK_EX | LOCK_NB) == 0;

	if (what == ENGINE_LEFT_BY_BUILDS && !alone)
		what = ENGINE_LEFT_BY_RUNS;
	if (e->driver->clean(e, what, err) < 0)
		return -1;
	if (flock(fd, LOCK_SH) < 0)
		return error_errno(err, "cannot lock '%s'", path);
	b->hold_fd = file_steal_fd(&fd);
	return make_temporary(b, err);
}

static int prepare_contexts(struct building *b, struct error *err)
{
	for (size_t i = 0; i < b->plan.container_count; i++) {
		if (context_prepare(b->arena, b->request->db->root, b->plan.containers[i], b->plan.contexts[i], &b->plan, err) < 0)
			return -1;
	}
	return 0;
}

/* Their names begin with the time, so the oldest come first. A log that cannot be removed does no harm. */
static void drop_old_logs(struct building *b)
{
	autoerror struct error ignored = {0};
	const char *folder = arena_printf(b->arena, "%s/.lockstep/logs", b->request->db->root);
	char **names;
	size_t count;

	if (file_list(b->arena, folder, &names, &count, &ignored) < 0)
		return;
	for (size_t i = 0; i + LOGS_KEPT < count; i++)
		file_remove_tree(path_join(b->arena, folder, names[i]), &ignored);
}

int building_stages(struct building *b, struct error *err)
{
	static const struct work_kind without_lines = {.prepare = prepare_stage, .complete = complete_stage, .again = build_again, .explain = explain_stage};
	struct work_kind kind = without_lines;

	kind.read_line = b->request->engine->driver->read_line;
	if (build_plan_make(b->arena, &b->plan_request, &b->plan, err) < 0 || building_check_wheels(b, err) < 0)
		return -1;
	/* The contexts are for those, too, who build by docker-bake.json. */
	if (b->plan.is_offline)
		return b->request->registries || b->plan.missing_tree_count ? 0 : prepare_contexts(b, err);
	if (!engine_is_open(b->request->engine) &&
	    (b->request->open_engine(b->request->open_context, b->request->engine, err) < 0 || build_plan_make(b->arena, &b->plan_request, &b->plan, err) < 0))
		return -1;
	if (b->plan.missing_tree_count || b->request->fresh_bases) {
		/* The keys of everything above depend on what comes out. */
		if (find_access(b, err) < 0 || make_trees(b, err) < 0 || build_plan_make(b->arena, &b->plan_request, &b->plan, err) < 0)
			return -1;
	}
	if (stages_take(b, err) < 0 || prepare_contexts(b, err) < 0)
		return -1;
	if (!b->plan.wanted_count)
		return stages_give(b, err);
	if (find_access(b, err) < 0 || building_hold(b, ENGINE_LEFT_BY_BUILDS, err) < 0)
		return -1;
	drop_old_logs(b);
	int failed = run_stages(b, &kind, err);
	autoerror struct error ignored = {0};

	/* What was finished is of use to others, also when something else failed. */
	if (!failed)
		return stages_give(b, err);
	if (err->code != ERR_CANCELLED)
		stages_give(b, &ignored);
	return -1;
}

void building_end(struct building *b)
{
	autoerror struct error ignored = {0};

	access_close(&b->access);
	record_release(&b->record);
	file_cleanup_fd(&b->hold_fd);
	b->hold_fd = -1;
	if (b->temporary)
		file_remove_tree(b->temporary, &ignored);
}

static void tell_outcome(struct building *b, struct build_outcome *ret)
{
	struct build_outcome o = {.built_count = b->built_count, .pushed = b->pushed};

	for (size_t i = 0; i < b->plan.container_count; i++) {
		const struct build_job *job = b->plan.finals[i];
		const struct build_image *image = b->plan.images ? &b->plan.images[i] : NULL;
		struct built_image built = {.container = b->plan.containers[i], .tag = job->tag, .key = job->key, .built = job->state == BUILD_WANTED};

		if (image) {
			built.tag = image->tag;
			built.key = image->key;
			built.built = image->built;
			built.stack = &image->stack;
			built.digest = image->digest;
		}
		*arena_push(b->arena, &o.images, &o.image_count) = built;
	}
	*ret = o;
}

int build_containers(struct arena *a, const struct build_request *request, struct build_outcome *ret, struct error *err)
{
	struct building b;

	building_begin(&b, a, request);
	int failed = building_stages(&b, err);

	if (!failed && b.plan.images)
		failed = building_images(&b, err);
	if (!failed)
		tell_outcome(&b, ret);
	building_end(&b);
	return failed;
}
