#include "cmd/publishing.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/strbuf.h"
#include "base/text.h"
#include "io/progress.h"
#include "registry/open.h"

void publishing_release(struct publishing *p)
{
	publishing_quiet(p);
	registries_free(p->all);
	release_free(&p->release);
}

int publishing_open(struct publishing *p, const char *release, const char *container, struct error *err)
{
	if (release_read(&p->release, p->db->root, release ? release : "latest", err) < 0)
		return -1;
	p->all = registries_open(p->db, err);
	return p->all ? shelf_open(p->call->arena, p->db, &p->release, container, p->all, &p->shelf, err) : -1;
}

static void on_tick(void *context)
{
	struct publishing *p = context;

	if (!*p->total)
		return;
	if (!p->progress)
		p->progress = progress_new(p->label, *p->total, true);
	progress_set(p->progress, *p->done, *p->total);
	progress_tick(p->progress);
}

void publishing_show(struct publishing *p, const char *label, const uint64_t *done, const uint64_t *total)
{
	if (p->call->quiet)
		return;
	p->label = label;
	p->done = done;
	p->total = total;
	registries_watch(p->all, on_tick, p);
}

void publishing_quiet(struct publishing *p)
{
	if (p->all)
		registries_watch(p->all, NULL, NULL);
	if (!p->progress)
		return;
	progress_set(p->progress, *p->done, *p->total);
	progress_end(p->progress);
	p->progress = NULL;
}

static struct engine *find_engine(void *context, struct error *err)
{
	struct publishing *p = context;

	if (p->known_engine)
		return p->known_engine;
	return engine_find(p->call->arena, command_value(p->call, "engine"), &p->engine, err) < 0 ? NULL : &p->engine;
}

int publishing_run(struct publishing *p, bool dry_run, bool replace, struct error *err)
{
	const struct publish_request request = {.all = p->all, .dry_run = dry_run, .replace = replace, .find_engine = find_engine, .context = p};
	const struct push_counts *blobs = &p->outcome.blobs;

	if (!dry_run)
		publishing_show(p, arena_printf(p->call->arena, "publishing %zu image%s", p->shelf.count, text_plural(p->shelf.count)), &blobs->sent_bytes,
				&blobs->wanted_bytes);
	int result = publish_run(&p->shelf, &request, &p->outcome, err);

	publishing_quiet(p);
	return result;
}

int publishing_bumped(struct publishing *p, struct command_call *call, const struct database *db, struct engine *e, const char *release, struct error *err)
{
	if (!command_flag(call, "publish"))
		return 0;
	*p = (struct publishing){.call = call, .db = db, .known_engine = e};
	if (publishing_open(p, release, NULL, err) == 0 && publishing_run(p, false, false, err) == 0)
		return 0;
	error_wrap(err, "%s is released, but not published", release);
	return error_hint(err, "'lockstep publish' goes on");
}

void publishing_print(const struct publishing *p)
{
	static const char *const words[] = {"is published already", "is published", "would be published"};

	for (size_t i = 0; i < p->outcome.count; i++) {
		const struct publish_image *image = &p->outcome.images[i];

		printf("%s %s%s%s\n", image->image->tag, words[image->state], image->image->digest ? ": " : "",
		       image->image->digest ? image->image->digest : "");
	}
}
