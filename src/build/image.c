#include "build/image.h"

#include <stdlib.h>
#include <string.h>

#include "assemble/kept_python.h"
#include "base/text.h"
#include "recipe/database.h"

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

	*image = (struct build_image){.container = c, .labels = render_labels(a, render, c), .created_unix = stack_time()};
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

void image_plan_layers(struct arena *a, const struct plan_request *q, struct build_image *image)
{
	struct stack_request *s = arena_new(a, struct stack_request);

	*s = (struct stack_request){
		.packages = image->packages,
		.package_count = image->package_count,
		.below = &image->below,
		.history = history_container(q->history, image->container->name),
		.limit = q->layer_limit,
		.bytecode = image->container->bytecode,
		.packing = q->db->project.layer_packing,
		.db = q->db,
	};
	stack_plan(a, s, &image->stack);
	image->key = stack_key(a, &image->below, &image->stack, image->labels, image->created_unix);
	image->tag = arena_printf(a, "localhost/lockstep/%s/stage:%s", q->db->project.name, image->key);
	image->is_planned = true;
}

bool image_has_kept_python(const struct plan_request *q, const struct build_image *image)
{
	return !q->from_images && image->below.interpreter && kept_python_is_there(image->below.interpreter);
}

void image_plan(struct arena *a, const struct plan_request *q, struct build_plan *p, size_t container)
{
	struct build_image *image = &p->images[container];
	const struct build_job *job = p->finals[container];

	image->state = BUILD_WANTED;
	if (!job->key || !is_known(image) || !below_recall(a, job->key, &image->below))
		return;
	image_plan_layers(a, q, image);
	image->is_whole = q->to_registry && below_is_kept(&image->below) && (!stack_wants_python(&image->stack) || image_has_kept_python(q, image));
}

int image_ask(const struct plan_request *q, struct build_image *image, struct error *err)
{
	autoerror struct error why_not = {0};
	struct engine_image found;

	image->state = BUILD_WANTED;
	if (!image->is_planned || q->to_registry)
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

enum { MISSING_SHOWN = 8 };

static void explain_layer(const struct stack_layer *l, struct strbuf *out)
{
	strbuf_add(out, "    to be made: ");
	for (size_t i = 0; i < l->package_count && i < MISSING_SHOWN; i++)
		strbuf_printf(out, "%s%s %s", i ? ", " : "", l->packages[i]->name, l->packages[i]->version);
	if (l->package_count > MISSING_SHOWN)
		strbuf_printf(out, " and %zu more", l->package_count - MISSING_SHOWN);
	strbuf_printf(out, " (%s)\n", l->why);
}

void image_explain(const struct build_image *image, struct strbuf *out)
{
	size_t missing, shown = 0;

	strbuf_printf(out, "image (%s): ", image->container->name);
	if (!image->is_planned) {
		strbuf_add(out, "to be put together; its layers are planned when what is below them is built\n");
		return;
	}
	missing = stack_missing(&image->stack);
	strbuf_printf(out, "%s, %zu layer%s of Python packages", image->state == BUILD_WANTED ? "to be put together" : "up to date", image->stack.count,
		      text_plural(image->stack.count));
	strbuf_printf(out, missing ? ", %zu to be made\n" : "\n", missing);
	for (size_t i = 0; i < image->stack.count && shown < MISSING_SHOWN; i++) {
		if (stack_layer_is_kept(&image->stack.layers[i]))
			continue;
		explain_layer(&image->stack.layers[i], out);
		shown++;
	}
	if (missing > shown)
		strbuf_printf(out, "    and %zu more\n", missing - shown);
}
