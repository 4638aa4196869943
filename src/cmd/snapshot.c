#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "cmd/building.h"
#include "cmd/engines.h"
#include "cmd/inspect.h"
#include "cmd/open.h"
#include "io/json.h"
#include "report/report.h"

static void json_packages(struct json_writer *w, const struct snapshot *s)
{
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
}

static void json_snapshot(struct json_writer *w, const struct snapshot *s, const char *image)
{
	json_begin_object(w, NULL);
	json_add_text(w, "container", s->container);
	json_add_text(w, "image", image);
	report_add_snapshot(w, s);
	json_packages(w, s);
	json_begin_array(w, "strays");
	for (size_t i = 0; i < s->stray_count; i++) {
		json_begin_object(w, NULL);
		json_add_text(w, "path", s->strays[i].path);
		json_add_text(w, "text", s->strays[i].text);
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

/* "<before><name> <version>\n", both as the image gave them. */
static void add_line(struct strbuf *out, const char *before, const char *name, const char *version)
{
	strbuf_add(out, before);
	text_escape(out, name, strlen(name), 0);
	if (version) {
		strbuf_add_char(out, ' ');
		text_escape(out, version, strlen(version), 0);
	}
	strbuf_add_char(out, '\n');
}

static void print_text(const struct snapshot *s)
{
	autostrbuf struct strbuf out = {0};

	strbuf_printf(&out, "# %s: ", s->container);
	add_line(&out, "image ", s->image_id, NULL);
	add_line(&out, "# by ", s->engine, s->engine_version);
	for (size_t i = 0; i < s->tool_count; i++)
		add_line(&out, "# ", s->tools[i].name, s->tools[i].version);
	strbuf_printf(&out, "# %zu system packages, %zu Python packages:\n", s->system_count, s->package_count);
	for (size_t i = 0; i < s->freeze_count; i++)
		add_line(&out, "", s->freeze[i], NULL);
	fputs(strbuf_text(&out), stdout);
}

static int snapshot(struct command_call *call, const struct database *db, struct lock *lock, struct error *err)
{
	autoinspect struct inspect i = {0};
	struct engine e = {0};
	const char *from = "";

	/* A given image is asked whatever the lock is. */
	if (!command_value(call, "image") && open_lock(db, lock, &from, err) < 0)
		return -1;
	if (engines_find(call, db, &e, err) < 0 || inspect_containers(&i, call, db, err) < 0 || inspect_choose(&i, call, db, lock, from, &e, err) < 0 ||
	    inspect_snapshot(&i, call, db, &e, NULL, err) < 0)
		return -1;
	if (call->format == FORMAT_JSON)
		print_json(&i);
	for (size_t n = 0; call->format != FORMAT_JSON && n < i.count; n++)
		print_text(&i.snapshots[n]);
	return EXIT_DONE;
}

static int run(struct command_call *call, struct error *err)
{
	return inspect_run(call, snapshot, err);
}

static const struct option options[] = {
	{"engine", 'e', "NAME", false, "the engine that has the images: buildah, docker, podman or buildkit"},
	BUILDING_LAYERS_OPTION,
	ENGINES_WORKERS_OPTION,
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
