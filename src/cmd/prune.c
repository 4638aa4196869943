#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/open.h"
#include "io/json.h"
#include "io/terminal.h"
#include "prune/prune.h"
#include "registry/open.h"
#include "report/table.h"

enum { KEEP_OTHERWISE = 5, UNUSED_DAYS_OTHERWISE = 30, DAYS_LIMIT = 100000, SHORT_KEY = 12 };

static bool is_image(const struct prune_item *item)
{
	return item->kind == PRUNE_TAG || item->kind == PRUNE_STAGE || item->kind == PRUNE_IMAGE;
}

/* Whether all names of an image go, and this is the last of them in the list: then its layers go, as far as no other image has them. */
static bool frees(const struct prune *p, size_t at)
{
	const struct prune_item *item = &p->items[at];

	if (!item->goes)
		return false;
	for (size_t i = 0; is_image(item) && i < p->item_count; i++) {
		const struct prune_item *other = &p->items[i];

		if (i != at && is_image(other) && other->engine == item->engine && !strcmp(other->image_id, item->image_id) && (!other->goes || i > at))
			return false;
	}
	return true;
}

static uint64_t freed_bytes(const struct prune *p)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < p->item_count; i++)
		bytes += frees(p, i) ? p->items[i].size_bytes : 0;
	return bytes;
}

static const char *size_text(struct arena *a, uint64_t size_bytes)
{
	autostrbuf struct strbuf size = {0};

	text_add_size(&size, size_bytes);
	return arena_strdup(a, strbuf_text(&size));
}

static void add_row(struct table *t, const char *what, const char *name, uint64_t size_bytes, const char *why)
{
	bool goes = strcmp(what, "stays") != 0;

	table_add(t, goes ? COLOR_YELLOW : COLOR_DIM, what);
	table_add(t, COLOR_NONE, name);
	table_add(t, COLOR_NONE, size_text(t->arena, size_bytes));
	table_add(t, COLOR_DIM, why);
}

static const char *fate(const struct prune_item *item, bool plan)
{
	return !item->goes ? "stays" : plan ? "would go" : item->removed ? "removed" : "not removed";
}

/* Of small things, how many there are. */
static void add_sums(const struct prune *p, struct table *t, bool plan)
{
	static const char *const nouns[PRUNE_KINDS] = {[PRUNE_FILE] = "file", [PRUNE_NOTE] = "note", [PRUNE_LEFT] = "log and folder"};

	for (int kind = 0; kind < PRUNE_KINDS; kind++) {
		for (int pass = 0; pass < 2 && nouns[kind]; pass++) {
			const struct prune_item *first = NULL;
			uint64_t bytes = 0;
			size_t count = 0;

			for (size_t i = 0; i < p->item_count; i++) {
				if ((int)p->items[i].kind != kind || p->items[i].goes != !pass)
					continue;
				first = first ? first : &p->items[i];
				bytes += p->items[i].size_bytes;
				count++;
			}
			if (!count || (pass && !plan))
				continue;
			const char *where = kind == PRUNE_LEFT ? "of .lockstep/" : "of the cache";

			const char *why = count == 1 ? first->why
					  : pass     ? arena_printf(t->arena, "the first of them: %s", first->why)
						     : "nothing needs them, and they were not used of late";

			add_row(t, fate(first, plan), arena_printf(t->arena, "%zu %s%s %s", count, nouns[kind], text_plural(count), where), bytes, why);
		}
	}
}

/* Of a key the first digits are enough for people. */
static const char *shown_name(struct arena *a, const struct prune_item *item)
{
	const char *colon = strrchr(item->name, ':');
	int length =
		(int)(item->kind == PRUNE_STAGE && colon && strlen(colon) > SHORT_KEY ? colon + 1 + SHORT_KEY - item->name : (ptrdiff_t)strlen(item->name));

	return item->engine ? arena_printf(a, "%s: %.*s", item->engine->driver->name, length, item->name) : item->name;
}

static void print_text(struct prune *p, const struct command_call *call, bool plan)
{
	struct table t = {.arena = call->arena, .column_count = 4};
	autostrbuf struct strbuf out = {0}, size = {0};
	size_t count = 0;

	for (size_t i = 0; i < p->item_count; i++) {
		const struct prune_item *item = &p->items[i];
		bool is_small = !is_image(item) && item->kind != PRUNE_TREE;

		count += item->goes && (plan || item->removed);
		if ((is_small && !call->verbose) || (!item->goes && !plan))
			continue;
		add_row(&t, fate(item, plan), shown_name(call->arena, item), item->size_bytes, item->why);
	}
	if (!call->verbose)
		add_sums(p, &t, plan);
	if (!call->quiet)
		table_print(&t, 0, stdout, &out);
	text_add_size(&size, freed_bytes(p));
	strbuf_printf(&out, count ? "%s %zu thing%s, %s\n" : "nothing to remove\n", plan ? "would remove" : "removed", count, text_plural(count),
		      strbuf_text(&size));
	fputs(strbuf_text(&out), stdout);
}

static void add_item_json(struct json_writer *w, const struct prune_item *item)
{
	json_begin_object(w, NULL);
	json_add_text(w, "kind", prune_kind_names[item->kind]);
	json_add_text(w, "engine", item->engine ? item->engine->driver->name : NULL);
	json_add_text(w, "name", item->name);
	json_add_integer(w, "size_bytes", (int64_t)item->size_bytes);
	json_add_boolean(w, "goes", item->goes);
	json_add_boolean(w, "removed", item->removed);
	json_add_text(w, "why", item->why);
	json_end_object(w);
}

static void print_json(const struct prune *p, bool plan)
{
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out};

	json_begin_object(&w, NULL);
	json_add_boolean(&w, "plan", plan);
	json_add_integer(&w, "keep", (int64_t)p->request->keep);
	json_add_integer(&w, "unused_days", p->request->unused_days);
	json_add_integer(&w, "freed_bytes", (int64_t)freed_bytes(p));
	json_begin_array(&w, "items");
	for (size_t i = 0; i < p->item_count; i++)
		add_item_json(&w, &p->items[i]);
	json_end_array(&w);
	json_end_object(&w);
	fputs(strbuf_text(&out), stdout);
}

static int number(const struct command_call *call, const char *option, uint64_t least, uint64_t otherwise, uint64_t *ret)
{
	const char *text = command_value(call, option);

	*ret = otherwise;
	if (!text || (text_to_u64(text, ret) && *ret >= least && *ret <= DAYS_LIMIT))
		return 0;
	return command_usage(call, "'--%s' wants a number from %llu to %d, not '%s'", option, (unsigned long long)least, DAYS_LIMIT, text);
}

static int prune(struct command_call *call, struct prune *p, const struct prune_request *q, bool plan, struct error *err)
{
	int failures = 0;

	if (prune_look(p, q, err) < 0 || (!plan && (failures = prune_remove(p, err)) < 0)) {
		open_print_notes(&p->notes);
		return -1;
	}
	open_print_notes(&p->notes);
	if (call->format == FORMAT_JSON)
		print_json(p, plan);
	else
		print_text(p, call, plan);
	if (!failures)
		return EXIT_DONE;
	return error_set(err, ERR_FAILED, "%d thing%s could not be removed", failures, text_plural((size_t)failures));
}

static int run(struct command_call *call, struct error *err)
{
	bool plan = command_flag(call, "plan");
	autodatabase struct database db = {0};
	struct prune_request q = {.db = &db, .engine = command_value(call, "engine")};
	struct prune p = {0};
	struct registries *registries = NULL;
	autofd int lock = -1;
	uint64_t keep, days;
	int code = number(call, "keep", 1, KEEP_OTHERWISE, &keep);

	if (!code)
		code = number(call, "unused", 0, UNUSED_DAYS_OTHERWISE, &days);
	if (code)
		return code;
	q.keep = keep;
	q.unused_days = (int64_t)days;
	if (open_database(call, &db, err) < 0 || (!plan && open_for_change(db.root, &lock, err) < 0))
		return -1;
	if (command_flag(call, "registry") && !(registries = registries_open(&db, err)))
		return -1;
	q.registries = registries;
	code = prune(call, &p, &q, plan, err);
	prune_release(&p);
	registries_free(registries);
	return code;
}

static const struct option options[] = {
	{"plan", 0, NULL, false, "remove nothing; show what would go and what stays, with reasons and sizes"},
	{"keep", 0, "N", false, "keep the images of the newest N releases; 5 when not given"},
	{"unused", 0, "DAYS", false, "what no project refers to goes when it was not used for so long; 30 when not given"},
	{"engine", 'e', "ENGINE", false, "remove images of this engine only; all that work here when not given"},
	{"registry", 0, NULL, false, "remove also tags of the project's images in its registry, by the same rules"},
	{NULL, 0, NULL, false, NULL},
};

const struct command command_prune = {
	.name = "prune",
	.section = "the maintainer",
	.arguments = "",
	.summary = "remove images and files that no release, no branch and no container needs",
	.description = "Removes, in this order: stages that were built on the way to images and that no build of this machine's projects uses; images of\n"
		       "releases older than the newest --keep; files, layers and base trees of the cache that no project of this machine refers to;\n"
		       "old logs. It asks nothing, and everything that goes can be built or fetched again. lockfiles/ is not touched.\n"
		       "\n"
		       "What stays, whatever its age: images of the newest --keep releases and of every release that one of the project's tag\n"
		       "files (the Jenkinsfile) names, on any branch or tag, in a stash, in a worktree or its index; images that a container of any engine\n"
		       "stands on, running or not; what the next build begins with; files that a lock or a release of a project of this machine\n"
		       "has. All else in the cache stays while it was used in the last --unused days, and a stage for a day. Where git or an\n"
		       "engine cannot tell what is referred to, nothing is removed.\n"
		       "\n"
		       "With --registry the tags of releases in the project's registry go by the same rules, with the locks and snapshots that\n"
		       "belong to them. An image that a tag which stays names as well, whoever made that, stays. What no tag names any more is for\n"
		       "the registry's own garbage collection.\n"
		       "\n"
		       "A project of this machine is one in which lockstep has changed something with this cache.\n"
		       "\n"
		       "  lockstep prune --plan\n"
		       "  lockstep prune --keep 2 --unused 7",
	.formats = TAKES_JSON,
	.options = options,
	.run = run,
};
