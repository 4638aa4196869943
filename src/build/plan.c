#include "build/plan.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "build/explain.h"
#include "build/image.h"
#include "build/record.h"
#include "debian/system.h"
#include "io/digest.h"
#include "recipe/database.h"

/* Another number when the same inputs are built in another way. */
#define BUILD_VERSION "lockstep build 1"
enum { SERVES_NAMED = 4 };

static int find_trees(struct arena *a, const struct plan_request *q, struct build_plan *p, struct error *err)
{
	for (size_t i = 0; i < q->container_count; i++) {
		const struct base *base = q->containers[i]->base;
		bool known = base->source != BASE_MMDEBSTRAP;

		for (size_t j = 0; j < p->tree_count; j++)
			known |= p->trees[j].base == base;
		if (known)
			continue;
		struct base_tree tree;

		if (base_tree_find(a, base, q->lock, q->memory, &tree, err) < 0)
			return -1;
		p->missing_tree_count += !tree.sha256;
		*arena_push(a, &p->trees, &p->tree_count) = tree;
	}
	return 0;
}

/* In a Dockerfile a line that begins with # is a comment, also in the middle of an instruction; heredocs, where it is not, are not written. A description that
   was made better is no reason to build anything again. */
static const char *without_comments(struct arena *a, const char *text)
{
	autostrbuf struct strbuf out = {0};

	for (const char *p = text; *p;) {
		size_t length = strcspn(p, "\n"), blank = strspn(p, " \t");

		length += p[length] == '\n';
		if (p[blank] != '#')
			strbuf_add_bytes(&out, p, length);
		p += length;
	}
	return arena_strdup(a, strbuf_text(&out));
}

/* NULL when it cannot be known yet. */
static const char *job_key(struct arena *a, const struct build_job *job, const char *engine)
{
	char hex[DIGEST_HEX_LENGTH + 1];
	struct digest d;

	if (job->parent && !job->parent->key)
		return NULL;
	for (size_t i = 0; i < job->input_count; i++) {
		if (!job->inputs[i].sha256)
			return NULL;
	}
	digest_begin(&d);
	digest_add_part(&d, BUILD_VERSION);
	digest_add_part(&d, engine);
	digest_add_part(&d, job->parent ? job->parent->key : job->stage->from);
	digest_add_part(&d, job->text);
	for (size_t i = 0; i < job->input_count; i++) {
		digest_add_part(&d, job->inputs[i].file);
		digest_add_part(&d, job->inputs[i].sha256);
		if (job->inputs[i].origin)
			digest_add_part(&d, job->inputs[i].origin);
	}
	digest_end(&d, hex);
	return arena_strdup(a, hex);
}

static bool same_inputs(const struct build_job *a, const struct build_job *b)
{
	if (a->input_count != b->input_count)
		return false;
	for (size_t i = 0; i < a->input_count; i++) {
		if (strcmp(a->inputs[i].file, b->inputs[i].file) != 0 || !text_equal(a->inputs[i].sha256, b->inputs[i].sha256) ||
		    !text_equal(a->inputs[i].origin, b->inputs[i].origin))
			return false;
	}
	return true;
}

/* The job that is this one already, for another container. Compared by what makes the key, which may not be known yet. */
static struct build_job *find_same(const struct build_plan *p, const struct build_job *job)
{
	for (size_t i = 0; i < p->job_count; i++) {
		struct build_job *other = p->jobs[i];

		if (other->parent == job->parent && other->network == job->network && text_equal(other->stage->from, job->stage->from) &&
		    text_equal(other->text, job->text) && other->stage->base_tar == job->stage->base_tar && same_inputs(other, job))
			return other;
	}
	return NULL;
}

static struct build_job *add_job(struct arena *a, const struct plan_request *q, struct build_plan *p, const struct build_job *wanted, const struct container *c)
{
	struct build_job *job = find_same(p, wanted);

	if (!job) {
		job = arena_new(a, struct build_job);
		*job = *wanted;
		job->key = job_key(a, job, q->engine->driver->name);
		job->tag = job->key ? arena_printf(a, "localhost/lockstep/%s/stage:%s", q->db->project.name, job->key) : NULL;
		*arena_push(a, &p->jobs, &p->job_count) = job;
	}
	*arena_push(a, &job->containers, &job->container_count) = c;
	return job;
}

static int add_container(struct arena *a, const struct plan_request *q, const struct render *render, const struct container *c, struct build_plan *p,
			 struct error *err)
{
	struct build_job *below = NULL;
	struct stage *stages;
	size_t count;

	bool by_lockstep = q->layers == BUILD_LAYERS_LOCKSTEP && !q->system_only;

	if ((by_lockstep ? render_system_stages : render_stages)(a, render, c, &stages, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count && !(q->system_only && stages[i].kind >= STAGE_PYTHON); i++) {
		struct build_job wanted = {.stage = &stages[i], .text = without_comments(a, stages[i].text), .parent = below};

		if (build_inputs(a, q->lock, c, &stages[i], p->trees, p->tree_count, &wanted.inputs, &wanted.input_count, err) < 0)
			return error_wrap(err, "container '%s'", c->name);
		wanted.network = stages[i].debian && !system_is_locked(q->lock, c->name);
		below = add_job(a, q, p, &wanted, c);
	}
	size_t finals = p->container_count, contexts = finals;

	*arena_push(a, &p->containers, &p->container_count) = c;
	*arena_push(a, &p->finals, &finals) = below;
	*arena_push(a, &p->contexts, &contexts) = below;
	return by_lockstep ? image_of_container(a, q, render, p, finals - 1, err) : 0;
}

static const char *list_containers(struct arena *a, const struct build_job *job)
{
	autostrbuf struct strbuf s = {0};
	size_t named = job->container_count <= SERVES_NAMED + 1 ? job->container_count : SERVES_NAMED;

	for (size_t i = 0; i < named; i++)
		strbuf_printf(&s, "%s%s", i ? ", " : "", job->containers[i]->name);
	if (named < job->container_count)
		strbuf_printf(&s, " and %zu more", job->container_count - named);
	return arena_strdup(a, strbuf_text(&s));
}

/* What the engine is asked about. */
struct looking {
	struct arena *arena;
	const char **tags;
	struct build_job **jobs; /* whose tag it is, or NULL: then of an image of that container */
	size_t *containers;
	size_t count, asked_count;
};

static void look_for(struct looking *l, const char *tag, struct build_job *job, size_t container)
{
	size_t jobs = l->count, containers = l->count;

	if (!tag)
		return;
	*arena_push(l->arena, &l->jobs, &jobs) = job;
	*arena_push(l->arena, &l->containers, &containers) = container;
	*arena_push(l->arena, &l->tags, &l->count) = tag;
}

static bool is_looked_for(const struct looking *l, const struct build_job *job)
{
	for (size_t i = 0; i < l->count; i++) {
		if (l->jobs[i] == job)
			return true;
	}
	return false;
}

/* Whether nothing has to be built for the container. */
static bool is_finished(const struct plan_request *q, const struct build_plan *p, size_t i)
{
	return p->images && (q->to_registry ? p->images[i].is_whole : p->images[i].state == BUILD_FINISHED);
}

/* Of those that were not asked about yet. */
static int take_answers(const struct plan_request *q, struct build_plan *p, struct looking *l, struct error *err)
{
	size_t from = l->asked_count;
	struct engine_image *found = arena_array(l->arena, l->count - from + 1, sizeof(*found));

	if (engine_inspect_all(q->engine, l->tags + from, l->count - from, found, err) < 0)
		return -1;
	l->asked_count = l->count;
	for (size_t i = from; i < l->count; i++) {
		const struct engine_image *e = &found[i - from];
		struct build_image *image = l->jobs[i] ? NULL : &p->images[l->containers[i]];

		if (!e->id)
			continue;
		if (!image) {
			l->jobs[i]->id = e->id;
		} else if (!strcmp(l->tags[i], image->tag)) {
			image->state = BUILD_FINISHED;
		} else {
			image->before = e->layers;
			image->before_count = e->layer_count;
		}
	}
	return 0;
}

/* What the engine was given last for a container: most of the next image stands on its layers. */
static const char *tag_before(const struct plan_request *q, const struct build_image *image)
{
	const char *tag = record_image(q->record, image->container->name, q->engine->driver->name);

	return tag && strcmp(tag, image->tag) ? tag : NULL;
}

/* Where many questions cost no more than one, all at once; else nothing is asked of what stands under a finished image. */
static int ask_engine(struct arena *a, const struct plan_request *q, struct build_plan *p, struct error *err)
{
	struct looking l = {.arena = a};
	bool at_once = q->engine->driver->inspect_all != NULL;

	for (size_t i = 0; i < p->container_count; i++) {
		if (p->images && p->images[i].is_planned && !q->to_registry) {
			look_for(&l, p->images[i].tag, NULL, i);
			if (q->engine->driver->common)
				look_for(&l, tag_before(q, &p->images[i]), NULL, i);
		}
		if (!at_once && take_answers(q, p, &l, err) < 0)
			return -1;
		for (struct build_job *job = p->finals[i]; !is_finished(q, p, i) && engine_is_open(q->engine) && job && !is_looked_for(&l, job);
		     job = job->parent) {
			look_for(&l, job->tag, job, i);
			if (!at_once && take_answers(q, p, &l, err) < 0)
				return -1;
			if (job->id)
				break;
		}
	}
	return take_answers(q, p, &l, err);
}

/* From what people get downward: what stands under a finished image is not needed. */
static int find_wanted(struct arena *a, const struct plan_request *q, struct build_plan *p, struct error *err)
{
	for (size_t i = 0; i < p->job_count; i++)
		p->jobs[i]->state = BUILD_UNNEEDED;
	for (size_t i = 0; p->images && i < p->container_count; i++)
		image_plan(a, q, p, i);
	if (ask_engine(a, q, p, err) < 0)
		return -1;
	p->is_offline = p->images != NULL;
	for (size_t i = 0; i < p->container_count; i++) {
		bool finished = is_finished(q, p, i);

		p->is_offline &= finished;
		for (struct build_job *job = p->finals[i]; !finished && engine_is_open(q->engine) && job && job->state == BUILD_UNNEEDED; job = job->parent) {
			job->state = job->id ? BUILD_FINISHED : BUILD_WANTED;
			if (job->id)
				break;
			p->wanted_count++;
		}
	}
	return 0;
}

int build_plan_make(struct arena *a, const struct plan_request *request, struct build_plan *ret, struct error *err)
{
	struct render *render = render_open(a, request->db);
	struct build_plan p = {0};

	if (find_trees(a, request, &p, err) < 0)
		return -1;
	for (size_t i = 0; i < request->container_count; i++) {
		if (add_container(a, request, render, request->containers[i], &p, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < p.job_count; i++)
		p.jobs[i]->serves = list_containers(a, p.jobs[i]);
	if (find_wanted(a, request, &p, err) < 0)
		return -1;
	for (size_t i = 0; i < p.job_count; i++)
		explain_job(a, request->record, request->engine->driver->name, p.jobs[i]);
	*ret = p;
	return 0;
}

const char *build_plan_tag(const struct build_plan *plan, size_t container)
{
	if (plan->images)
		return plan->images[container].state == BUILD_FINISHED ? plan->images[container].tag : NULL;
	return plan->finals[container]->state == BUILD_FINISHED ? plan->finals[container]->tag : NULL;
}

void build_plan_explain(const struct build_plan *plan, struct strbuf *out)
{
	for (size_t i = 0; i < plan->tree_count; i++)
		strbuf_printf(out, "tree %s: %s\n", plan->trees[i].base->name, plan->trees[i].sha256 ? "up to date" : "to be made, there is none yet");
	for (size_t i = 0; i < plan->job_count; i++) {
		const struct build_job *job = plan->jobs[i];

		strbuf_printf(out, "%s (%s): %s\n", job->stage->name, job->serves, job->why);
		for (size_t j = 0; j < job->why_count; j++)
			strbuf_printf(out, "    %s\n", job->why_details[j]);
	}
	for (size_t i = 0; plan->images && i < plan->container_count; i++)
		image_explain(&plan->images[i], out);
}
