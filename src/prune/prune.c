#include "prune/prune.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "io/signals.h"
#include "prune/parts.h"

/* Stages that no project here knows may be of a build that goes on where we do not see it; not for long. */
enum { DAY_SECONDS = 24 * 60 * 60, STAGE_DAYS = 1 };

const char *const prune_kind_names[PRUNE_KINDS] = {
	[PRUNE_TAG] = "tag",   [PRUNE_STAGE] = "stage", [PRUNE_IMAGE] = "image", [PRUNE_FILE] = "file",
	[PRUNE_NOTE] = "note", [PRUNE_TREE] = "tree",   [PRUNE_LEFT] = "left",
};

void prune_release(struct prune *p)
{
	for (size_t i = 0; p->holds && i < p->engine_count; i++)
		file_cleanup_fd(&p->holds[i]);
	needs_release(&p->needs);
	strbuf_release(&p->notes);
	arena_release(&p->arena);
	*p = (struct prune){0};
}

/* Of a release's image only who refers to it counts. */
static bool is_young(const struct prune *p, enum prune_kind kind, int64_t used_unix)
{
	int64_t days = p->request->unused_days;

	if (kind == PRUNE_STAGE && days > STAGE_DAYS)
		days = STAGE_DAYS;
	return kind != PRUNE_IMAGE && kind != PRUNE_TAG && clock_now_unix() - used_unix < days * DAY_SECONDS;
}

struct prune_item *prune_add(struct prune *p, enum prune_kind kind, const char *name, uint64_t size_bytes, int64_t used_unix)
{
	struct prune_item *item = arena_push(&p->arena, &p->items, &p->item_count);

	*item = (struct prune_item){.kind = kind, .name = name, .size_bytes = size_bytes, .used_unix = used_unix};
	item->thing = needs_add(&p->needs, is_young(p, kind, used_unix));
	return item;
}

void prune_key(struct prune *p, struct prune_item *item, const char *prefix, const char *text)
{
	need_key(&p->needs, item->thing, arena_printf(&p->arena, "%s:%s", prefix, text));
}

void prune_refer(struct prune *p, const char *prefix, const char *text, const char *why)
{
	autostrbuf struct strbuf key = {0};

	strbuf_printf(&key, "%s:%s", prefix, text);
	needs_refer(&p->needs, strbuf_text(&key), why);
}

const char *prune_short_name(const char *name)
{
	static const char *const before[] = {"docker.io/library/", "docker.io/", "localhost/"};

	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		if (text_starts_with(name, before[i]))
			return name + strlen(before[i]);
	}
	return name;
}

static const char *age(struct prune *p, const struct prune_item *item)
{
	int64_t days = (clock_now_unix() - item->used_unix) / DAY_SECONDS;

	return arena_printf(&p->arena, days <= 0 ? "today" : "%lld day%s ago", (long long)days, text_plural((size_t)days));
}

static const char *why_it_goes(struct prune *p, const struct prune_item *item)
{
	const char *word = item->kind == PRUNE_STAGE ? "made" : "used last";

	switch (item->kind) {
	case PRUNE_TAG:
	case PRUNE_IMAGE:
		return arena_printf(&p->arena, "its release is not among the newest %zu, and nothing names it", p->request->keep);
	case PRUNE_LEFT:
		return item->used_unix ? arena_printf(&p->arena, "written %s", age(p, item)) : "its container is gone";
	default:
		return arena_printf(&p->arena, "no project here needs it; %s %s", word, item->used_unix ? age(p, item) : "at a time not known");
	}
}

static const char *why_it_stays(struct prune *p, const struct prune_item *item)
{
	if (item->thing->why)
		return item->thing->why;
	return arena_printf(&p->arena, "%s %s", item->kind == PRUNE_STAGE ? "made" : item->kind == PRUNE_LEFT ? "written" : "used", age(p, item));
}

static int compare_items(const void *left, const void *right)
{
	const struct prune_item *a = left, *b = right;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	/* Of images the newest first: what stands on others goes before them. */
	if (!a->path && a->used_unix != b->used_unix)
		return a->used_unix > b->used_unix ? -1 : 1;
	int order = strcmp(a->name, b->name);

	return order || !a->engine ? order : strcmp(a->engine->driver->name, b->engine->driver->name);
}

int prune_look(struct prune *p, const struct prune_request *request, struct error *err)
{
	p->request = request;
	if (prune_collect(p, err) < 0 || prune_images(p, err) < 0 || prune_cache(p, err) < 0 || prune_tags(p, err) < 0)
		return -1;
	prune_left(p);
	needs_decide(&p->needs);
	for (size_t i = 0; i < p->item_count; i++) {
		struct prune_item *item = &p->items[i];

		item->goes = !item->thing->stays;
		item->why = item->goes ? why_it_goes(p, item) : why_it_stays(p, item);
	}
	if (p->item_count)
		qsort(p->items, p->item_count, sizeof(*p->items), compare_items);
	return 0;
}

static int remove_item(struct prune *p, struct prune_item *item, struct error *err)
{
	if (item->remote)
		return prune_remove_tag(p, item, err);
	return item->path ? prune_remove_file(item, err) : prune_remove_image(p, item, err);
}

int prune_remove(struct prune *p, struct error *err)
{
	int failures = 0;

	prune_hold(p);
	for (size_t i = 0; i < p->item_count; i++) {
		struct prune_item *item = &p->items[i];
		autoerror struct error why_not = {0};

		if (!item->goes)
			continue;
		if (signals_check(err) < 0)
			return -1;
		if (remove_item(p, item, &why_not) == 0) {
			item->removed = true;
			continue;
		}
		if (why_not.code == ERR_CANCELLED) {
			error_move(err, &why_not);
			return -1;
		}
		strbuf_printf(&p->notes, "'%s' stays: %s\n", item->name, why_not.text);
		failures += why_not.code != ERR_BUSY;
	}
	return failures;
}
