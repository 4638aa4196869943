#include <inttypes.h>
#include <stdio.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "cmd/open.h"
#include "cmd/publishing.h"
#include "io/json.h"

static void print_json(const struct publishing *p, bool dry_run)
{
	static const char *const states[] = {"there", "sent", "wanted"};
	const struct publish_outcome *o = &p->outcome;
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out};

	json_begin_object(&w, NULL);
	json_add_text(&w, "release", p->release.name);
	json_add_text(&w, "outcome", !o->changed ? "nothing to do" : dry_run ? "dry run" : "published");
	json_begin_array(&w, "images");
	for (size_t i = 0; i < o->count; i++) {
		const struct publish_image *image = &o->images[i];

		json_begin_object(&w, NULL);
		json_add_text(&w, "container", image->image->snapshot->container);
		json_add_text(&w, "image", image->image->tag);
		json_add_text(&w, "digest", image->image->digest);
		json_add_text(&w, "state", states[image->state]);
		json_add_text(&w, "lock", image->artifacts[0]);
		json_add_text(&w, "snapshot", image->artifacts[1]);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_add_integer(&w, "sent_bytes", (int64_t)o->blobs.sent_bytes);
	json_add_integer(&w, "sent", o->blobs.sent);
	json_add_integer(&w, "mounted", o->blobs.mounted);
	json_add_integer(&w, "there", o->blobs.there);
	json_end_object(&w);
	fputs(strbuf_text(&out), stdout);
}

static int publish(struct publishing *p, struct database *db, int *lock_fd, struct error *err)
{
	struct command_call *call = p->call;
	bool dry_run = command_flag(call, "dry-run");

	if (open_database(call, db, err) < 0 || (!dry_run && open_for_change(db->root, lock_fd, err) < 0) ||
	    publishing_open(p, call->argument_count ? call->arguments[0] : NULL, NULL, err) < 0 ||
	    publishing_run(p, dry_run, command_flag(call, "replace"), err) < 0)
		return -1;
	if (call->format == FORMAT_JSON)
		print_json(p, dry_run);
	else
		publishing_print(p);
	return EXIT_DONE;
}

static int run(struct command_call *call, struct error *err)
{
	struct database db = {0};
	struct publishing p = {.call = call, .db = &db};
	autofd int lock_fd = -1;
	int code = publish(&p, &db, &lock_fd, err);

	publishing_release(&p);
	database_release(&db);
	return code;
}

static const struct option options[] = {
	{"engine", 'e', "NAME", false, "the engine that has the images: buildah, docker, podman or buildkit"},
	{"replace", 0, NULL, false, "move the release's tags also where they name other images"},
	{"dry-run", 'n', NULL, false, "say what would be published; nothing is sent and nothing is packed"},
	{NULL, 0, NULL, false, NULL},
};

const struct command command_publish = {
	.name = "publish",
	.section = "the maintainer",
	.arguments = "[RELEASE]",
	.summary = "push a release's images, with its lock and snapshots, to the registry",
	.description =
		"Pushes the images of a release, the newest without RELEASE, to the registry that 'repository' of recipes/project.yaml names; then the lock and\n"
		"each image's snapshot, as artifacts that belong to the image (referrers); then, when all of that is there, the tags. What the registry has is\n"
		"not sent. A run that is stopped leaves no tag that does not name a whole image; the next one goes on. The digests of what was pushed are kept\n"
		"in lockfiles/published.json, to be committed: promote and pull-image take those images and no others.\n"
		"\n"
		"Registries are spoken to with TLS but for the hosts in 'plain_http' of recipes/project.yaml and in LOCKSTEP_PLAIN_HTTP. Who we are is read where\n"
		"engines keep it: REGISTRY_AUTH_FILE, containers' auth.json, docker's config.json, and their credential helpers.\n"
		"\n"
		"examples\n"
		"  lockstep publish\n"
		"  lockstep publish v0.3 --dry-run\n"
		"  lockstep bump --publish",
	.argument_max = 1,
	.formats = TAKES_JSON,
	.options = options,
	.run = run,
};
