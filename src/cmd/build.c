#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "build/base.h"
#include "build/build.h"
#include "cmd/building.h"
#include "cmd/command.h"
#include "cmd/engines.h"
#include "cmd/making.h"
#include "cmd/open.h"
#include "cmd/fetching.h"
#include "cmd/inspect.h"
#include "io/json.h"
#include "recipe/database.h"
#include "registry/open.h"
#include "report/build_display.h"

enum { SHORT_KEY = 12 };

/* Everything one run opens; each is valid when zeroed. */
struct session {
	struct command_call *call;
	struct database db;
	struct lock lock;
	struct engine engine;
	int lock_fd;
};

static void close_session(struct session *s)
{
	lock_release(&s->lock);
	database_release(&s->db);
	file_cleanup_fd(&s->lock_fd);
}

static int find_engine(struct session *s, struct engine *ret, struct error *err)
{
	return engines_find(s->call, &s->db, ret, err);
}

/* Fetches, builds what the lock has only as source, and looks whether all of it is what the lock says. */
static int have_files(struct session *s, const struct build_request *q, struct error *err)
{
	struct settings settings = {0};
	struct fetch_options options = {
		.project = &s->db.project, .bonds = &s->db, .progress = !s->call->quiet, .sources = command_flag(s->call, "check-wheels")};
	struct fetch_result result;
	struct wheels_outcome outcome;
	struct making m = {.call = s->call,
			   .db = &s->db,
			   .settings = &settings,
			   .engine = &s->engine,
			   .containers = q->containers,
			   .container_count = q->container_count,
			   .at_once = q->at_once,
			   .again = command_flag(s->call, "check-wheels")};
	int failed = settings_read(&settings, s->db.root, err) < 0 || fetching_run(s->call, &s->db, &s->lock, &settings, &options, &result, err) < 0 ||
		     making_wheels(&m, &s->lock, &outcome, err) < 0 || fetching_check_closed(&s->lock, err) < 0;

	settings_release(&settings);
	if (!failed && m.again && !s->call->quiet && !outcome.compared)
		fprintf(stderr, "no wheel of these containers was built from source\n");
	else if (!failed && m.again && !s->call->quiet)
		fprintf(stderr, "%zu wheel%s built again from source: the same, byte for byte\n", outcome.compared, text_plural(outcome.compared));
	return failed ? -1 : 0;
}

static void add_image(struct json_writer *w, const struct build_image *image)
{
	json_begin_object(w, NULL);
	json_add_text(w, "container", image->container->name);
	json_add_text(w, "key", image->key);
	json_add_text(w, "image", image->tag);
	json_add_boolean(w, "wanted", image->state == BUILD_WANTED);
	json_begin_array(w, "layers");
	for (size_t i = 0; i < image->stack.count; i++) {
		const struct stack_layer *l = &image->stack.layers[i];

		json_begin_object(w, NULL);
		json_begin_array(w, "packages");
		for (size_t k = 0; k < l->package_count; k++)
			json_add_text(w, NULL, l->packages[k]->name);
		json_end_array(w);
		json_add_text(w, "why", l->why);
		json_add_boolean(w, "wanted", !stack_layer_is_kept(l));
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
}

static void print_plan_json(const struct build_plan *plan)
{
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out};

	json_begin_object(&w, NULL);
	json_begin_array(&w, "stages");
	for (size_t i = 0; i < plan->job_count; i++) {
		const struct build_job *job = plan->jobs[i];

		json_begin_object(&w, NULL);
		json_add_text(&w, "stage", job->stage->name);
		json_begin_array(&w, "containers");
		for (size_t j = 0; j < job->container_count; j++)
			json_add_text(&w, NULL, job->containers[j]->name);
		json_end_array(&w);
		json_add_text(&w, "key", job->key);
		json_add_text(&w, "image", job->tag);
		json_add_boolean(&w, "wanted", job->state == BUILD_WANTED);
		json_add_text(&w, "why", job->why);
		json_begin_array(&w, "details");
		for (size_t j = 0; j < job->why_count; j++)
			json_add_text(&w, NULL, job->why_details[j]);
		json_end_array(&w);
		json_end_object(&w);
	}
	json_end_array(&w);
	if (plan->images) {
		json_begin_array(&w, "images");
		for (size_t i = 0; i < plan->container_count; i++)
			add_image(&w, &plan->images[i]);
		json_end_array(&w);
	}
	json_end_object(&w);
	fputs(strbuf_text(&out), stdout);
}

static int explain(const struct session *s, const struct build_request *q, struct error *err)
{
	autostrbuf struct strbuf text = {0}, safe = {0};
	struct build_plan plan;

	if (build_plan_of(s->call->arena, q, &plan, err) < 0)
		return -1;
	if (s->call->format == FORMAT_JSON) {
		print_plan_json(&plan);
		return EXIT_DONE;
	}
	build_plan_explain(&plan, &text);
	text_escape(&safe, strbuf_text(&text), text.length, TEXT_ESCAPE_KEEP_NEWLINE);
	fputs(strbuf_text(&safe), stdout);
	printf("%zu of %zu stages to be built with %s %s\n", plan.wanted_count, plan.job_count, s->engine.driver->name, s->engine.version);
	return EXIT_DONE;
}

static void print_outcome(const struct session *s, const struct build_outcome *o)
{
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out};

	if (s->call->format != FORMAT_JSON) {
		for (size_t i = 0; i < o->image_count; i++)
			printf("%-16s %s  %.*s\n", o->images[i].container->name, o->images[i].built ? "built     " : "up to date", SHORT_KEY, o->images[i].key);
		return;
	}
	json_begin_object(&w, NULL);
	json_add_text(&w, "engine", s->engine.driver->name);
	json_begin_array(&w, "images");
	for (size_t i = 0; i < o->image_count; i++) {
		json_begin_object(&w, NULL);
		json_add_text(&w, "container", o->images[i].container->name);
		json_add_text(&w, "image", o->images[i].tag);
		json_add_boolean(&w, "built", o->images[i].built);
		if (o->images[i].digest)
			json_add_text(&w, "digest", o->images[i].digest);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
	fputs(strbuf_text(&out), stdout);
}

/* What a session and its request are, where only one can be given. */
struct checking {
	struct session *session;
	const struct build_request *request;
};

static int check_wheels(void *context, struct error *err)
{
	const struct checking *c = context;
	size_t count = c->request->container_count;
	const struct container **containers = arena_array(c->session->call->arena, count + 1, sizeof(*containers));

	for (size_t i = 0; i < count; i++)
		containers[i] = c->request->containers[i];
	return inspect_wheels(c->session->call, &c->session->db, &c->session->lock, containers, count, err);
}

static int build(struct session *s, struct build_request *q, struct error *err)
{
	struct checking checking = {s, q};

	struct build_display display = {.quiet = s->call->quiet, .verbose = s->call->verbose};
	struct work_watch watch = build_display_watch(&display);
	struct build_outcome outcome;

	q->watch = &watch;
	q->check_wheels = check_wheels;
	q->check_context = &checking;
	if (open_for_change(s->db.root, &s->lock_fd, err) < 0 || have_files(s, q, err) < 0)
		return -1;
	if (s->engine.note && !s->call->quiet)
		fprintf(stderr, "note: %s\n", s->engine.note);
	int failed = build_containers(s->call->arena, q, &outcome, err);

	build_display_release(&display);
	if (failed)
		return err->code == ERR_ENGINE ? error_hint(err, "what was finished stays so; 'lockstep build' goes on from here") : -1;
	print_outcome(s, &outcome);
	return EXIT_DONE;
}

static int open_engine(void *context, struct engine *e, struct error *err)
{
	return find_engine(context, e, err);
}

/* Without an engine where the store has all that an image of one of them needs: of the engines that may be meant, the first of which that is so. */
static int choose_engine(struct session *s, struct build_request *q, struct error *err)
{
	const char *named = command_value(s->call, "engine");

	for (const char *const *name = engine_names; *name; name++) {
		struct build_plan plan;

		if (named && strcmp(named, *name) != 0)
			continue;
		s->engine = (struct engine){.driver = engine_driver_find(*name), .arena = s->call->arena};
		if (build_plan_of(s->call->arena, q, &plan, err) < 0)
			return -1;
		if (plan.is_offline)
			return 0;
	}
	return find_engine(s, &s->engine, err);
}

static int build_and_push(struct session *s, struct build_request *q, struct error *err)
{
	if (q->layers != BUILD_LAYERS_LOCKSTEP) {
		error_set(err, ERR_INPUT, "images whose layers an engine makes cannot be pushed without being built in it");
		return error_hint(err, "'--layers lockstep' makes them so that they can; 'lockstep publish' pushes what is in an engine");
	}
	q->registries = registries_open(&s->db, err);
	if (!q->registries)
		return -1;
	q->open_engine = open_engine;
	q->open_context = s;
	int code = choose_engine(s, q, err) < 0                                           ? -1
		   : command_flag(s->call, "explain") || command_flag(s->call, "dry-run") ? explain(s, q, err)
											  : build(s, q, err);

	registries_free(q->registries);
	return code;
}

static int run_session(struct session *s, struct build_request *q, struct error *err)
{
	const char *from;
	bool push = command_flag(s->call, "push");

	if (open_database(s->call, &s->db, err) < 0 || open_containers(s->call, &s->db, &q->containers, &q->container_count, err) < 0)
		return -1;
	if (open_lock(&s->db, &s->lock, &from, err) < 0 || (!push && find_engine(s, &s->engine, err) < 0))
		return -1;
	q->db = &s->db;
	q->lock = &s->lock;
	q->engine = &s->engine;
	if (building_layers(s->call, &s->db, NULL, q, err) < 0)
		return -1;
	if (push)
		return build_and_push(s, q, err);
	return command_flag(s->call, "explain") || command_flag(s->call, "dry-run") ? explain(s, q, err) : build(s, q, err);
}

static int run(struct command_call *call, struct error *err)
{
	struct session s = {.call = call, .lock_fd = -1};
	struct base_memory memory = {0};
	struct build_request q = {.memory = &memory};
	int code = building_check_use(call);

	if (code != EXIT_DONE)
		return code;
	building_request(call, &q);
	code = run_session(&s, &q, err);

	close_session(&s);
	return code;
}

static const struct option options[] = {
	BUILDING_OPTIONS,
	{"push", 0, NULL, false, "with --layers lockstep: push the images to their registry, and load them into no engine"},
	{"explain", 0, NULL, false, "say of each stage why it would be built, and build nothing"},
	{"dry-run", 'n', NULL, false, "the same as --explain"},
	{"check-wheels", 0, NULL, false, "build again what was built from source, and fail where it does not come out the same"},
	{NULL, 0, NULL, false, NULL},
};

const struct command command_build = {
	.name = "build",
	.section = "the maintainer",
	.arguments = "[CONTAINER ...]",
	.summary = "build the containers' images from the current lock",
	.description =
		"Builds all containers, or those named, from the current lock: fetches the files that are not in the store yet, makes base trees, and builds\n"
		"each stage in the engine. A stage that several containers share is built once; one that is finished is not built again, also after a run\n"
		"that was stopped. Nothing is released by this.\n"
		"\n"
		"No step has a network: Debian packages come from the store too. Only where the lock has none, as with\n"
		"LOCKSTEP_SYSTEM_PACKAGES=unlocked, do steps that install them reach the mirrors that this machine's apt uses, through its proxies.\n"
		"Logs are in .lockstep/logs/.\n"
		"\n"
		"examples\n"
		"  lockstep build\n"
		"  lockstep build ci-cpu --verbose\n"
		"  lockstep build --explain                why is it built again?\n"
		"  lockstep build --engine docker --jobs 4",
	.argument_max = 1000,
	.formats = TAKES_JSON,
	.options = options,
	.run = run,
};
