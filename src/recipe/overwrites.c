/* Which package's file is the one in an image where two wheels own one path: 'overwrites' of recipes/python.yaml. */
#include "recipe/load.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "python/name.h"
#include "recipe/graph.h"

enum { CIRCLES_MAX = 20, CIRCLE_SHOWN = 40 };

struct reporter {
	struct reader *r;
	size_t count;
};

static const struct overwrite *find_overwrite(const struct package *p, const struct package *of)
{
	for (size_t i = 0; i < p->overwrite_count; i++) {
		if (p->overwrites[i].package == of)
			return &p->overwrites[i];
	}
	return NULL;
}

bool package_overwrites(const struct database *db, const char *winner, const char *loser)
{
	const struct package *p = database_package(db, winner), *of = database_package(db, loser);

	return p && of && find_overwrite(p, of);
}

static void report_circle(void *context, const size_t *path, size_t count)
{
	struct reporter *c = context;
	const struct package *packages = c->r->db->packages;
	const struct overwrite *last = find_overwrite(&packages[path[count - 1]], &packages[path[0]]);
	autostrbuf struct strbuf text = {0};

	if (c->count++ >= CIRCLES_MAX || !last)
		return;
	for (size_t i = 0; i < count && i < CIRCLE_SHOWN; i++)
		strbuf_printf(&text, "%s -> ", packages[path[i]].name);
	if (count > CIRCLE_SHOWN)
		strbuf_add(&text, "... -> ");
	diag_error(c->r->diag, last->pos, "packages overwrite each other in a circle: %s%s", strbuf_text(&text), packages[path[0]].name);
	diag_hint(c->r->diag, "of two packages that own one file, the one whose file is wanted overwrites the other");
}

static void check_circles(struct reader *r)
{
	autoarena struct arena scratch = {0};
	struct database *db = r->db;
	const size_t **edges = arena_array(&scratch, db->package_count, sizeof(*edges));
	size_t *counts = arena_array(&scratch, db->package_count, sizeof(*counts));
	struct reporter reporter = {r, 0};

	for (size_t i = 0; i < db->package_count; i++) {
		const struct package *p = &db->packages[i];
		size_t *to = arena_array(&scratch, p->overwrite_count, sizeof(*to));

		counts[i] = p->overwrite_count;
		for (size_t j = 0; j < counts[i]; j++)
			to[j] = (size_t)(p->overwrites[j].package - db->packages);
		edges[i] = to;
	}
	graph_find_circles(&(struct graph){db->package_count, edges, counts, report_circle, &reporter});
}

/* What only other packages bring is declared, too. */
static void hint_unknown(struct reader *r, const struct value *v)
{
	const struct diag_problem *last = r->diag->problem_count ? &r->diag->problems[r->diag->problem_count - 1] : NULL;

	if (!last || v->kind != VALUE_TEXT || !name_is_valid(v->text) || r->packages_unread || (last->hint && text_starts_with(last->hint, "did you mean")))
		return;
	if (last->pos.line == v->pos.line && last->pos.column == v->pos.column)
		diag_hint(r->diag, "a package that only others bring is declared in no group: '%s: {groups: []}'", v->text);
}

static void read_list(struct reader *r, const struct value *v, struct package *p)
{
	if (!schema_is_list(r, v, "'overwrites'"))
		return;
	for (size_t i = 0; i < v->item_count; i++) {
		struct package *of = refer_package(r, v->items[i]);

		if (!of) {
			hint_unknown(r, v->items[i]);
			continue;
		}
		if (of == p) {
			diag_error(r->diag, v->items[i]->pos, "'%s' would overwrite itself; it names packages that own some of its files, too", p->name);
			continue;
		}
		if (find_overwrite(p, of)) {
			diag_error(r->diag, v->items[i]->pos, "package '%s' is twice in 'overwrites'", of->name);
			continue;
		}
		*arena_push(r->arena, &p->overwrites, &p->overwrite_count) = (struct overwrite){of, v->items[i]->pos};
	}
}

void read_overwrites(struct reader *r, const struct value *const *lists)
{
	size_t count = 0;

	for (size_t i = 0; i < r->db->package_count; i++) {
		if (!lists[i])
			continue;
		read_list(r, lists[i], &r->db->packages[i]);
		count += r->db->packages[i].overwrite_count;
	}
	if (count)
		check_circles(r);
}

/* Whether all that it overwrites, and that overwrites something itself, is listed. */
static bool is_next(const struct package *p, struct package *const *listed, size_t count)
{
	for (size_t i = 0; i < p->overwrite_count; i++) {
		bool found = !p->overwrites[i].package->overwrite_count;

		for (size_t j = 0; j < count && !found; j++)
			found = listed[j] == p->overwrites[i].package;
		if (!found)
			return false;
	}
	return true;
}

static bool is_listed(const struct package *p, struct package *const *listed, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (listed[i] == p)
			return true;
	}
	return false;
}

void database_overwriting(struct arena *a, const struct database *db, struct package ***ret, size_t *ret_count)
{
	struct package **list = NULL;
	size_t count = 0, before;

	do {
		before = count;
		for (size_t i = 0; i < db->package_count; i++) {
			struct package *p = &db->packages[i];

			if (p->overwrite_count && !is_listed(p, list, count) && is_next(p, list, count))
				*arena_push(a, &list, &count) = p;
		}
	} while (count > before);
	*ret = list;
	*ret_count = count;
}
