#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"
#include "cmd/open.h"
#include "cmd/publishing.h"
#include "io/json.h"
#include "publish/pull_image.h"

static void print(const struct publishing *p, const struct pull_image_outcome *o, const char *to)
{
	autostrbuf struct strbuf out = {0}, size = {0};
	struct json_writer w = {.out = &out};

	if (p->call->format == FORMAT_JSON) {
		json_begin_object(&w, NULL);
		json_add_text(&w, "release", p->release.name);
		json_add_text(&w, "container", o->image->snapshot->container);
		json_add_text(&w, "image", o->image->tag);
		json_add_text(&w, "image_id", o->image->snapshot->image_id);
		json_add_text(&w, "digest", o->image->digest);
		json_add_text(&w, "to", to);
		json_add_boolean(&w, "was_there", o->was_there);
		json_add_integer(&w, "received", o->counts.received);
		json_add_integer(&w, "received_bytes", (int64_t)o->counts.received_bytes);
		json_end_object(&w);
		fputs(strbuf_text(&out), stdout);
		return;
	}
	text_add_size(&size, o->counts.received_bytes);
	if (o->was_there)
		printf("%s is in %s already\n", o->image->tag, to);
	else
		printf("%s is in %s: %u layer%s pulled, %s\n", o->image->tag, to, o->counts.received, text_plural(o->counts.received), strbuf_text(&size));
}

/* Newest first. */
static int list_releases(struct command_call *call, const char *root, const char ***ret, size_t *ret_count, struct error *err)
{
	char **names;
	size_t count;

	if (release_list(call->arena, root, &names, &count, err) < 0)
		return -1;
	*ret = arena_array(call->arena, count + 1, sizeof(**ret));
	for (size_t i = 0; i < count; i++)
		(*ret)[i] = names[count - 1 - i];
	*ret_count = count;
	return 0;
}

static int pull(struct publishing *p, struct database *db, struct error *err)
{
	struct command_call *call = p->call;
	const char *output = command_value(call, "output"), *argument = call->arguments[0], *colon = strchr(argument, ':'), **releases;
	const char *container = colon ? arena_strndup(call->arena, argument, (size_t)(colon - argument)) : argument;
	struct pull_image_outcome outcome = {0};
	size_t release_count;
	int result;

	if (open_database(call, db, err) < 0 || publishing_open(p, colon ? colon + 1 : NULL, container, err) < 0 ||
	    list_releases(call, db->root, &releases, &release_count, err) < 0)
		return -1;
	if (!output && engine_find(call->arena, command_value(call, "engine"), &p->engine, err) < 0)
		return -1;
	publishing_show(p, arena_printf(call->arena, "pulling %s", p->shelf.images[0].tag), &outcome.counts.received_bytes, &outcome.total_bytes);
	if (output)
		result = pull_image_layout(&p->shelf, output, &outcome, err);
	else
		result = pull_image_load(&p->shelf, &p->engine, releases, release_count, &outcome, err);
	publishing_quiet(p);
	if (result < 0)
		return -1;
	print(p, &outcome, output ? output : p->engine.driver->name);
	return EXIT_DONE;
}

static int run(struct command_call *call, struct error *err)
{
	struct database db = {0};
	struct publishing p = {.call = call, .db = &db};
	int code = pull(&p, &db, err);

	publishing_release(&p);
	database_release(&db);
	return code;
}

static const struct option options[] = {
	{"engine", 'e', "NAME", false, "the engine that gets the image: buildah, docker, podman or buildkit; the first that works when not given"},
	{"output", 'o', "FOLDER", false, "write an OCI layout into this new folder instead"},
	{NULL, 0, NULL, false, NULL},
};

const struct command command_pull_image = {
	.name = "pull-image",
	.section = "the developer",
	.arguments = "CONTAINER[:RELEASE]",
	.summary = "bring a published image into the engine",
	.description =
		"Pulls the image of a container, of the newest release without RELEASE, and gives it to the engine under the name that the Jenkinsfile calls it\n"
		"by. Of its layers only those come that neither the engine, with its images of other releases, nor the store has; what is cut goes on where it\n"
		"was. All of it is checked: the manifest by lockfiles/published.json, the configuration by the release, each layer by its digest.\n"
		"\n"
		"examples\n"
		"  lockstep pull-image ci-cpu\n"
		"  lockstep pull-image ci-cpu:v0.3 --engine docker\n"
		"  lockstep pull-image ci-cpu --output ci-cpu.oci",
	.argument_min = 1,
	.argument_max = 1,
	.formats = TAKES_JSON,
	.options = options,
	.run = run,
};
