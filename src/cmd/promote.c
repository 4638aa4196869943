#include <stdio.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "cmd/open.h"
#include "cmd/publishing.h"
#include "io/json.h"
#include "publish/promote.h"

static void print_json(const struct publishing *p, const struct promote_outcome *o, bool dry_run)
{
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out};

	json_begin_object(&w, NULL);
	json_add_text(&w, "release", p->release.name);
	json_add_text(&w, "outcome", !o->changed ? "nothing to do" : dry_run ? "dry run" : "promoted");
	json_begin_array(&w, "images");
	for (size_t i = 0; i < o->count; i++) {
		json_begin_object(&w, NULL);
		json_add_text(&w, "container", o->images[i].image->snapshot->container);
		json_add_text(&w, "from", o->images[i].image->tag);
		json_add_text(&w, "to", o->images[i].reference);
		json_add_text(&w, "digest", o->images[i].image->digest);
		json_add_boolean(&w, "was_there", o->images[i].was_there);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_add_integer(&w, "sent_bytes", (int64_t)o->copied.blobs.sent_bytes);
	json_add_integer(&w, "sent", o->copied.blobs.sent);
	json_add_integer(&w, "mounted", o->copied.blobs.mounted);
	json_add_integer(&w, "manifests", o->copied.manifests);
	json_end_object(&w);
	fputs(strbuf_text(&out), stdout);
}

static void print_text(const struct promote_outcome *o, bool dry_run)
{
	for (size_t i = 0; i < o->count; i++)
		printf("%s %s %s\n", o->images[i].reference, o->images[i].was_there ? "is already" : dry_run ? "would be" : "is", o->images[i].image->digest);
}

static int promote(struct publishing *p, struct database *db, struct error *err)
{
	struct command_call *call = p->call;
	struct promote_target to;
	struct promote_outcome outcome = {0};
	bool dry_run = command_flag(call, "dry-run");

	if (open_database(call, db, err) < 0 || publishing_open(p, call->arguments[0], NULL, err) < 0 ||
	    promote_parse(call->arena, command_value(call, "to"), p->release.name, &to, err) < 0)
		return -1;
	if (!dry_run && to.registry)
		publishing_show(p, arena_printf(call->arena, "copying %zu image%s", p->shelf.count, text_plural(p->shelf.count)),
				&outcome.copied.blobs.sent_bytes, &outcome.copied.blobs.wanted_bytes);
	int result = promote_run(&p->shelf, &to, dry_run, &outcome, err);

	publishing_quiet(p);
	if (result < 0)
		return -1;
	if (call->format == FORMAT_JSON)
		print_json(p, &outcome, dry_run);
	else
		print_text(&outcome, dry_run);
	return EXIT_DONE;
}

static int run(struct command_call *call, struct error *err)
{
	struct database db = {0};
	struct publishing p = {.call = call, .db = &db};

	if (!command_value(call, "to"))
		return command_usage(call, "'--to' says where: a tag, or a repository with or without one");
	int code = promote(&p, &db, err);

	publishing_release(&p);
	database_release(&db);
	return code;
}

static const struct option options[] = {
	{"to", 0, "REPO|TAG", false, "a tag beside the release's, or registry/path[:tag] in place of the project's repository"},
	{"dry-run", 'n', NULL, false, "say what would be promoted, and stop"},
	{NULL, 0, NULL, false, NULL},
};

const struct command command_promote = {
	.name = "promote",
	.section = "the maintainer",
	.arguments = "RELEASE",
	.summary = "give a published release another tag, or copy it to another registry",
	.description =
		"Copies the images of a published release, with the lock and the snapshots that belong to them, by digest: what arrives is what was released, byte\n"
		"for byte. With a tag, the images stay where they are and are named by that, too. With a repository, what its registry has already is not sent,\n"
		"blobs of the same registry are mounted, and others go from one registry to the other without being kept here. The tags move last, when every\n"
		"image is there.\n"
		"\n"
		"examples\n"
		"  lockstep promote v0.3 --to stable\n"
		"  lockstep promote v0.3 --to registry.example/production\n"
		"  lockstep promote latest --to registry.example/production:2026-11",
	.argument_min = 1,
	.argument_max = 1,
	.formats = TAKES_JSON,
	.options = options,
	.run = run,
};
