#include "build/stages.h"

#include <string.h>

#include "assemble/keep.h"
#include "base/file.h"
#include "base/text.h"
#include "fetch/store.h"
#include "io/digest.h"
#include "io/json.h"
#include "recipe/database.h"
#include "registry/open.h"
#include "registry/pull.h"
#include "registry/push.h"

#define KEY_ANNOTATION "dev.lockstep.stage"

struct stages {
	struct building *building;
	struct arena *arena;
	struct remote at;
	struct remote_question *questions; /* one per job of the plan, by its key */
};

static void say(const struct building *b, const char *text)
{
	const struct work_watch *watch = b->request->watch;

	if (watch && watch->on_event)
		watch->on_event(watch->context, &(struct work_event){.kind = WORK_EVENT_NOTE, .line = text, .length = strlen(text)});
}

/* "registry.example:5000/team/stages"; false when the project keeps none. */
static bool is_asked_for(const struct building *b)
{
	return b->request->db->project.stages != NULL;
}

static int open_stages(struct building *b, struct stages *ret, struct error *err)
{
	const char *text = b->request->db->project.stages, *slash = strchr(text, '/');

	*ret = (struct stages){.building = b, .arena = b->arena};
	ret->at = (struct remote){registries_open(b->request->db, err), arena_strndup(b->arena, text, (size_t)(slash - text)), slash + 1};
	return ret->at.all ? 0 : -1;
}

/* What the registry has of all that has a key. */
static int ask(struct stages *s, struct error *err)
{
	const struct build_plan *p = &s->building->plan;
	struct remote_question *asked = NULL;
	size_t *whose = arena_array(s->arena, p->job_count + 1, sizeof(*whose)), count = 0;

	s->questions = arena_array(s->arena, p->job_count + 1, sizeof(*s->questions));
	for (size_t i = 0; i < p->job_count; i++) {
		if (!p->jobs[i]->key)
			continue;
		whose[count] = i;
		*arena_push(s->arena, &asked, &count) = (struct remote_question){.repository = s->at.repository, .name = p->jobs[i]->key};
	}
	if (count && remote_ask(&s->at, s->arena, asked, count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		s->questions[whose[i]] = asked[i];
	return 0;
}

static struct remote_question *question_of(const struct stages *s, const struct build_job *job)
{
	for (size_t i = 0; i < s->building->plan.job_count; i++) {
		if (s->building->plan.jobs[i] == job)
			return &s->questions[i];
	}
	return NULL;
}

/* From now on. */
static void go_indirect(struct building *b, const char *why)
{
	if (b->direct)
		say(b, arena_printf(b->arena, "stages go to %s through this machine: %.*s", b->request->db->project.stages, (int)strcspn(why, "\n"), why));
	b->direct = false;
}

/* ---- taking ---- */

/* What lockstep writes says which key it is; a tag may have been set by anybody. */
static int check_key(const struct stages *s, const struct remote_manifest *m, const char *key, struct error *err)
{
	struct value *root;

	if (json_parse(s->arena, "its manifest", m->bytes, m->length, &root, err) < 0)
		return -1;
	if (text_equal(value_get_text(value_get(root, "annotations"), KEY_ANNOTATION), key))
		return 0;
	return error_set(err, ERR_INPUT, "it was not put there by lockstep");
}

/* `name`: the key, or a digest. */
static int read_image(const struct stages *s, const char *name, const char *key, struct image *ret, struct error *err)
{
	struct remote_manifest m;
	struct image named = {0}, image = {0};
	const char *config;

	if (remote_manifest(&s->at, s->arena, name, &m, err) < 0 || check_key(s, &m, key, err) < 0 ||
	    image_read_manifest(s->arena, "its manifest", m.bytes, m.length, &named, err) < 0 ||
	    remote_bytes(&s->at, s->arena, named.config_digest, (int64_t)named.config_length, &config, err) < 0 ||
	    image_read_config(s->arena, "its configuration", config, named.config_length, &image, err) < 0 ||
	    image_read_manifest(s->arena, "its manifest", m.bytes, m.length, &image, err) < 0)
		return -1;
	*ret = image;
	return 0;
}

static int pull_layers(const struct stages *s, struct image *image, struct error *err)
{
	struct pull *pull = pull_new(s->at.all, s->at.registry);
	struct pull_counts counts = {0};

	for (size_t i = 0; i < image->layer_count; i++) {
		pull_blob(pull, s->at.repository, image->layers[i].digest, image->layers[i].size_bytes);
		image->layers[i].path = store_path(s->arena, image->layers[i].digest + strlen("sha256:"));
	}
	int failed = pull_run(pull, &counts, err);

	pull_free(pull);
	return failed;
}

static int look_for_layers(const struct stages *s, const struct image *image, struct error *err)
{
	struct remote_question *q = arena_array(s->arena, image->layer_count + 1, sizeof(*q));

	for (size_t i = 0; i < image->layer_count; i++)
		q[i] = (struct remote_question){.repository = s->at.repository, .name = image->layers[i].digest, .is_blob = true};
	if (remote_ask(&s->at, s->arena, q, image->layer_count, err) < 0)
		return -1;
	for (size_t i = 0; i < image->layer_count; i++) {
		if (!q[i].is_there)
			return error_set(err, ERR_NOT_FOUND, "its layer '%s' is not there", q[i].name);
	}
	return 0;
}

/* The image stays where it is; builds, and questions to it, read it there. 1: they cannot. */
static int refer(const struct stages *s, const struct build_job *job, const struct image *image, struct error *err)
{
	struct building *b = s->building;
	struct engine *e = b->request->engine;
	const char *repository = b->request->db->project.stages;
	autoerror struct error why_not = {0};

	if (look_for_layers(s, image, err) < 0)
		return -1;
	if (!b->direct_was_tried && e->driver->direct->reads(e, arena_printf(s->arena, "%s@%s", repository, image->digest), &why_not) < 0) {
		error_move(err, &why_not);
		return -1;
	}
	b->direct_was_tried = true;
	return e->driver->direct->refer(e, job->tag, repository, image, err);
}

static int take(const struct stages *s, const struct build_job *job, struct error *err)
{
	struct engine *e = s->building->request->engine;
	const char *temporary = path_join(s->arena, s->building->temporary, "stage");
	struct image image;

	if (read_image(s, job->key, job->key, &image, err) < 0)
		return -1;
	if (s->building->direct) {
		autoerror struct error why_not = {0};

		if (refer(s, job, &image, &why_not) == 0)
			return 0;
		if (why_not.code == ERR_CANCELLED || why_not.code == ERR_NOT_FOUND) {
			error_move(err, &why_not);
			return -1;
		}
		go_indirect(s->building, why_not.text);
	}
	if (pull_layers(s, &image, err) < 0)
		return -1;
	if (file_remove_tree(temporary, err) < 0 || file_make_dirs(temporary, err) < 0)
		return -1;
	return e->driver->load(e, &image, 0, job->tag, temporary, err);
}

/* True when something was taken for the container. What cannot be taken is told of, and built. */
static bool take_for(const struct stages *s, const struct build_job *final)
{
	for (const struct build_job *job = final; job && job->state == BUILD_WANTED; job = job->parent) {
		struct remote_question *q = question_of(s, job);
		autoerror struct error why_not = {0};

		if (!q || !q->is_there)
			continue;
		if (take(s, job, &why_not) == 0) {
			say(s->building, arena_printf(s->arena, "stage '%s' (%s) is taken from %s", job->stage->name, job->serves,
						      s->building->request->db->project.stages));
			return true;
		}
		if (why_not.code == ERR_CANCELLED)
			return false;
		q->is_there = false;
		say(s->building, arena_printf(s->arena, "stage '%s' (%s) in %s is not taken: %s", job->stage->name, job->serves,
					      s->building->request->db->project.stages, why_not.text));
	}
	return false;
}

/* What is only referred to, and is there no more, is built again. */
static int forget_lost(struct stages *s, bool is_asked, struct error *err)
{
	struct building *b = s->building;
	struct engine *e = b->request->engine;
	struct remote_question *asked = NULL;
	const struct build_job **jobs = arena_array(s->arena, b->plan.job_count + 1, sizeof(*jobs));
	size_t count = 0;
	bool forgot = false;

	for (size_t i = 0; e->driver->direct && i < b->plan.job_count; i++) {
		struct build_job *job = b->plan.jobs[i];
		const char *digest = job->state == BUILD_FINISHED ? e->driver->direct->referred(e, job->tag) : NULL;

		if (!digest)
			continue;
		jobs[count] = job;
		*arena_push(s->arena, &asked, &count) = (struct remote_question){.repository = s->at.repository, .name = digest};
	}
	if (count && is_asked && remote_ask(&s->at, s->arena, asked, count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (asked[i].is_there)
			continue;
		if (e->driver->untag(e, jobs[i]->tag, err) < 0)
			return -1;
		say(b, arena_printf(s->arena, "stage '%s' (%s) is in %s no more, and is built again", jobs[i]->stage->name, jobs[i]->serves,
				    b->request->db->project.stages));
		forgot = true;
	}
	return forgot && build_plan_make(b->arena, &b->plan_request, &b->plan, err) < 0 ? -1 : 0;
}

static int take_all(struct stages *s, struct error *err)
{
	struct building *b = s->building;

	for (size_t i = 0; i < b->plan.container_count; i++) {
		/* What was taken for one may be what the next stands on. */
		if (take_for(s, b->plan.finals[i]) && (build_plan_make(b->arena, &b->plan_request, &b->plan, err) < 0 || ask(s, err) < 0))
			return -1;
	}
	return 0;
}

int stages_take(struct building *b, struct error *err)
{
	autoerror struct error why_not = {0};
	struct stages s;

	if (!is_asked_for(b) || !b->plan.wanted_count)
		return 0;
	if (!b->request->engine->driver->load || building_hold(b, ENGINE_LEFT_BY_BUILDS, err) < 0 || open_stages(b, &s, err) < 0)
		return b->request->engine->driver->load ? -1 : 0;
	int failed = 0;

	if (ask(&s, &why_not) == 0) {
		b->direct = b->request->engine->driver->direct != NULL;
		failed = forget_lost(&s, true, err) < 0 || ask(&s, err) < 0 || take_all(&s, err) < 0 ? -1 : 0;
	} else if (why_not.code == ERR_CANCELLED)
		failed = -1, error_move(err, &why_not);
	else
		say(b, arena_printf(b->arena, "stages are not taken from %s: %s", b->request->db->project.stages, why_not.text)),
			failed = forget_lost(&s, false, err);
	registries_free(s.at.all);
	return failed;
}

/* ---- from where they are built ---- */

bool stages_push(const struct building *b, const struct build_job *job, struct engine_push *ret)
{
	const struct database *db = b->request->db;
	const char *slash = b->direct ? strchr(db->project.stages, '/') : NULL;

	if (!b->direct)
		return false;
	*ret = (struct engine_push){.repository = db->project.stages, .key = KEY_ANNOTATION, .value = job->key};
	ret->plain_http = registries_is_plain(db, arena_strndup(b->arena, db->project.stages, (size_t)(slash - db->project.stages)));
	return true;
}

static int accept(const struct stages *s, const struct build_job *job, struct error *err)
{
	struct engine *e = s->building->request->engine;
	const char *digest;
	struct image image;

	if (e->driver->direct->pushed(e, job->tag, &digest, err) < 0 || read_image(s, digest, job->key, &image, err) < 0 || refer(s, job, &image, err) < 0)
		return -1;
	struct push_manifest m = {
		.repository = s->at.repository, .name = job->key, .media_type = image.media_type, .bytes = image.manifest, .length = image.manifest_length};

	return push_manifests(s->at.all, s->at.registry, &m, 1, err);
}

int stages_accept(struct building *b, const struct build_job *job, struct error *err)
{
	autoerror struct error why_not = {0};
	struct stages s;

	if (open_stages(b, &s, err) < 0)
		return -1;
	int failed = accept(&s, job, &why_not);

	registries_free(s.at.all);
	if (!failed) {
		b->direct_count++;
		return 0;
	}
	if (why_not.code == ERR_CANCELLED) {
		error_move(err, &why_not);
		return -1;
	}
	go_indirect(b, why_not.text);
	return 1;
}

bool stages_blame(struct building *b, const char *line)
{
	if (!b->direct || !strstr(line, "failed to ") || !strstr(line, b->request->db->project.stages))
		return false;
	go_indirect(b, line);
	return true;
}

/* ---- giving ---- */

/* The image's manifest with the key. */
static void annotate(const struct image *image, const char *key, struct strbuf *out)
{
	size_t length = image->manifest_length;

	while (length && image->manifest[length - 1] != '}')
		length--;
	strbuf_add_bytes(out, image->manifest, length ? length - 1 : 0);
	strbuf_printf(out, ",\"annotations\":{\"" KEY_ANNOTATION "\":\"%s\"}}", key);
}

static int push_image(const struct stages *s, const struct image *image, const char *key, struct error *err)
{
	struct push *push = push_new(s->at.all, s->at.registry);
	struct push_counts counts = {0};
	autostrbuf struct strbuf manifest = {0};

	for (size_t i = 0; i < image->layer_count; i++)
		push_blob(push, s->at.repository,
			  &(struct push_blob){.digest = image->layers[i].digest, .size_bytes = image->layers[i].size_bytes, .path = image->layers[i].path});
	push_blob(push, s->at.repository,
		  &(struct push_blob){.digest = image->config_digest, .size_bytes = (int64_t)image->config_length, .bytes = image->config});
	int failed = push_run(push, &counts, err);

	push_free(push);
	if (failed)
		return -1;
	annotate(image, key, &manifest);
	struct push_manifest m = {
		.repository = s->at.repository, .name = key, .media_type = IMAGE_MANIFEST_TYPE, .bytes = strbuf_text(&manifest), .length = manifest.length};

	return push_manifests(s->at.all, s->at.registry, &m, 1, err);
}

static int give(const struct stages *s, const struct build_job *job, struct error *err)
{
	struct engine *e = s->building->request->engine;
	const char *temporary = path_join(s->arena, s->building->temporary, "stage");
	struct image image;

	if (e->driver->describe(e, job->tag, &image, err) < 0)
		return -1;
	keep_find(s->arena, &image);
	if (file_remove_tree(temporary, err) < 0 || file_make_dirs(temporary, err) < 0 || keep_layers(s->arena, e, job->tag, temporary, &image, err) < 0 ||
	    image_set_manifest(s->arena, &image, err) < 0)
		return -1;
	return push_image(s, &image, job->key, err);
}

static bool engine_has(const struct building *b, const struct build_job *job)
{
	struct engine *e = b->request->engine;
	autoerror struct error ignored = {0};
	struct engine_image image;

	return job->tag && e->driver->inspect(e, job->tag, &image, &ignored) == 0;
}

static int give_all(struct stages *s, struct error *err)
{
	const struct build_plan *p = &s->building->plan;
	size_t given = 0;

	if (ask(s, err) < 0)
		return -1;
	for (size_t i = 0; i < p->job_count; i++) {
		/* What nobody wants here nobody looked at. */
		if (p->jobs[i]->state == BUILD_UNNEEDED || s->questions[i].is_there || !engine_has(s->building, p->jobs[i]))
			continue;
		if (give(s, p->jobs[i], err) < 0)
			return error_wrap(err, "stage '%s'", p->jobs[i]->stage->name);
		given++;
	}
	if (s->building->direct_count)
		say(s->building, arena_printf(s->arena, "%zu stage%s pushed to %s from where they were built", s->building->direct_count,
					      text_plural(s->building->direct_count), s->building->request->db->project.stages));
	if (given)
		say(s->building, arena_printf(s->arena, "%zu stage%s put into %s", given, text_plural(given), s->building->request->db->project.stages));
	return 0;
}

int stages_give(struct building *b, struct error *err)
{
	autoerror struct error why_not = {0};
	struct stages s;

	if (!is_asked_for(b))
		return 0;
	if (!b->request->engine->driver->save || building_hold(b, ENGINE_LEFT_BY_BUILDS, err) < 0 || open_stages(b, &s, err) < 0)
		return b->request->engine->driver->save ? -1 : 0;
	int failed = give_all(&s, &why_not);

	if (failed && why_not.code != ERR_CANCELLED) {
		say(b, arena_printf(b->arena, "not all stages are put into %s: %s", b->request->db->project.stages, why_not.text));
		failed = 0;
	}
	if (failed)
		error_move(err, &why_not);
	registries_free(s.at.all);
	return failed;
}
