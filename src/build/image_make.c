#include <string.h>

#include "assemble/kept_python.h"
#include "assemble/push.h"
#include "base/clock.h"
#include "base/text.h"
#include "build/image.h"
#include "image/reference.h"
#include "io/crew.h"
#include "layer/layer.h"
#include "recipe/database.h"

/* Work of this process itself, told of as jobs are. */
struct task {
	const struct work_watch *watch;
	struct work_job job;
};

static void tell(struct task *t, enum work_event_kind kind)
{
	if (t->watch && t->watch->on_event)
		t->watch->on_event(t->watch->context, &(struct work_event){.kind = kind, .job = &t->job});
}

static void task_begin(struct task *t, struct building *b, const char *name, const char *serves)
{
	*t = (struct task){.watch = b->request->watch, .job = {.name = name, .serves = serves, .state = WORK_RUNNING, .started_ms = clock_monotonic_ms()}};
	tell(t, WORK_EVENT_STARTED);
}

static void task_step(struct task *t, const char *step, size_t number, size_t total)
{
	/* Borrowed for this one event. */
	t->job.step = (char *)(uintptr_t)step;
	t->job.step_number = (unsigned)number;
	t->job.step_total = (unsigned)total;
	tell(t, WORK_EVENT_STEP);
	tell(t, WORK_EVENT_TICK);
	t->job.step = NULL;
}

static int task_end(struct task *t, int failed)
{
	t->job.ended_ms = clock_monotonic_ms();
	t->job.state = failed ? WORK_FAILED : WORK_DONE;
	if (t->job.started_ms)
		tell(t, failed ? WORK_EVENT_FAILED : WORK_EVENT_DONE);
	return failed;
}

/* ---- what is below ---- */

static const char *python_of(struct building *b, const struct build_image *image)
{
	return image->package_count ? arena_printf(b->arena, "%s/bin/python", b->request->db->project.venv) : NULL;
}

/* What is below may be another image of the same key by now. */
static int look_below(struct building *b, size_t i, struct error *err)
{
	struct build_image *image = &b->plan.images[i];
	const struct build_job *job = b->plan.finals[i];
	struct engine *e = b->request->engine;
	/* From before others were built, which may be long ago. */
	const char *id = b->plan.wanted_count ? NULL : job->id;

	if (!image->is_planned && building_hold(b, ENGINE_LEFT_BY_BUILDS, err) < 0)
		return -1;
	if (below_ask(b->arena, e, job->tag, id, job->key, python_of(b, image), &image->below, err) < 0)
		return error_wrap(err, "container '%s'", image->container->name);
	if (image->is_planned)
		return 0;
	image_plan_layers(b->arena, &b->plan_request, image);
	return image_ask(&b->plan_request, image, err);
}

/* ---- layers ---- */

/* A container that has only layers of the newest release, all of which were made, was looked at before they were. */
static bool is_checked(const struct build_image *image)
{
	if (image->state == BUILD_FINISHED)
		return true;
	if (!image->is_planned || stack_missing(&image->stack))
		return false;
	for (size_t i = 0; i < image->stack.count; i++) {
		if (!image->stack.layers[i].is_kept)
			return false;
	}
	return true;
}

int building_check_wheels(struct building *b, struct error *err)
{
	bool wanted = false;

	if (!b->plan.images || !b->request->check_wheels || b->wheels_are_checked)
		return 0;
	for (size_t i = 0; i < b->plan.container_count; i++)
		wanted |= !is_checked(&b->plan.images[i]);
	b->wheels_are_checked = true;
	return wanted ? b->request->check_wheels(b->request->check_context, err) : 0;
}

static void on_layer(void *context, const struct stack_layer *layer, size_t done, size_t total)
{
	task_step(context, layer->packages[0]->name, done, total);
}

/* "ci-cpu, ci-gpu": those that lack layers. */
static const char *who_lacks(struct building *b)
{
	const char *list = "";

	for (size_t i = 0; i < b->plan.container_count; i++) {
		if (stack_missing(&b->plan.images[i].stack))
			list = arena_printf(b->arena, "%s%s%s", list, *list ? ", " : "", b->plan.containers[i]->name);
	}
	return list;
}

/* What compiles the sources of its wheels. Kept outside of its image it is as good, and there in a moment. */
static const struct layer_runner *runner_of(struct building *b, size_t i, bool *ret_is_kept)
{
	const struct build_image *image = &b->plan.images[i];

	if (!stack_wants_python(&image->stack))
		return NULL;
	if (image_has_kept_python(&b->plan_request, image)) {
		*ret_is_kept = true;
		return kept_python_runner(b->arena, image->below.interpreter);
	}
	return engine_is_open(b->request->engine) ? below_runner(b->arena, b->request->engine, b->plan.finals[i]->tag) : NULL;
}

static bool runs_in_engine(const struct building *b, const struct stack_wish *wishes)
{
	for (size_t i = 0; i < b->plan.container_count; i++) {
		if (wishes[i].runner && !image_has_kept_python(&b->plan_request, &b->plan.images[i]))
			return true;
	}
	return false;
}

/* For the next time. */
static int keep_pythons(struct building *b, const struct stack_wish *wishes, struct error *err)
{
	for (size_t i = 0; i < b->plan.container_count; i++) {
		if (wishes[i].runner && kept_python_take(wishes[i].runner, b->plan.images[i].below.interpreter, err) < 0)
			return -1;
	}
	return 0;
}

/* *ret_is_kept: a Python was used that is kept. */
static int make_layers(struct building *b, bool *ret_is_kept, struct error *err)
{
	const char *lacking;
	struct stack_wish *wishes = NULL;
	struct task task = {0};
	size_t count = 0;

	for (size_t i = 0; i < b->plan.container_count; i++)
		stack_recall(b->arena, &b->plan.images[i].stack);
	lacking = who_lacks(b);
	/* Also of images that are there: a release tells of the layers of all. */
	for (size_t i = 0; i < b->plan.container_count; i++)
		*arena_push(b->arena, &wishes, &count) = (struct stack_wish){&b->plan.images[i].stack, runner_of(b, i, ret_is_kept)};
	if (runs_in_engine(b, wishes) && building_hold(b, ENGINE_LEFT_BY_BUILDS, err) < 0)
		return -1;
	if (*lacking)
		task_begin(&task, b, "layers", lacking);
	return task_end(&task, stack_take(b->arena, wishes, count, &(struct stack_watch){on_layer, &task}, err) < 0 ? -1 : keep_pythons(b, wishes, err));
}

/* ---- images ---- */

static int make_image(struct building *b, const struct build_image *image, struct image *ret, struct error *err)
{
	return stack_image(b->arena, &image->below, &image->stack, image->labels, image->created_unix, ret, err);
}

static void note_done(struct building *b, struct build_image *image, bool built)
{
	b->built_count += built;
	image->built = built;
	image->state = BUILD_FINISHED;
}

/* Images on their way into the engine. */
struct giving {
	struct building *b;
	struct build_image **images;
	struct task *tasks; /* of each */
	struct image *made;
	size_t *has; /* layers that the engine has of each */
	size_t count;
};

/* In a child. */
static int give_one(void *context, size_t number, struct strbuf *out __attribute__((unused)), struct error *err)
{
	const struct giving *g = context;
	const struct build_image *image = g->images[number];
	struct engine *e = g->b->request->engine;

	if (e->driver->load(e, &g->made[number], g->has[number], image->tag, g->b->temporary, err) < 0)
		return error_wrap(err, "container '%s'", image->container->name);
	return 0;
}

enum { WORTH_ASKING_BYTES = 1 << 20 };

static size_t same_layers(const struct image *made, const struct build_image *image)
{
	size_t same = 0;

	while (same < made->layer_count && same < image->before_count && !strcmp(made->layers[same].diff_id, image->before[same]))
		same++;
	return same;
}

/* What the engine may have of the layers above the lowest `has`: those that are new it has not. */
static uint64_t unsure_bytes(const struct build_image *image, size_t has)
{
	size_t below = image->below.image.layer_count;
	uint64_t bytes = 0;

	for (size_t i = has > below ? has - below : 0; i < image->stack.count; i++) {
		const struct stack_layer *l = &image->stack.layers[i];

		bytes += l->is_new ? 0 : l->made->packed_bytes;
	}
	return bytes;
}

/* All its images are looked through where that may spare it more than a little; a layer that it is given again costs no more than its bytes. */
static int ask_common(struct giving *g, struct error *err)
{
	struct engine *e = g->b->request->engine;
	size_t *common = arena_array(g->b->arena, g->count, sizeof(*common));
	uint64_t unsure = 0;

	for (size_t i = 0; i < g->count; i++)
		unsure += unsure_bytes(g->images[i], g->has[i]);
	if (!e->driver->common || unsure <= WORTH_ASKING_BYTES)
		return 0;
	if (e->driver->common(e, g->made, g->count, common, err) < 0)
		return -1;
	for (size_t i = 0; i < g->count; i++)
		g->has[i] = common[i] > g->has[i] ? common[i] : g->has[i];
	return 0;
}

/* What they are made of, and what the engine has of that. */
static int prepare_giving(struct giving *g, struct error *err)
{
	g->made = arena_array(g->b->arena, g->count, sizeof(*g->made));
	g->has = arena_array(g->b->arena, g->count, sizeof(*g->has));
	for (size_t i = 0; i < g->count; i++) {
		const struct build_image *image = g->images[i];

		if (make_image(g->b, image, &g->made[i], err) < 0)
			return error_wrap(err, "container '%s'", image->container->name);
		size_t same = same_layers(&g->made[i], image);

		g->has[i] = same > image->below.image.layer_count ? same : image->below.image.layer_count;
	}
	return ask_common(g, err);
}

static void note_begin(void *context, size_t number)
{
	const struct giving *g = context;

	task_begin(&g->tasks[number], g->b, "image", g->images[number]->container->name);
}

static void note_end(void *context, size_t number, const struct strbuf *out __attribute__((unused)))
{
	const struct giving *g = context;

	note_done(g->b, g->images[number], true);
	task_end(&g->tasks[number], 0);
}

/* Nearly all of it is waiting for the engine's client, which does little at once. */
static int give_all_to_engine(struct building *b, struct error *err)
{
	struct giving g = {.b = b, .images = arena_array(b->arena, b->plan.container_count + 1, sizeof(struct build_image *))};

	for (size_t i = 0; i < b->plan.container_count; i++) {
		if (b->plan.images[i].state == BUILD_WANTED)
			g.images[g.count++] = &b->plan.images[i];
	}
	if (!g.count)
		return 0;
	if (building_hold(b, ENGINE_LEFT_BY_LOADS, err) < 0 || prepare_giving(&g, err) < 0)
		return -1;
	struct strbuf *outs = arena_array(b->arena, g.count, sizeof(*outs));

	g.tasks = arena_array(b->arena, g.count, sizeof(*g.tasks));
	int failed = crew_run(&(struct crew_task){.work = give_one, .context = &g, .count = g.count, .on_begin = note_begin, .on_end = note_end}, outs, err);

	for (size_t i = 0; i < g.count; i++) {
		strbuf_release(&outs[i]);
		if (failed && g.tasks[i].job.state == WORK_RUNNING)
			task_end(&g.tasks[i], -1);
		if (!failed)
			record_set_image(&b->record, g.images[i]->container->name, b->request->engine->driver->name, g.images[i]->tag);
	}
	return failed ? -1 : record_write(&b->record, err);
}

/* ---- to a registry ---- */

/* Layers that no registry was given yet are taken out of the engine. */
static int keep_below(struct building *b, size_t i, struct error *err)
{
	struct build_image *image = &b->plan.images[i];
	struct task task = {0};

	if (below_is_kept(&image->below))
		return 0;
	if (building_hold(b, ENGINE_LEFT_BY_BUILDS, err) < 0)
		return -1;
	task_begin(&task, b, "packing", image->container->name);
	return task_end(&task, below_keep(b->arena, b->request->engine, b->plan.finals[i]->tag, b->temporary, &image->below, err));
}

static int prepare_push(struct building *b, size_t i, struct image_push *ret, struct error *err)
{
	const struct build_image *image = &b->plan.images[i];
	const char *name = arena_printf(b->arena, "%s/%s", b->request->db->project.repository, image->container->name), *why = "";
	struct image *made = arena_new(b->arena, struct image);
	struct image_reference to;

	if (!image_reference_parse(b->arena, name, &to, &why)) {
		error_set(err, ERR_INPUT, "images cannot be pushed to '%s': %s", name, why);
		return error_hint(err, "'repository' in recipes/project.yaml names it");
	}
	if (keep_below(b, i, err) < 0 || make_image(b, image, made, err) < 0)
		return error_wrap(err, "container '%s'", image->container->name);
	*ret = (struct image_push){.name = image->container->name,
				   .registry = to.registry,
				   .repository = to.repository,
				   .tag = arena_printf(b->arena, "build-%s", image->key),
				   .image = made};
	return 0;
}

static int push_all(struct building *b, struct error *err)
{
	size_t count = b->plan.container_count;
	struct image_push *pushes = arena_array(b->arena, count + 1, sizeof(*pushes));
	struct task task = {0};

	for (size_t i = 0; i < count; i++) {
		if (prepare_push(b, i, &pushes[i], err) < 0)
			return -1;
	}
	task_begin(&task, b, "push", b->request->db->project.repository);
	if (task_end(&task, image_push_all(b->arena, b->request->registries, pushes, count, &b->pushed, err)) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		note_done(b, &b->plan.images[i], !pushes[i].was_there);
		b->plan.images[i].tag = arena_printf(b->arena, "%s/%s:%s", pushes[i].registry, pushes[i].repository, pushes[i].tag);
		b->plan.images[i].digest = pushes[i].image->digest;
	}
	return 0;
}

/* Before anything is made. */
static int check_packing(const struct building *b, struct error *err)
{
	const struct engine *e = b->request->engine;

	if (b->request->registries || !text_equal(b->request->db->project.layer_packing, "zstd") || !engine_is_open(e) || e->reads_zstd)
		return 0;
	error_set(err, ERR_ENGINE, "%s %s cannot read layers that are packed with zstd, as recipes/project.yaml has them", e->driver->name, e->version);
	return error_hint(err, "docker 23 and newer, podman, buildah and BuildKit can; 'layers: {packing: gzip}' is read by all");
}

static int look_below_all(struct building *b, struct error *err)
{
	for (size_t i = 0; i < b->plan.container_count; i++) {
		if (b->plan.images[i].state == BUILD_WANTED && !b->plan.images[i].is_whole && look_below(b, i, err) < 0)
			return -1;
	}
	return 0;
}

/* What a kept Python cannot do is done by the one in the image, which nobody may have asked for yet. */
static int make_all_layers(struct building *b, struct error *err)
{
	autoerror struct error refused = {0};
	bool is_kept = false;

	if (make_layers(b, &is_kept, &refused) == 0)
		return 0;
	if (refused.code != ERR_ENGINE || !is_kept) {
		error_move(err, &refused);
		return -1;
	}
	b->plan_request.from_images = true;
	return building_stages(b, err) < 0 || look_below_all(b, err) < 0 ? -1 : make_layers(b, &is_kept, err);
}

int building_images(struct building *b, struct error *err)
{
	if (check_packing(b, err) < 0 || look_below_all(b, err) < 0 || make_all_layers(b, err) < 0)
		return -1;
	return b->request->registries ? push_all(b, err) : give_all_to_engine(b, err);
}
