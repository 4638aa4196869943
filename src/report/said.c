/* What recipes/ say of one package, wherever it stands there. */
#include "report/why.h"

#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"

struct sayer {
	struct arena *a;
	struct said **list;
	size_t *count;
};

static void say(struct sayer *s, const char *kind, const char *text, const char *why, struct pos pos)
{
	*arena_push(s->a, s->list, s->count) = (struct said){kind, text, why, pos};
}

static void add_condition(struct strbuf *out, const struct condition *c)
{
	switch (c->kind) {
	case CONDITION_MARKER:
		strbuf_add(out, c->marker);
		break;
	case CONDITION_CONTAINER:
		strbuf_printf(out, "in %s", c->container->name);
		break;
	case CONDITION_LAYER:
		strbuf_printf(out, "layer %s %s", c->layer->name, c->option ? "has" : "is there");
		if (c->option)
			strbuf_printf(out, " %s %s", c->option, c->specifier ? c->specifier : c->value);
		break;
	}
}

static void say_constraint(struct sayer *s, const char *name, const char *kind, const struct constraint *c)
{
	autostrbuf struct strbuf text = {0};

	strbuf_printf(&text, "%s%s", name, c->specifier);
	for (size_t i = 0; i < c->when_count; i++) {
		strbuf_add(&text, i ? " and " : " when ");
		add_condition(&text, &c->when[i]);
	}
	say(s, kind, arena_strdup(s->a, strbuf_text(&text)), c->why, c->pos);
}

static const char *reference_text(struct arena *a, const struct reference *r)
{
	if (r->kind == REFERENCE_GIT)
		return arena_printf(a, "git %s at %s", r->url, r->commit);
	return r->kind == REFERENCE_URL ? r->url : r->path;
}

static void say_package(struct sayer *s, const struct package *p)
{
	struct arena *a = s->a;

	if (p->constraint.specifier && *p->constraint.specifier)
		say_constraint(s, "", "constraint", &p->constraint);
	for (size_t i = 0; i < p->constraint_count; i++)
		say_constraint(s, "", "constraint", &p->constraints[i]);
	if (p->hold)
		say(s, "hold", arena_printf(a, "%s, of %s until %s", p->hold->specifier, p->hold->owner, p->hold->review), p->hold->why, p->hold->pos);
	if (p->index)
		say(s, "index", arena_printf(a, "only from '%s'", p->index), NULL, p->pos);
	for (size_t i = 0; i < p->overwrite_count; i++)
		say(s, "overwrites", arena_printf(a, "files of %s that it has, too", p->overwrites[i].package->canonical), NULL, p->overwrites[i].pos);
	if (p->reference)
		say(s, "from", reference_text(a, p->reference), NULL, p->reference->pos);
}

static void say_waivers(struct sayer *s, const struct database *db, const char *package)
{
	for (size_t i = 0; i < db->waiver_count; i++) {
		const struct waiver *w = &db->waivers[i];

		if (!strcmp(w->package, package) || !strcmp(w->required, package))
			say(s, "waiver",
			    arena_printf(s->a, "%s%s does not need %s, until %s", w->package, w->specifier ? w->specifier : "", w->required, w->review), w->why,
			    w->pos);
	}
}

static void say_differences(struct sayer *s, const struct database *db, const char *package)
{
	for (size_t i = 0; i < db->difference_count; i++) {
		const struct difference *d = &db->differences[i];
		autostrbuf struct strbuf text = {0};

		if (strcmp(d->canonical, package) != 0)
			continue;
		strbuf_add(&text, "may differ in ");
		for (size_t j = 0; j < d->container_count; j++)
			strbuf_printf(&text, "%s%s", j ? ", " : "", d->containers[j]->name);
		strbuf_add(&text, d->container_count ? "" : "all containers");
		say(s, "difference", arena_strdup(s->a, strbuf_text(&text)), d->why, d->pos);
	}
}

static void say_swaps(struct sayer *s, const struct database *db, const char *package)
{
	for (size_t i = 0; i < db->container_count; i++) {
		const struct container *c = &db->containers[i];

		for (size_t j = 0; j < c->swap_count; j++) {
			const struct swap *swap = &c->swaps[j];

			if (!strcmp(swap->from->canonical, package) || !strcmp(swap->to->canonical, package))
				say(s, "swap", arena_printf(s->a, "%s instead of %s in %s", swap->to->canonical, swap->from->canonical, c->name), swap->why,
				    swap->pos);
		}
	}
}

void said_of(struct arena *a, const struct database *db, const char *package, struct said **ret, size_t *ret_count)
{
	struct sayer s = {a, ret, ret_count};
	const struct package *p = database_package(db, package);

	*ret = NULL;
	*ret_count = 0;
	if (p)
		say_package(&s, p);
	say_waivers(&s, db, package);
	say_differences(&s, db, package);
	say_swaps(&s, db, package);
	for (size_t i = 0; i < db->build_constraint_count; i++) {
		const struct build_constraint *b = &db->build_constraints[i];

		if (!strcmp(b->canonical, package))
			say_constraint(&s, "in builds ", "build constraint", &b->constraint);
	}
}
