#include "build/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "recipe/database.h"

/* ---- before anything is built ---- */

static int compare_packages(const void *a, const void *b)
{
	return strcmp(((const struct stack_package *)a)->name, ((const struct stack_package *)b)->name);
}

static const struct stage *python_stage(const struct stage *stages, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (stages[i].kind == STAGE_PYTHON)
			return &stages[i];
	}
	return NULL;
}

static void list_packages(struct arena *a, const struct build_job *python, struct build_image *image)
{
	for (size_t i = 0; i < python->input_count; i++) {
		const struct build_input *in = &python->inputs[i];

		*arena_push(a, &image->packages, &image->package_count) = (struct stack_package){
			.name = in->name,
			.version = in->version,
			.file = strrchr(in->file, '/') + 1,
			.sha256 = in->sha256,
			.size_bytes = in->size_bytes,
			.origin = in->origin,
		};
	}
	if (image->package_count)
		qsort(image->packages, image->package_count, sizeof(*image->packages), compare_packages);
}

int image_of_container(struct arena *a, const struct plan_request *q, const struct render *render, struct build_plan *p, size_t container, struct error *err)
{
	const struct container *c = p->containers[container];
	size_t images = container, count;
	struct build_image *image = arena_push(a, &p->images, &images);
	struct stage *stages;

	*image = (struct build_image){.container = c, .labels = render_labels(a, render, c), .created_unix = clock_source_date_unix(q->lock->cut_off_unix)};
	if (render_stages(a, render, c, &stages, &count, err) < 0)
		return -1;
	const struct stage *stage = python_stage(stages, count);

	if (!stage)
		return 0;
	struct build_job *python = arena_new(a, struct build_job);

	python->stage = stage;
	python->parent = p->finals[container];
	if (build_inputs(a, q->lock, c, stage, p->trees, p->tree_count, &python->inputs, &python->input_count, err) < 0)
		return error_wrap(err, "container '%s'", c->name);
	p->contexts[container] = python;
	list_packages(a, python, image);
	return 0;
}

/* A wheel that is not built yet has no digest. */
static bool is_known(const struct build_image *image)
{
	for (size_t i = 0; i < image->package_count; i++) {
		if (!image->packages[i].sha256)
			return false;
	}
	return true;
}

static void plan_layers(struct arena *a, const struct plan_request *q, struct build_image *image)
{
	struct stack_request *s = arena_new(a, struct stack_request);

	*s = (struct stack_request){
		.packages = image->packages,
		.package_count = image->package_count,
		.below = &image->below,
		.history = history_container(q->history, image->container->name),
		.limit = q->layer_limit,
		.bytecode = image->container->bytecode,
	};
	stack_plan(a, s, &image->stack);
	image->key = stack_key(a, &image->below, &image->stack, image->labels, image->created_unix);
	image->tag = arena_printf(a, "localhost/lockstep/%s/stage:%s", q->db->project.name, image->key);
	image->is_planned = true;
}

void image_plan(struct arena *a, const struct plan_request *q, struct build_plan *p, size_t container)
{
	struct build_image *image = &p->images[container];
	const struct build_job *job = p->finals[container];

	if (job->key && is_known(image) && below_recall(a, job->key, &image->below))
		plan_layers(a, q, image);
}

int image_ask(const struct plan_request *q, struct build_image *image, struct error *err)
{
	autoerror struct error why_not = {0};
	struct engine_image found;

	image->state = BUILD_WANTED;
	if (!image->is_planned)
		return 0;
	if (q->engine->driver->inspect(q->engine, image->tag, &found, &why_not) == 0) {
		image->state = BUILD_FINISHED;
		return 0;
	}
	if (why_not.code == ERR_NOT_FOUND)
		return 0;
	error_move(err, &why_not);
	return -1;
}

/* ---- afterwards ---- */

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

	if (below_ask(b->arena, e, job->tag, job->key, python_of(b, image), &image->below, err) < 0)
		return error_wrap(err, "container '%s'", image->container->name);
	if (image->is_planned)
		return 0;
	plan_layers(b->arena, &b->plan_request, image);
	return image_ask(&b->plan_request, image, err);
}

static int give(struct building *b, struct build_image *image, struct error *err)
{
	struct engine *e = b->request->engine;
	struct image made;

	if (stack_image(b->arena, &image->below, &image->stack, image->labels, image->created_unix, &made, err) < 0 ||
	    e->driver->load(e, &made, image->below.image.layer_count, image->tag, b->temporary, err) < 0)
		return error_wrap(err, "container '%s'", image->container->name);
	b->built_count++;
	image->built = true;
	image->state = BUILD_FINISHED;
	return 0;
}

int building_images(struct building *b, struct error *err)
{
	struct stack_wish *wishes = NULL;
	size_t count = 0;

	for (size_t i = 0; i < b->plan.container_count; i++) {
		struct build_image *image = &b->plan.images[i];

		if (image->state == BUILD_WANTED && look_below(b, i, err) < 0)
			return -1;
		/* Also of those that are there: a release tells of the layers of all. */
		*arena_push(b->arena, &wishes, &count) = (struct stack_wish){&image->stack, below_runner(b->arena, b->request->engine, b->plan.finals[i]->tag)};
	}
	if (building_hold(b, err) < 0 || stack_take(b->arena, wishes, count, err) < 0)
		return -1;
	for (size_t i = 0; i < b->plan.container_count; i++) {
		if (b->plan.images[i].state == BUILD_WANTED && give(b, &b->plan.images[i], err) < 0)
			return -1;
	}
	return 0;
}
