#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "cmd/inspect.h"
#include "cmd/open.h"
#include "io/json.h"

static void json_snapshot(struct json_writer *w, const struct snapshot *s, const char *image)
{
	json_begin_object(w, NULL);
	json_add_text(w, "container", s->container);
	json_add_text(w, "image", image);
	json_add_text(w, "engine", s->engine);
	json_add_text(w, "engine_version", s->engine_version);
	json_add_text(w, "image_id", s->image_id);
	json_add_text(w, "image_digest", s->image_digest);
	json_begin_object(w, "markers");
	for (size_t i = 0; i < s->marker_count; i++)
		json_add_text(w, s->markers[i].name, s->markers[i].value);
	json_end_object(w);
	json_begin_object(w, "tools");
	for (size_t i = 0; i < s->tool_count; i++)
		json_add_text(w, s->tools[i].name, s->tools[i].version);
	json_end_object(w);
	json_begin_array(w, "packages");
	for (size_t i = 0; i < s->package_count; i++) {
		const struct installed_package *p = &s->packages[i];

		json_begin_object(w, NULL);
		json_add_text(w, "name", p->name);
		json_add_text(w, "version", p->version);
		json_add_text(w, "installer", p->installer);
		json_add_text(w, "direct_url", p->direct_url);
		json_add_boolean(w, "editable", p->editable);
		json_add_text(w, "altered", p->altered);
		json_end_object(w);
	}
	json_end_array(w);
	json_begin_array(w, "freeze");
	for (size_t i = 0; i < s->freeze_count; i++)
		json_add_text(w, NULL, s->freeze[i]);
	json_end_array(w);
	json_begin_array(w, "system_packages");
	for (size_t i = 0; i < s->system_count; i++) {
		json_begin_object(w, NULL);
		json_add_text(w, "name", s->system_packages[i].name);
		json_add_text(w, "version", s->system_packages[i].version);
		json_add_text(w, "architecture", s->system_packages[i].architecture);
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
}

static void print_json(const struct inspect *i)
{
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out};

	json_begin_array(&w, NULL);
	for (size_t n = 0; n < i->count; n++)
		json_snapshot(&w, &i->snapshots[n], i->images[n]);
	json_end_array(&w);
	fputs(strbuf_text(&out), stdout);
}

static void print_escaped(const char *text)
{
	autostrbuf struct strbuf safe = {0};

	text_escape(&safe, text, strlen(text), 0);
	fputs(strbuf_text(&safe), stdout);
}

static void print_text(const struct snapshot *s)
{
	printf("# %s: image %s, by %s %s\n", s->container, s->image_id, s->engine, s->engine_version);
	for (size_t i = 0; i < s->tool_count; i++) {
		fputs("# ", stdout);
		print_escaped(s->tools[i].name);
		putchar(' ');
		print_escaped(s->tools[i].version);
		putchar('\n');
	}
	printf("# %zu system packages, %zu Python packages:\n", s->system_count, s->package_count);
	for (size_t i = 0; i < s->freeze_count; i++) {
		print_escaped(s->freeze[i]);
		putchar('\n');
	}
}

static int snapshot(struct command_call *call, const struct database *db, struct lock *lock, struct error *err)
{
	autoinspect struct inspect i = {0};
	struct engine e = {0};
	const char *from = "";

	/* A given image is asked whatever the lock is. */
	if (!command_value(call, "image") && open_lock(db, lock, &from, err) < 0)
		return -1;
	if (engine_find(call->arena, command_value(call, "engine"), &e, err) < 0 || inspect_choose(&i, call, db, lock, from, &e, err) < 0 ||
	    inspect_snapshot(&i, call, db, &e, err) < 0)
		return -1;
	if (call->format == FORMAT_JSON)
		print_json(&i);
	for (size_t n = 0; call->format != FORMAT_JSON && n < i.count; n++)
		print_text(&i.snapshots[n]);
	return EXIT_DONE;
}

static int run(struct command_call *call, struct error *err)
{
	struct database db = {0};
	struct lock lock = {0};
	int code;

	if (command_value(call, "image") && call->argument_count != 1)
		return command_usage(call, "'--image' needs the one container it is of");
	code = open_database(call, &db, err) < 0 ? -1 : snapshot(call, &db, &lock, err);
	lock_release(&lock);
	database_release(&db);
	return code;
}

static const struct option options[] = {
	{"engine", 'e', "NAME", false, "the engine that has the images: buildah or docker"},
	{"image", 0, "IMAGE", false, "ask this image instead of the container's own"},
	{NULL, 0, NULL, false, NULL},
};

const struct command command_snapshot = {
	.name = "snapshot",
	.section = "the maintainer",
	.arguments = "[CONTAINER ...]",
	.summary = "ask the images what is installed in them",
	.description =
		"Runs each image once, without a network, and prints what it says of itself: pip freeze, Python's environment markers, Debian packages, compilers,\n"
		"CUDA, LLVM, glibc and libstdc++. The text form is a constraints file; --format json has everything. Writes nothing; a release keeps a snapshot of\n"
		"each of its images (lockstep show).",
	.argument_max = 1000,
	.formats = TAKES_JSON,
	.options = options,
	.run = run,
};
