#include "resolve/uv_files.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "io/toml.h"
#include "lock/environment.h"
#include "python/version.h"
#include "resolve/source.h"

void uv_add_group(struct strbuf *out, size_t asker)
{
	strbuf_printf(out, "c%zu", asker + 1);
}

void uv_add_group_extra(struct strbuf *out, size_t asker)
{
	strbuf_printf(out, "group-%zu-%s-", strlen(UV_PROJECT), UV_PROJECT);
	uv_add_group(out, asker);
}

/* The distinct markers of all environments asked for: uv wants them disjoint. */
static void collect_markers(struct arena *a, const struct question *q, char ***ret, size_t *ret_count)
{
	char **markers = NULL;
	size_t count = 0;

	for (size_t i = 0; i < q->asker_count; i++) {
		for (size_t j = 0; j < q->askers[i].environment_count && !q->askers[i].left_out; j++) {
			autostrbuf struct strbuf marker = {0};
			bool known = false;

			environment_add_marker(&marker, q->askers[i].environments[j]);
			for (size_t k = 0; k < count; k++)
				known = known || !strcmp(markers[k], strbuf_text(&marker));
			if (!known)
				*arena_push(a, &markers, &count) = arena_strdup(a, strbuf_text(&marker));
		}
	}
	if (count)
		qsort(markers, count, sizeof(*markers), text_compare_items);
	*ret = markers;
	*ret_count = count;
}

static void add_strings(struct strbuf *out, const char *key, char **items, size_t count)
{
	strbuf_printf(out, "%s = [", key);
	for (size_t i = 0; i < count; i++) {
		strbuf_add(out, i ? ", " : "");
		toml_add_string(out, items[i]);
	}
	strbuf_add(out, "]\n");
}

static void add_environments_marker(struct strbuf *out, const struct lock_environment *const *environments, size_t count)
{
	strbuf_add_char(out, '(');
	for (size_t i = 0; i < count; i++) {
		strbuf_add(out, i ? " or (" : "(");
		environment_add_marker(out, environments[i]);
		strbuf_add_char(out, ')');
	}
	strbuf_add_char(out, ')');
}

/* A wish holds in the environments of its asker only, where there are others. */
static void add_want(struct strbuf *out, const struct asker *asker, const struct want *w, bool many_environments)
{
	autostrbuf struct strbuf text = {0};

	strbuf_printf(&text, "%s%s%s", w->canonical, w->extras, w->loose ? "" : w->specifier);
	if (many_environments || w->marker)
		strbuf_add(&text, " ; ");
	if (w->marker)
		strbuf_printf(&text, "(%s)%s", w->marker, many_environments ? " and " : "");
	if (many_environments)
		add_environments_marker(&text, asker->environments, asker->environment_count);
	strbuf_add(out, "\t");
	toml_add_string(out, strbuf_text(&text));
	strbuf_add(out, ",\n");
}

/* uv looks for a package in its one place only where it is asked for by name: so a group, which is nobody's, asks for it where nobody else does. */
static void add_bonds(struct strbuf *out, const struct question *q)
{
	strbuf_add(out, UV_BOUND_GROUP " = [\n");
	for (size_t i = 0; i < q->bond_count; i++) {
		const struct bond *bond = &q->bonds[i];
		autostrbuf struct strbuf text = {0};

		if (!bond->asked_in_count)
			continue;
		strbuf_printf(&text, "%s ; ", bond->canonical);
		add_environments_marker(&text, bond->asked_in, bond->asked_in_count);
		strbuf_add(out, "\t");
		toml_add_string(out, strbuf_text(&text));
		strbuf_add(out, ",\n");
	}
	strbuf_add(out, "]\n");
}

static void add_groups(struct strbuf *out, const struct question *q, bool many_environments)
{
	strbuf_add(out, "\n[dependency-groups]\n");
	for (size_t i = 0; i < q->asker_count; i++) {
		const struct asker *asker = &q->askers[i];

		uv_add_group(out, i);
		strbuf_add(out, " = [\n");
		for (size_t j = 0; j < asker->want_count && !asker->left_out; j++) {
			if (!asker->wants[j].left_out && (!asker->wants[j].is_limit || asker->wants[j].may_differ))
				add_want(out, asker, &asker->wants[j], many_environments);
		}
		strbuf_add(out, "]\n");
	}
	add_bonds(out, q);
}

static void add_conflicts(struct strbuf *out, const struct question *q)
{
	if (!q->conflict_count)
		return;
	strbuf_add(out, "conflicts = [\n");
	for (size_t i = 0; i < q->conflict_count; i++) {
		strbuf_add(out, "\t[{ group = \"");
		uv_add_group(out, q->conflicts[i][0]);
		strbuf_add(out, "\" }, { group = \"");
		uv_add_group(out, q->conflicts[i][1]);
		strbuf_add(out, "\" }],\n");
	}
	strbuf_add(out, "]\n");
}

static void add_source(struct strbuf *out, const struct question *q, const struct bond *bond)
{
	/* Of what is bound to an index uv looks into no folder of stubs. */
	const struct source *source = q->listing ? NULL : sources_latest(q->sources, bond->canonical);
	const char *file = source ? source->stub : bond->file;
	const struct reference *reference = bond->reference;

	toml_add_key(out, bond->canonical);
	strbuf_printf(out, " = { %s = ", file ? "path" : bond->index ? "index" : "url");
	toml_add_string(out, file ? file : bond->index ? bond->index : reference->url);
	strbuf_add(out, " }\n");
}

/* What is not asked for by name needs none, and uv would say so. */
static void add_sources(struct strbuf *out, const struct question *q)
{
	strbuf_add(out, "\n[tool.uv.sources]\n");
	for (size_t i = 0; i < q->bond_count; i++) {
		const struct bond *bond = &q->bonds[i];
		bool is_asked = bond->asked_in_count > 0;

		for (size_t j = 0; j < q->asker_count && !is_asked; j++)
			is_asked = !q->askers[j].left_out && asker_wants(&q->askers[j], bond->canonical);
		if (is_asked && (bond->index || bond->file || bond->reference->kind == REFERENCE_URL))
			add_source(out, q, bond);
	}
}

/* uv asks its default index last, whatever the order: so the last one with an address becomes the default, unless uv's own built-in one is among them. */
static void add_indexes(struct strbuf *out, const struct uv_indexes *indexes)
{
	size_t last = indexes->count;

	for (size_t i = 0; i < indexes->count; i++) {
		if (!indexes->items[i].explicit_only)
			last = i;
	}
	for (size_t i = 0; i < indexes->count; i++) {
		if (!indexes->items[i].url)
			last = indexes->count;
	}
	for (size_t i = 0; i < indexes->count; i++) {
		if (!indexes->items[i].url)
			continue;
		strbuf_add(out, "\n[[tool.uv.index]]\nname = ");
		toml_add_string(out, indexes->items[i].alias);
		strbuf_add(out, "\nurl = ");
		toml_add_string(out, indexes->items[i].url);
		strbuf_add(out, indexes->items[i].explicit_only ? "\nexplicit = true\n" : i == last ? "\ndefault = true\n" : "\n");
	}
}

bool uv_find_links_is_secret(const char *place)
{
	const char *scheme = strstr(place, "://"), *host = scheme ? scheme + 3 : "";

	return memchr(host, '@', strcspn(host, "/?#")) != NULL;
}

/* pip passes over a folder of find-links that is not there; uv gives up. */
static void add_find_links(struct strbuf *out, const struct question *q, const struct settings *settings)
{
	autoarena struct arena scratch = {0};
	char **items = NULL;
	size_t count = 0;

	if (q->sources && q->sources->folder)
		*arena_push(&scratch, &items, &count) = arena_strdup(&scratch, q->sources->folder);

	for (size_t i = 0; i < settings->find_links_count; i++) {
		if (uv_find_links_is_secret(settings->find_links[i]))
			continue;
		if (strstr(settings->find_links[i], "://") || file_is_dir(settings->find_links[i]))
			*arena_push(&scratch, &items, &count) = arena_strdup(&scratch, settings->find_links[i]);
	}
	if (count)
		add_strings(out, "find-links", items, count);
}

static bool is_same_scope(const struct left_out_edge *one, const struct left_out_edge *other)
{
	return !strcmp(one->package, other->package) && text_equal(one->version, other->version);
}

/* What uv is to leave out of one version, or of all: an entry for one version stands instead of that for all, so it repeats it. */
static void add_scope(struct strbuf *out, const struct question *q, const struct left_out_edge *scope)
{
	bool is_first = true;

	strbuf_add(out, "\t{ package = { name = ");
	toml_add_string(out, scope->package);
	if (scope->version) {
		strbuf_add(out, ", version = ");
		toml_add_string(out, scope->version);
	}
	strbuf_add(out, " }, dependencies = [");
	for (size_t i = 0; i < q->left_out_edge_count; i++) {
		const struct left_out_edge *edge = &q->left_out_edges[i];

		if (!is_same_scope(edge, scope) && (strcmp(edge->package, scope->package) != 0 || edge->version))
			continue;
		strbuf_add(out, is_first ? "" : ", ");
		toml_add_string(out, edge->waiver->required);
		is_first = false;
	}
	strbuf_add(out, "] },\n");
}

static void add_left_out_edges(struct strbuf *out, const struct question *q)
{
	if (!q->left_out_edge_count)
		return;
	strbuf_add(out, "exclude-dependencies = [\n");
	for (size_t i = 0; i < q->left_out_edge_count; i++) {
		bool is_known = false;

		for (size_t j = 0; j < i && !is_known; j++)
			is_known = is_same_scope(&q->left_out_edges[j], &q->left_out_edges[i]);
		if (!is_known)
			add_scope(out, q, &q->left_out_edges[i]);
	}
	strbuf_add(out, "]\n");
}

static void push_text(struct arena *a, char ***items, size_t *count, const char *text)
{
	for (size_t i = 0; i < *count; i++) {
		if (!strcmp((*items)[i], text))
			return;
	}
	*arena_push(a, items, count) = arena_strdup(a, text);
}

/* A constraint of the database is about the package, not about the container that asks for it: where uv looks for several answers side by side, it holds in all
   of them, also where the package comes by way of another. Where containers may differ in a package, each keeps to its own wishes. */
static void add_constraints(struct arena *a, struct strbuf *out, const struct question *q, bool many_answers)
{
	char **items = NULL;
	size_t count = 0;

	for (size_t i = 0; i < q->exclusion_count; i++)
		push_text(a, &items, &count, q->exclusions[i]);
	for (size_t i = 0; i < q->asker_count; i++) {
		for (size_t j = 0; j < q->askers[i].want_count && !q->askers[i].left_out; j++) {
			const struct want *w = &q->askers[i].wants[j];

			if (!w->left_out && !w->loose && *w->specifier && !w->may_differ && (w->is_limit || many_answers))
				push_text(a, &items, &count,
					  arena_printf(a, "%s%s%s%s", w->canonical, w->specifier, w->marker ? " ; " : "", w->marker ? w->marker : ""));
		}
	}
	if (count)
		add_strings(out, "constraint-dependencies", items, count);
}

/* Where the database names a pre-release of a package it asks for its pre-releases (PEP 440); uv would take one only where nothing else is left. */
static void add_prereleases(struct strbuf *out, const struct question *q, const char *table)
{
	autoarena struct arena scratch = {0};
	char **names = NULL;
	size_t count = 0, at;

	for (size_t i = 0; i < q->asker_count; i++) {
		for (size_t j = 0; j < q->askers[i].want_count && !q->askers[i].left_out; j++) {
			const struct want *w = &q->askers[i].wants[j];
			const struct specifier_set *set = w->left_out || w->loose ? NULL : specifier_set_parse(&scratch, w->specifier, &at);

			if (set && specifier_set_names_prerelease(set))
				push_text(&scratch, &names, &count, w->canonical);
		}
	}
	if (!count && !q->releases_only_count)
		return;
	if (count)
		qsort(names, count, sizeof(*names), text_compare_items);
	strbuf_printf(out, "\n[%s]\n", table);
	for (size_t i = 0; i < count; i++) {
		toml_add_key(out, names[i]);
		strbuf_add(out, " = \"allow\"\n");
	}
	for (size_t i = 0; i < q->releases_only_count; i++) {
		toml_add_key(out, q->releases_only[i]);
		strbuf_add(out, " = \"disallow\"\n");
	}
}

/* What could change the answer is said here in full, so that no configuration file of this machine decides it. requires-python is wide on purpose: uv wants
   the interpreter it runs with to be inside it, and narrows it by the environments for the search itself. */
void uv_add_pyproject(struct strbuf *out, const struct question *q, const struct uv_indexes *indexes, const struct settings *settings)
{
	autoarena struct arena scratch = {0};
	char **markers;
	size_t marker_count;

	collect_markers(&scratch, q, &markers, &marker_count);
	strbuf_add(out, "[project]\nname = \"" UV_PROJECT "\"\nversion = \"0\"\nrequires-python = \">=3\"\n");
	add_groups(out, q, marker_count > 1);
	strbuf_add(out, "\n[tool.uv.workspace]\n\n[tool.uv]\npackage = false\nresolution = \"highest\"\nindex-strategy = \"first-index\"\n"
			"prerelease = \"if-necessary-or-explicit\"\nfork-strategy = \"fewest\"\ndefault-groups = []\n");
	if (!q->listing)
		strbuf_add(out, "no-build = true\n");
	add_strings(out, "environments", markers, marker_count);
	add_strings(out, "required-environments", markers, marker_count);
	add_constraints(&scratch, out, q, marker_count > 1 || q->conflict_count);
	add_left_out_edges(out, q);
	add_conflicts(out, q);
	add_find_links(out, q, settings);
	add_prereleases(out, q, "tool.uv.prerelease-package");
	add_sources(out, q);
	add_indexes(out, indexes);
	/* What requires nothing by our word is not built to see what it requires; and nothing else is looked at. */
	if (q->listing) {
		strbuf_add(out, "\n[[tool.uv.dependency-metadata]]\nname = ");
		toml_add_string(out, q->listing);
		strbuf_add(out, "\nrequires-dist = []\n");
	}
}

/* Where a lock has a package at two versions, uv is told for which environments each was. */
static void add_pin_markers(struct strbuf *out, const struct lock *last, const struct pin *pins, size_t count)
{
	autoarena struct arena scratch = {0};
	char **markers = NULL;
	size_t marker_count = 0;

	for (size_t i = 0; i < last->environment_count; i++) {
		const struct lock_environment *e = &last->environments[i];
		autostrbuf struct strbuf marker = {0};
		bool is_in = false;

		for (size_t j = 0; j < count; j++) {
			for (size_t k = 0; k < pins[j].container_count && !is_in; k++) {
				const struct lock_container *c = lock_container(last, pins[j].containers[k]);

				is_in = c && pin_is_in(&pins[j], c, e->name);
			}
		}
		if (!is_in)
			continue;
		environment_add_marker(&marker, e);
		push_text(&scratch, &markers, &marker_count, strbuf_text(&marker));
	}
	if (marker_count)
		add_strings(out, "resolution-markers", markers, marker_count);
}

/* How many pins from `first` on are of one release: of a release in several entries uv is told once. */
static size_t same_release(const struct lock *lock, size_t first)
{
	const struct pin *one = &lock->pins[first];
	size_t end = first + 1;

	while (end < lock->pin_count && !strcmp(one->name, lock->pins[end].name) && !strcmp(one->version, lock->pins[end].version) &&
	       text_equal(one->index, lock->pins[end].index) && pin_is_toolchain(one) == pin_is_toolchain(&lock->pins[end]))
		end++;
	return end - first;
}

/* The least that uv takes as a lock file: names, versions and a source that may be anything. Options have to be those of the run, or it looks away. */
bool uv_add_preferences(struct strbuf *out, const struct question *q, const struct lock *last, int64_t cut_off_unix)
{
	size_t added = 0;

	strbuf_add(out, "version = 1\nrequires-python = \">=3\"\n\n[options]\nfork-strategy = \"fewest\"\n");
	if (cut_off_unix) {
		strbuf_add(out, "exclude-newer = \"");
		clock_add_rfc3339(out, cut_off_unix);
		strbuf_add(out, "\"\n");
	}
	add_prereleases(out, q, "options.prerelease-package");
	for (size_t i = 0, count; last && i < last->pin_count; i += count) {
		const struct pin *pin = &last->pins[i];

		count = same_release(last, i);
		bool has_twin =
			(i && !strcmp(last->pins[i - 1].name, pin->name)) || (i + count < last->pin_count && !strcmp(last->pins[i + count].name, pin->name));

		if (!question_concerns(q, pin) || pin->reference)
			continue;
		strbuf_add(out, "\n[[package]]\nname = ");
		toml_add_string(out, pin->name);
		strbuf_add(out, "\nversion = ");
		toml_add_string(out, pin->version);
		strbuf_add(out, "\nsource = { registry = ");
		toml_add_string(out, pin->index);
		strbuf_add(out, " }\n");
		if (has_twin && !pin->layer_count)
			add_pin_markers(out, last, pin, count);
		added++;
	}
	return added > 0;
}
