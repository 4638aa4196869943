#include "resolve/clash_said.h"

#include <ctype.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "resolve/prereleases.h"

static bool is_word_part(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

bool clash_mentions(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (const char *p = text; (p = strstr(p, name)); p++) {
		if ((p == text || !is_word_part(p[-1])) && (!is_word_part(p[length]) || (p[length] == '.' && !is_word_part(p[length + 1]))))
			return true;
	}
	return false;
}

/* The same constraint, or with that out of the way, the same package. */
bool clash_same_want(const struct want *one, const struct want *other)
{
	return !strcmp(one->canonical, other->canonical) && (one->loose || (one->pos.line == other->pos.line && one->pos.column == other->pos.column));
}

/* The search stops at one asker of several that want the same: name them all. */
static void add_askers(struct strbuf *out, const struct question *all, const struct want *wanted)
{
	size_t count = 0, total = 0;

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < all->asker_count; i++) {
			for (size_t j = 0; j < all->askers[i].want_count; j++) {
				if (!clash_same_want(wanted, &all->askers[i].wants[j]))
					continue;
				if (pass == 0)
					total++;
				else if (count++ == 0)
					strbuf_printf(out, "%s%s '%s'", all->askers[i].is_layer ? "layer" : "container", total > 1 ? "s" : "",
						      all->askers[i].name);
				else
					strbuf_printf(out, ", '%s'", all->askers[i].name);
				break;
			}
		}
	}
}

bool clash_is_missing(const struct search_refusal *refusal, const char *name)
{
	for (size_t i = 0; i < refusal->missing_count; i++) {
		if (!strcmp(refusal->missing[i], name))
			return true;
	}
	return false;
}

/* Each way once in which an asker comes to want it: their groups may differ. */
static void add_ways(struct strbuf *out, const struct question *all, const struct want *wanted)
{
	autoarena struct arena scratch = {0};
	const char **ways = NULL;
	size_t count = 0;

	for (size_t i = 0; i < all->asker_count; i++) {
		for (size_t j = 0; j < all->askers[i].want_count; j++) {
			const struct want *w = &all->askers[i].wants[j];
			bool known = !clash_same_want(wanted, w);

			for (size_t k = 0; k < count && !known; k++)
				known = !strcmp(ways[k], w->through);
			if (known)
				continue;
			strbuf_printf(out, "%s%s", count ? ", " : "", w->through);
			*arena_push(&scratch, &ways, &count) = w->through;
		}
	}
}

static void add_who(struct strbuf *out, const struct question *all, const struct want *w)
{
	add_askers(out, all, w);
	strbuf_add(out, " (");
	add_ways(out, all, w);
	strbuf_printf(out, "%s%s%s)", w->swap ? ", in place of '" : "", w->swap ? w->swap->from->canonical : "", w->swap ? "'" : "");
}

static void report_alone(const struct clash *c, const struct want *w, const char *who, struct diag *d)
{
	if (clash_is_missing(&c->refusal, w->canonical))
		diag_error(d, w->pos, "package '%s' does not exist on any index that is asked; wanted by %s", w->canonical, who);
	else if (c->refusal.no_wheel)
		diag_error(d, w->pos, "no version of '%s%s' has a wheel that can be used; wanted by %s", w->canonical, w->loose ? "" : w->specifier, who);
	else if (!w->loose && *w->specifier)
		diag_error(d, w->pos, "no version of '%s' that can be used satisfies '%s'; wanted by %s", w->canonical, w->specifier, who);
	else
		diag_error(d, w->pos, "'%s' cannot be installed at all; wanted by %s", w->canonical, who);
}

static void report(const struct clash *c, const struct question *all, const struct want *w, struct diag *d)
{
	autostrbuf struct strbuf who = {0};

	add_who(&who, all, w);
	if (c->item_count == 1)
		report_alone(c, w, strbuf_text(&who), d);
	else if (w->loose || !*w->specifier)
		diag_error(d, w->pos, "'%s', in any version, clashes with the others named here; wanted by %s", w->canonical, strbuf_text(&who));
	else
		diag_error(d, w->pos, "'%s' %s '%s', which clashes with the others named here; wanted by %s", w->canonical, w->hold ? "is held to" : "must be",
			   w->specifier, strbuf_text(&who));
	if (w->hold && !w->loose)
		diag_hint(d, "held by %s until %s: %s", w->hold->owner, w->hold->review, w->hold->why);
	else if (w->why && !w->loose)
		diag_hint(d, "why it is so: %s", w->why);
}

static const struct misfit *first_misfit(const struct clash *c, const struct asking *asking)
{
	for (size_t i = 0; i < asking->misfit_count; i++) {
		if (clash_mentions(c->refusal.text, asking->misfits[i].name))
			return &asking->misfits[i];
	}
	return NULL;
}

static void add_misfits(const struct clash *c, const struct asking *asking, struct error *err)
{
	for (size_t i = 0; i < asking->misfit_count; i++) {
		const struct misfit *m = &asking->misfits[i];
		autostrbuf struct strbuf why = {0};

		if (!clash_mentions(c->refusal.text, m->name))
			continue;
		misfit_add_reason(&why, m);
		error_hint(err, "%s %s cannot be had: %s, where %s '%s' needs it", m->name, m->version, strbuf_text(&why),
			   m->asker->is_layer ? "layer" : "container", m->asker->name);
	}
}

static bool has_environment(const struct question *q, const struct lock_environment *environment)
{
	for (size_t i = 0; i < q->asker_count; i++) {
		for (size_t j = 0; j < q->askers[i].environment_count && !q->askers[i].left_out; j++) {
			if (q->askers[i].environments[j] == environment)
				return true;
		}
	}
	return false;
}

/* Which of several environments it is about. */
static void add_environments(const struct clash *c, const struct question *all, struct error *err)
{
	autoarena struct arena scratch = {0};
	autostrbuf struct strbuf text = {0};
	const struct lock_environment **told = NULL;
	size_t told_count = 0;
	bool others = false;

	for (size_t i = 0; i < all->asker_count; i++) {
		for (size_t j = 0; j < all->askers[i].environment_count; j++) {
			const struct lock_environment *e = all->askers[i].environments[j];
			bool is_told = false;

			for (size_t k = 0; k < told_count; k++)
				is_told = is_told || told[k] == e;
			if (!has_environment(&c->q, e))
				others = true;
			else if (!is_told) {
				*arena_push(&scratch, &told, &told_count) = e;
				strbuf_printf(&text, "%s%s", text.length ? " and " : "", e->name);
				if (all->askers[i].base)
					strbuf_printf(&text, " (base '%s'%s)", all->askers[i].base, j ? ", further environment" : "");
			}
		}
	}
	if (others || told_count > 1)
		error_hint(err, "it is so in %s", strbuf_text(&text));
}

/* What one index has not, another may have: but it is not looked for there. */
static void add_bonds(const struct clash *c, const struct question *all, struct error *err)
{
	for (size_t i = 0; i < all->bond_count; i++) {
		const struct bond *bond = &all->bonds[i];

		if (bond->index && clash_mentions(c->refusal.text, bond->canonical))
			error_hint(err, "'%s' may come from index '%s' alone, as recipes/python.yaml says", bond->canonical, bond->index);
	}
}

int clash_tell(const struct clash *c, const struct question *all, const struct asking *asking, struct diag *d, struct error *err)
{
	const struct misfit *misfit = first_misfit(c, asking);
	const char *first = c->items[0].want->canonical;

	for (size_t i = 0; i < c->item_count; i++)
		report(c, all, c->items[i].want, d);
	if (c->refusal.missing_count)
		error_set(err, ERR_NOT_FOUND, "package '%s' does not exist on any index that is asked", c->refusal.missing[0]);
	else if (misfit)
		error_set(err, ERR_NOT_FOUND, "no version of '%s' that fits can be used in %s", misfit->name, misfit->environment->name);
	else if (c->item_count == 1 && (c->refusal.no_version || c->refusal.no_wheel))
		error_set(err, ERR_NOT_FOUND, "no version of '%s' that is asked for can be used", first);
	else if (c->item_count == 1)
		error_set(err, ERR_CONFLICT, "'%s' cannot be locked", first);
	else
		error_set(err, ERR_CONFLICT, "%zu requirements cannot hold together", c->item_count);
	add_environments(c, all, err);
	if (asking->search->cut_off_unix) {
		autostrbuf struct strbuf date = {0};

		clock_add_rfc3339(&date, asking->search->cut_off_unix);
		error_hint(err, "only what was uploaded before %s was looked at", strbuf_text(&date));
	}
	add_misfits(c, asking, err);
	add_bonds(c, all, err);
	prereleases_tell(asking, c->refusal.text, err);
	return error_hint(err, "%s says: %s", asking->search->by->name, c->refusal.text);
}
