#include "resolve/pip_answer.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "io/digest.h"
#include "python/requirement.h"
#include "resolve/uv_files.h"

/* A package as one run gives it. */
struct found {
	const char *name, *version, *index;
	const struct value *requires, *extras, *files;
};

struct found_list {
	struct found *items;
	size_t count;
};

struct joining {
	struct arena *arena;
	struct search *search;
	const struct question *q;
	const struct pip_run *runs;
	struct found_list *found; /* per run */
	size_t run_count;
	struct uv_lock *ret;
	struct error *err;
};

static int broken(struct joining *j, const char *what)
{
	return error_set(j->err, ERR_FAILED, "cannot read the answer of pip %s: %s", j->search->version, what);
}

static int read_run(struct joining *j, const struct value *run, struct found_list *ret)
{
	const struct value *packages = value_get(run, "packages");

	for (size_t i = 0; packages && packages->kind == VALUE_ARRAY && i < packages->item_count; i++) {
		const struct value *from = packages->items[i];
		struct found *f = arena_push(j->arena, &ret->items, &ret->count);

		*f = (struct found){value_get_text(from, "name"), value_get_text(from, "version"), value_get_text(from, "index"),
				    value_get(from, "requires"),  value_get(from, "extras"),       value_get(from, "files")};
		if (!f->name || !f->version)
			return broken(j, "a package without a name or version");
	}
	return 0;
}

static const struct found *find(const struct found_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++) {
		if (!strcmp(list->items[i].name, name))
			return &list->items[i];
	}
	return NULL;
}

static int compare_packages(const void *left, const void *right)
{
	const struct uv_package *a = left, *b = right;
	int order = strcmp(a->name, b->name);

	return order ? order : strcmp(a->version, b->version);
}

/* Every package once for each of its versions, by name; the question itself first. */
static void collect_packages(struct joining *j)
{
	struct uv_package *all = NULL;
	size_t count = 0, kept = 0;

	*arena_push(j->arena, &all, &count) = (struct uv_package){.name = UV_PROJECT, .version = "0"};
	for (size_t i = 0; i < j->run_count; i++) {
		for (size_t k = 0; k < j->found[i].count; k++) {
			const struct found *f = &j->found[i].items[k];
			const struct uv_index *index = f->index ? uv_indexes_find(&j->search->indexes, f->index) : NULL;
			const char *registry = index && index->url ? index->url : "";

			*arena_push(j->arena, &all, &count) = (struct uv_package){.name = f->name, .version = f->version, .registry = registry};
		}
	}
	qsort(all, count, sizeof(*all), compare_packages);
	for (size_t i = 0; i < count; i++) {
		if (!kept || compare_packages(&all[i], &all[kept - 1]) != 0)
			all[kept++] = all[i];
	}
	j->ret->packages = all;
	j->ret->package_count = kept;
	for (size_t i = 0; i < kept; i++) {
		if (!strcmp(all[i].name, UV_PROJECT))
			j->ret->question = &all[i];
	}
}

static struct uv_package *package_of(struct joining *j, const struct found *f)
{
	const struct uv_package key = {.name = f->name, .version = f->version};

	return bsearch(&key, j->ret->packages, j->ret->package_count, sizeof(key), compare_packages);
}

/* Holds in a run and nowhere else: its environment, and its askers where others of that environment have a run of their own. */
static const char *run_marker(struct joining *j, const struct pip_run *run)
{
	autostrbuf struct strbuf out = {0};
	bool alone = true;

	if (j->run_count == 1)
		return NULL;
	for (size_t i = 0; i < j->run_count; i++)
		alone = alone && (&j->runs[i] == run || !environment_same_markers(j->runs[i].environment, run->environment));
	environment_add_marker(&out, run->environment);
	for (size_t i = 0; !alone && i < run->asker_count; i++) {
		strbuf_add(&out, i ? " or extra == '" : " and (extra == '");
		uv_add_group_extra(&out, run->askers[i]);
		strbuf_add_char(&out, '\'');
	}
	if (!alone)
		strbuf_add_char(&out, ')');
	return arena_strdup(j->arena, strbuf_text(&out));
}

static bool same_edge(const struct uv_edge *a, const struct uv_edge *b)
{
	bool same = !strcmp(a->name, b->name) && text_equal(a->version, b->version) && text_equal(a->under, b->under) && a->extra_count == b->extra_count;

	for (size_t i = 0; same && i < a->extra_count; i++)
		same = !strcmp(a->extras[i], b->extras[i]);
	return same;
}

/* An edge that other runs have too holds in any of them. */
static void add_edge(struct joining *j, struct uv_package *package, struct uv_edge edge, const char *marker)
{
	size_t at;

	edge.marker_text = marker;
	for (size_t i = 0; i < package->edge_count; i++) {
		struct uv_edge *known = &package->edges[i];

		if (!same_edge(known, &edge))
			continue;
		if (known->marker_text && marker && !strstr(known->marker_text, marker))
			known->marker_text = arena_printf(j->arena, "%s or %s", known->marker_text, marker);
		if (known->marker_text)
			known->marker = marker_parse(j->arena, known->marker_text, &at);
		return;
	}
	edge.marker = marker ? marker_parse(j->arena, marker, &at) : NULL;
	*arena_push(j->arena, &package->edges, &package->edge_count) = edge;
}

static void add_requirement(struct joining *j, size_t run, const struct found *from, const struct requirement *r, const char *marker)
{
	const struct found *to = find(&j->found[run], r->canonical);
	const struct environment_values *values = &j->runs[run].values;
	struct uv_package *package = package_of(j, from);

	/* A requirement that nothing answers holds in no way in which this package was asked for. */
	if (!to)
		return;
	struct uv_edge edge = {.name = to->name, .version = to->version, .extras = r->extras, .extra_count = r->extra_count};

	if (environment_holds(values, r->marker, "")) {
		add_edge(j, package, edge, marker);
		return;
	}
	for (size_t i = 0; from->extras && from->extras->kind == VALUE_ARRAY && i < from->extras->item_count; i++) {
		edge.under = from->extras->items[i]->text;
		if (edge.under && environment_holds(values, r->marker, edge.under))
			add_edge(j, package, edge, marker);
	}
}

static int add_requirements(struct joining *j, size_t run, const struct found *from, const char *marker)
{
	for (size_t i = 0; from->requires && from->requires->kind == VALUE_ARRAY && i < from->requires->item_count; i++) {
		const char *text = from->requires->items[i]->text, *why;
		struct requirement *r;
		size_t at;

		if (from->requires->items[i]->kind != VALUE_TEXT || !(r = requirement_parse(j->arena, text, &at, &why)))
			return error_set(j->err, ERR_INPUT, "%s %s has a requirement that cannot be read: '%s'", from->name, from->version, text ? text : "");
		add_requirement(j, run, from, r, marker);
	}
	return 0;
}

static bool has_wheel(const struct uv_package *package, const char *name)
{
	for (size_t i = 0; i < package->wheel_count; i++) {
		if (!strcmp(package->wheels[i].name, name))
			return true;
	}
	return false;
}

static int read_local(struct joining *j, struct uv_wheel *wheel)
{
	const char *path = wheel->url + strlen("file://");
	autostrbuf struct strbuf decoded = {0};

	text_percent_decode(&decoded, path, strlen(path));
	return uv_wheel_read_local(j->arena, arena_strdup(j->arena, strbuf_text(&decoded)), wheel, j->err);
}

static int add_wheels(struct joining *j, const struct found *from)
{
	struct uv_package *package = package_of(j, from);

	for (size_t i = 0; from->files && from->files->kind == VALUE_ARRAY && i < from->files->item_count; i++) {
		const struct value *file = from->files->items[i];
		const char *hash = value_get_text(file, "sha256");
		struct uv_wheel wheel = {.name = value_get_text(file, "name"), .url = value_get_text(file, "url")};

		if (!wheel.name || !wheel.url || !path_is_plain_name(wheel.name))
			return broken(j, "a wheel whose name is no file name");
		if (has_wheel(package, wheel.name))
			continue;
		wheel.sha256 = hash && digest_is_hex(hash) ? hash : NULL;
		if (text_starts_with(wheel.url, "file://") && read_local(j, &wheel) < 0)
			return -1;
		*arena_push(j->arena, &package->wheels, &package->wheel_count) = wheel;
	}
	return 0;
}

/* The extras of "[a,b]". */
static void split_extras(struct arena *a, const char *text, struct uv_edge *ret)
{
	for (const char *p = *text ? text + 1 : text; *p && *p != ']';) {
		size_t length = strcspn(p, ",]");

		*arena_push(a, &ret->extras, &ret->extra_count) = arena_strndup(a, p, length);
		p += length + (p[length] == ',');
	}
}

/* What the askers of a run want, as edges of the question. */
static void add_wants(struct joining *j, size_t run, const char *marker)
{
	struct uv_package *question = bsearch(&(struct uv_package){.name = UV_PROJECT, .version = "0"}, j->ret->packages, j->ret->package_count,
					      sizeof(*j->ret->packages), compare_packages);

	for (size_t i = 0; i < j->runs[run].asker_count; i++) {
		const struct asker *asker = &j->q->askers[j->runs[run].askers[i]];
		autostrbuf struct strbuf group = {0};

		uv_add_group(&group, j->runs[run].askers[i]);
		const char *under = arena_strdup(j->arena, strbuf_text(&group));

		for (size_t k = 0; k < asker->want_count; k++) {
			const struct want *w = &asker->wants[k];
			const struct found *to = w->left_out || w->is_limit ? NULL : find(&j->found[run], w->canonical);
			size_t at;
			const struct marker *own = w->marker ? marker_parse(j->arena, w->marker, &at) : NULL;

			if (!to || !environment_holds(&j->runs[run].values, own, ""))
				continue;
			struct uv_edge edge = {.name = to->name, .version = to->version, .under = under};

			split_extras(j->arena, w->extras, &edge);
			add_edge(j, question, edge, marker);
		}
	}
}

static int join_run(struct joining *j, size_t run)
{
	const char *marker = run_marker(j, &j->runs[run]);

	for (size_t i = 0; i < j->found[run].count; i++) {
		const struct found *f = &j->found[run].items[i];

		if (add_wheels(j, f) < 0 || add_requirements(j, run, f, marker) < 0)
			return -1;
	}
	add_wants(j, run, marker);
	return 0;
}

int pip_answer_read(struct search *search, const struct question *q, const struct pip_run *runs, size_t run_count, const struct value *answer,
		    struct uv_lock *ret, struct error *err)
{
	struct joining j = {.arena = search->arena, .search = search, .q = q, .runs = runs, .run_count = run_count, .ret = ret, .err = err};
	const struct value *list = value_get(answer, "runs");

	*ret = (struct uv_lock){0};
	if (!list || list->kind != VALUE_ARRAY || list->item_count != run_count)
		return broken(&j, "it does not answer what was asked");
	j.found = arena_array(j.arena, run_count, sizeof(*j.found));
	for (size_t i = 0; i < run_count; i++) {
		if (read_run(&j, list->items[i], &j.found[i]) < 0)
			return -1;
	}
	collect_packages(&j);
	for (size_t i = 0; i < run_count; i++) {
		if (join_run(&j, i) < 0)
			return -1;
	}
	return 0;
}
