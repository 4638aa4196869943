#include <stdio.h>

#include "base/file.h"
#include "cmd/inspect.h"
#include "cmd/open.h"
#include "io/json.h"

static void print_json(const struct inspect *i, const char *lock_from)
{
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out};

	json_begin_object(&w, NULL);
	json_add_boolean(&w, "verified", !i->findings.count);
	json_add_text(&w, "lock", lock_from);
	json_begin_array(&w, "images");
	for (size_t n = 0; n < i->count; n++) {
		json_begin_object(&w, NULL);
		json_add_text(&w, "container", i->containers[n]->name);
		json_add_text(&w, "image", i->images[n]);
		json_add_text(&w, "image_id", i->snapshots[n].image_id);
		json_add_integer(&w, "packages", (int64_t)i->snapshots[n].package_count);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_begin_array(&w, "findings");
	for (size_t n = 0; n < i->findings.count; n++) {
		json_begin_object(&w, NULL);
		json_add_text(&w, "kind", finding_kind_name(i->findings.items[n].kind));
		json_add_text(&w, "container", i->findings.items[n].container);
		json_add_text(&w, "subject", i->findings.items[n].subject);
		json_add_text(&w, "text", i->findings.items[n].text);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
	fputs(strbuf_text(&out), stdout);
}

static void print_text(const struct inspect *i, const char *lock_from)
{
	size_t packages = 0;

	inspect_print(i, stdout);
	for (size_t n = 0; n < i->count; n++)
		packages += i->snapshots[n].package_count;
	if (i->findings.count)
		printf("%zu finding%s: the images are not what %s says\n", i->findings.count, i->findings.count == 1 ? "" : "s", lock_from);
	else
		printf("verified: %zu container%s, %zu installed packages are exactly what %s says\n", i->count, i->count == 1 ? "" : "s", packages, lock_from);
}

static int verify(struct command_call *call, const struct database *db, struct lock *lock, struct error *err)
{
	autoinspect struct inspect i = {0};
	struct engine e = {0};
	const char *from;

	if (open_lock(db, lock, &from, err) < 0 || engine_find(call->arena, command_value(call, "engine"), &e, err) < 0 ||
	    inspect_choose(&i, call, db, lock, from, &e, err) < 0 || inspect_snapshot(&i, call, db, &e, err) < 0 ||
	    inspect_verify(&i, call, db, lock, &e, !command_flag(call, "no-probes"), err) < 0)
		return -1;
	if (call->format == FORMAT_JSON)
		print_json(&i, from);
	else
		print_text(&i, from);
	return i.findings.count ? EXIT_FAILED : EXIT_DONE;
}

static int run(struct command_call *call, struct error *err)
{
	return inspect_run(call, verify, err);
}

static const struct option options[] = {
	{"engine", 'e', "NAME", false, "the engine that has the images: buildah or docker"},
	{"image", 0, "IMAGE", false, "verify this image instead of the container's own"},
	{"no-probes", 0, NULL, false, "leave out the verify commands of the layer recipes"},
	{NULL, 0, NULL, false, NULL},
};

const struct command command_verify = {
	.name = "verify",
	.section = "the maintainer",
	.arguments = "[CONTAINER ...]",
	.summary = "ask the images whether they are exactly what the lock says",
	.description =
		"Asks each image what is installed in it and compares that with the lock: nothing missing, nothing extra, no other version, no other origin,\n"
		"no file changed since it was installed; containers agree except where a difference is declared; and the verify commands of the layer\n"
		"recipes pass. Exits with 1 when anything is found.\n"
		"\n"
		"examples\n"
		"  lockstep verify                                   all containers of the newest lock\n"
		"  lockstep verify ci-gpu --image my/ci-gpu:test     an image that something else built",
	.argument_max = 1000,
	.formats = TAKES_JSON,
	.options = options,
	.run = run,
};
