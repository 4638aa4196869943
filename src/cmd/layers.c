#include <stdio.h>
#include <string.h>

#include "assemble/stack.h"
#include "base/alloc.h"
#include "base/text.h"
#include "cmd/open.h"
#include "cmd/reading.h"
#include "io/json.h"
#include "release/history.h"
#include "report/table.h"
#include "report/words.h"

enum { NAMES_SHOWN = 6 };

struct row {
	const char **packages, **versions;
	size_t count;
	uint64_t size_bytes; /* packed; of one that is not made yet the sum of its wheels */
	const char *digest, *diff_id, *why, *since;
};

struct layers {
	struct command_call *call;
	struct reading_lock lock;
	const char *container, *root;
	const char *from; /* the release whose layers these are; NULL: what is planned for the lock */
	struct row *rows;
	size_t count;
};

static struct row *add_row(struct layers *l, const char *why)
{
	struct row *row = arena_push(l->call->arena, &l->rows, &l->count);

	row->why = why;
	return row;
}

static void add_package(struct layers *l, struct row *row, const char *name, const char *version)
{
	size_t count = row->count;

	*arena_push(l->call->arena, &row->packages, &row->count) = name;
	*arena_push(l->call->arena, &row->versions, &count) = version;
}

static void add_installed(struct layers *l, const struct lock *lock, const struct installed_layer *from)
{
	struct row *row = add_row(l, from->why);

	for (size_t i = 0; i < from->package_count; i++) {
		const struct pin *pin = lock_pin(lock, l->container, from->packages[i]);

		add_package(l, row, from->packages[i], pin ? pin->version : "");
	}
	row->size_bytes = from->size_bytes;
	row->digest = from->digest;
	row->diff_id = from->diff_id;
}

/* The layers of a release, where it has any of the container. */
static bool take_release(struct layers *l, const struct release *r)
{
	const struct snapshot *s = release_snapshot(r, l->container);

	for (size_t i = 0; s && i < s->layer_count; i++)
		add_installed(l, &r->lock, &s->layers[i]);
	l->from = s && s->layer_count ? r->name : NULL;
	return l->from;
}

/* One that stays as the newest release has it. */
static const struct installed_layer *find_kept(const struct snapshot *s, const struct stack_layer *layer)
{
	for (size_t i = 0; layer->is_kept && s && i < s->layer_count; i++) {
		for (size_t k = 0; k < s->layers[i].package_count; k++) {
			if (!strcmp(s->layers[i].packages[k], layer->packages[0]->name))
				return &s->layers[i];
		}
	}
	return NULL;
}

static void add_planned(struct layers *l, const struct stack_layer *layer, const struct snapshot *newest)
{
	const struct installed_layer *kept = find_kept(newest, layer);
	struct row *row = add_row(l, layer->why);

	for (size_t i = 0; i < layer->package_count; i++) {
		add_package(l, row, layer->packages[i]->name, layer->packages[i]->version);
		row->size_bytes += layer->packages[i]->size_bytes;
	}
	if (!kept)
		return;
	row->size_bytes = kept->size_bytes;
	row->digest = kept->digest;
	row->diff_id = kept->diff_id;
}

static int plan(struct layers *l, const struct release *newest, struct error *err)
{
	struct arena *a = l->call->arena;
	struct history history = {0};
	struct stack_request *q = arena_new(a, struct stack_request);
	struct stack_package *packages;
	struct stack stack;

	if (release_history(a, l->root, newest, &history, err) < 0)
		return -1;
	stack_list(a, l->lock.lock, l->container, &packages, &q->package_count);
	q->packages = packages;
	q->history = history_container(&history, l->container);
	q->limit = l->lock.db.project.layer_limit;
	stack_plan(a, q, &stack);
	for (size_t i = 0; i < stack.count; i++)
		add_planned(l, &stack.layers[i], newest ? release_snapshot(newest, l->container) : NULL);
	return 0;
}

static int find_since(struct layers *l, struct error *err)
{
	const char **digests = arena_array(l->call->arena, l->count + 1, sizeof(*digests)), **since;

	for (size_t i = 0; i < l->count; i++)
		digests[i] = l->rows[i].digest;
	if (release_layers_since(l->call->arena, l->root, l->container, digests, l->count, &since, err) < 0)
		return -1;
	for (size_t i = 0; i < l->count; i++)
		l->rows[i].since = since[i];
	return 0;
}

static const char *size_text(struct arena *a, uint64_t size_bytes)
{
	autostrbuf struct strbuf text = {0};

	text_add_size(&text, size_bytes);
	return arena_strdup(a, strbuf_text(&text));
}

static const char *package_text(struct arena *a, const struct row *row)
{
	autostrbuf struct strbuf text = {0};
	size_t shown = row->count <= NAMES_SHOWN + 1 ? row->count : NAMES_SHOWN;

	for (size_t i = 0; i < shown; i++)
		strbuf_printf(&text, "%s%s %s", i ? ", " : "", row->packages[i], row->versions[i]);
	if (shown < row->count)
		strbuf_printf(&text, " and %zu more", row->count - shown);
	return arena_strdup(a, strbuf_text(&text));
}

static void print_text(const struct layers *l)
{
	static const char *const heads[] = {"size", "since", "packages", "why"};
	struct arena *a = l->call->arena;
	struct table table = {.arena = a, .column_count = ARRAY_LEN(heads)};
	autostrbuf struct strbuf out = {0};
	uint64_t size_bytes = 0;

	for (size_t i = 0; i < l->count; i++)
		size_bytes += l->rows[i].size_bytes;
	printf("%s, %s: %zu layer%s of Python packages, %s, from the lowest to the highest\n", l->container, l->from ? l->from : "as planned", l->count,
	       text_plural(l->count), size_text(a, size_bytes));
	for (size_t i = 0; i < ARRAY_LEN(heads); i++)
		table_add(&table, COLOR_DIM, heads[i]);
	for (size_t i = 0; i < l->count; i++) {
		table_add(&table, COLOR_NONE, size_text(a, l->rows[i].size_bytes));
		table_add(&table, COLOR_NONE, l->rows[i].since ? l->rows[i].since : "new");
		table_add(&table, COLOR_NONE, package_text(a, &l->rows[i]));
		table_add(&table, COLOR_NONE, l->rows[i].why);
	}
	if (l->count)
		table_print(&table, 0, stdout, &out);
	fputs(strbuf_text(&out), stdout);
}

static void print_json(const struct layers *l)
{
	autostrbuf struct strbuf out = {0};
	struct json_writer w = {.out = &out};

	json_begin_object(&w, NULL);
	json_add_text(&w, "container", l->container);
	json_add_text(&w, "release", l->from);
	json_begin_array(&w, "layers");
	for (size_t i = 0; i < l->count; i++) {
		const struct row *row = &l->rows[i];

		json_begin_object(&w, NULL);
		json_add_text(&w, "digest", row->digest);
		json_add_text(&w, "diff_id", row->diff_id);
		json_add_integer(&w, "size", (int64_t)row->size_bytes);
		json_add_text(&w, "since", row->since);
		json_add_text(&w, "why", row->why);
		json_begin_array(&w, "packages");
		for (size_t k = 0; k < row->count; k++) {
			json_begin_object(&w, NULL);
			json_add_text(&w, "name", row->packages[k]);
			json_add_text(&w, "version", row->versions[k]);
			json_end_object(&w);
		}
		json_end_array(&w);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
	fputs(strbuf_text(&out), stdout);
}

static int no_layers(const struct layers *l, struct error *err)
{
	error_set(err, ERR_NOT_FOUND, "release %s says of no layers of '%s': an engine installed its packages", l->lock.release.name, l->container);
	return error_hint(err, "without --release, 'lockstep layers' shows how lockstep would lay them");
}

/* What the newest release says, when that is what is locked; else what a build of the lock would make. */
static int collect(struct layers *l, struct error *err)
{
	autorelease struct release newest = {0};
	const char *name;

	if (command_value(l->call, "release"))
		return take_release(l, &l->lock.release) || !lock_container(l->lock.lock, l->container)->group_count ? find_since(l, err) : no_layers(l, err);
	if (release_newest(l->call->arena, l->root, &name, err) < 0 || (name && release_read(&newest, l->root, name, err) < 0))
		return -1;
	bool is_released = name && text_starts_with(l->lock.from, "lockfiles/");
	int failed = 0;

	if (!is_released || !take_release(l, &newest))
		failed = plan(l, name ? &newest : NULL, err);
	if (!failed && name)
		failed = find_since(l, err);
	if (!failed)
		(l->call->format == FORMAT_JSON ? print_json : print_text)(l);
	return failed;
}

static int run(struct command_call *call, struct error *err)
{
	struct layers l = {.call = call, .container = call->arguments[0]};
	char *root;
	int failed = open_root(call, &root, err) < 0 || reading_lock(call, &l.lock, err) < 0 || !reading_container(&l.lock, l.container, err);

	l.root = root;
	if (!failed)
		failed = collect(&l, err) < 0;
	if (!failed && command_value(call, "release"))
		(call->format == FORMAT_JSON ? print_json : print_text)(&l);
	reading_lock_release(&l.lock);
	return failed ? -1 : EXIT_DONE;
}

static const struct option options[] = {
	READING_RELEASE_OPTION,
	{NULL, 0, NULL, false, NULL},
};

const struct command command_layers = {
	.name = "layers",
	.section = "the reviewer",
	.arguments = "CONTAINER",
	.summary = "show which layers a container's Python packages lie in, and why",
	.description =
		"Shows the layers of Python packages of a container whose layers lockstep makes ('lockstep build --layers lockstep'), from the lowest to the highest:\n"
		"how large each is as it is pushed and pulled, the release that wrote it first, its packages, and why they lie together. What is locked and not\n"
		"released yet is shown as it is planned; a layer that is not made yet has the size of its wheels.\n"
		"\n"
		"How many layers there are at most says 'layers: {limit: 60}' in recipes/project.yaml.\n"
		"\n"
		"examples\n"
		"  lockstep layers ci-cpu\n"
		"  lockstep layers ci-cpu --release v0.2 --format json",
	.argument_min = 1,
	.argument_max = 1,
	.formats = TAKES_JSON,
	.options = options,
	.run = run,
};
