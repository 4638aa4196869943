#include "resolve/clash.h"

#include <ctype.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "lock/environment.h"

struct search {
	struct asking *asking;
	struct arena *arena;
	struct question q; /* thinned out as far as it is known to be refused still */
	struct uv_refusal refusal;
	bool out_of_time;
	struct error *err;
};

/* 1: refused still (and the refusal is remembered); 0: there is an answer now; -1: error. Out of time counts as an answer: what was taken out goes back. */
static int still_refused(struct search *s)
{
	static const struct uv_wish no_wish = {0};
	struct uv_refusal refusal = {0};
	struct projection ignored;

	if (clock_monotonic_ms() >= s->asking->deadline_ms) {
		s->out_of_time = true;
		return 0;
	}
	int answered = asking_ask(s->asking, &s->q, &no_wish, &ignored, &refusal, s->err);

	if (answered < 0 && s->err->code != ERR_CANCELLED && clock_monotonic_ms() >= s->asking->deadline_ms) {
		error_release(s->err);
		s->out_of_time = true;
		return 0;
	}
	if (answered < 0)
		return -1;
	if (answered)
		return 0;
	s->refusal = refusal;
	return 1;
}

/* Sets the flag and asks; takes it back when there is an answer then. */
static int try_without(struct search *s, bool *flag)
{
	*flag = true;
	int refused = still_refused(s);

	if (refused <= 0)
		*flag = false;
	return refused < 0 ? -1 : 0;
}

static bool is_word_part(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

static bool mentions(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (const char *p = text; (p = strstr(p, name)); p++) {
		if ((p == text || !is_word_part(p[-1])) && (!is_word_part(p[length]) || (p[length] == '.' && !is_word_part(p[length + 1]))))
			return true;
	}
	return false;
}

/* uv's message names most of what clashes: if that alone is refused, everything else is out at once. */
static int keep_mentioned(struct search *s)
{
	bool changed = false;
	const char *text = s->refusal.text;

	for (size_t i = 0; i < s->q.asker_count; i++) {
		for (size_t j = 0; j < s->q.askers[i].want_count; j++) {
			struct want *w = &s->q.askers[i].wants[j];

			w->left_out = !mentions(text, w->canonical);
			changed = changed || w->left_out;
		}
	}
	if (!changed)
		return 0;
	int refused = still_refused(s);

	for (size_t i = 0; i < s->q.asker_count && refused == 0; i++) {
		for (size_t j = 0; j < s->q.askers[i].want_count; j++)
			s->q.askers[i].wants[j].left_out = false;
	}
	return refused < 0 ? -1 : 0;
}

static int drop_askers(struct search *s)
{
	for (size_t i = 0; i < s->q.asker_count && s->q.asker_count > 1; i++) {
		if (try_without(s, &s->q.askers[i].left_out) < 0)
			return -1;
	}
	return 0;
}

static int drop_wants(struct search *s)
{
	for (size_t i = 0; i < s->q.asker_count; i++) {
		for (size_t j = 0; j < s->q.askers[i].want_count && !s->q.askers[i].left_out; j++) {
			if (!s->q.askers[i].wants[j].left_out && try_without(s, &s->q.askers[i].wants[j].left_out) < 0)
				return -1;
		}
	}
	return 0;
}

/* With its constraint gone a wish may still be part of the clash; the constraint is then not to blame. */
static int loosen_wants(struct search *s)
{
	for (size_t i = 0; i < s->q.asker_count; i++) {
		for (size_t j = 0; j < s->q.askers[i].want_count && !s->q.askers[i].left_out; j++) {
			struct want *w = &s->q.askers[i].wants[j];

			if (!w->left_out && *w->specifier && try_without(s, &w->loose) < 0)
				return -1;
		}
	}
	return 0;
}

/* What is left, in the database's order. */
struct culprit {
	const struct want *want;
	const struct asker *asker;
};

static size_t collect_culprits(struct search *s, struct culprit **ret)
{
	size_t count = 0;

	*ret = NULL;
	for (size_t i = 0; i < s->q.asker_count; i++) {
		for (size_t j = 0; j < s->q.askers[i].want_count && !s->q.askers[i].left_out; j++) {
			if (!s->q.askers[i].wants[j].left_out)
				*arena_push(s->arena, ret, &count) = (struct culprit){&s->q.askers[i].wants[j], &s->q.askers[i]};
		}
	}
	return count;
}

/* The same constraint, or with that out of the way, the same package. */
static bool wants_same(const struct want *one, const struct want *other)
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
				if (!wants_same(wanted, &all->askers[i].wants[j]))
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

static bool is_missing(const struct uv_refusal *refusal, const char *name)
{
	for (size_t i = 0; i < refusal->missing_count; i++) {
		if (!strcmp(refusal->missing[i], name))
			return true;
	}
	return false;
}

static void report_culprit(struct search *s, const struct question *all, const struct culprit *c, bool alone, struct diag *d)
{
	const struct want *w = c->want;
	autostrbuf struct strbuf who = {0};

	add_askers(&who, all, w);
	strbuf_printf(&who, " (%s%s%s%s)", w->through, w->swap ? ", in place of '" : "", w->swap ? w->swap->from->canonical : "", w->swap ? "'" : "");
	if (is_missing(&s->refusal, w->canonical))
		diag_error(d, w->pos, "package '%s' does not exist on any index that is asked; wanted by %s", w->canonical, strbuf_text(&who));
	else if (alone && s->refusal.no_wheel)
		diag_error(d, w->pos, "no version of '%s%s' has a wheel that can be used; wanted by %s", w->canonical, w->loose ? "" : w->specifier,
			   strbuf_text(&who));
	else if (alone && !w->loose && *w->specifier && s->refusal.no_version)
		diag_error(d, w->pos, "no version of '%s' that can be used satisfies '%s'; wanted by %s", w->canonical, w->specifier, strbuf_text(&who));
	else if (alone)
		diag_error(d, w->pos, "'%s%s' cannot be installed at all; wanted by %s", w->canonical, w->loose ? "" : w->specifier, strbuf_text(&who));
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

/* An index whose address is wrong answers 404 for everything, and uv takes each for a package that does not exist. */
static int index_knows_nothing(struct search *s, const struct question *all, bool *ret)
{
	size_t tried = 0;

	*ret = false;
	for (size_t i = 0; i < all->asker_count && tried < 3; i++) {
		for (size_t j = 0; j < all->askers[i].want_count && tried < 3; j++) {
			const struct want *w = &all->askers[i].wants[j];
			struct want one = {.canonical = w->canonical, .extras = "", .specifier = ""};
			struct asker asker = all->askers[i];

			if (is_missing(&s->refusal, w->canonical))
				continue;
			one.package = w->package;
			asker.wants = &one;
			asker.want_count = 1;
			s->q = (struct question){.askers = &asker, .asker_count = 1};
			int refused = still_refused(s);

			if (refused < 0)
				return -1;
			if (!refused || !is_missing(&s->refusal, w->canonical))
				return 0;
			tried++;
		}
	}
	*ret = tried > 0;
	return 0;
}

static int unknown_index(const struct uv *uv, struct error *err)
{
	const struct uv_index *index = uv->indexes.count ? &uv->indexes.items[0] : NULL;

	error_set(err, ERR_HTTP, "index '%s' (from %s) has none of the packages that were looked for (404)", index ? index->alias : "default",
		  index ? index->from : "built in");
	return error_hint(err, "is its address that of a simple index (it mostly ends in /simple/)?");
}

static bool is_mentioned(const struct search *s, const struct misfit *m)
{
	return mentions(s->refusal.text, m->name);
}

static const struct misfit *first_misfit(const struct search *s)
{
	for (size_t i = 0; i < s->asking->misfit_count; i++) {
		if (is_mentioned(s, &s->asking->misfits[i]))
			return &s->asking->misfits[i];
	}
	return NULL;
}

static void add_misfits(const struct search *s)
{
	for (size_t i = 0; i < s->asking->misfit_count; i++) {
		const struct misfit *m = &s->asking->misfits[i];
		autostrbuf struct strbuf why = {0};

		if (!is_mentioned(s, m))
			continue;
		misfit_add_reason(&why, m);
		error_hint(s->err, "%s %s cannot be had: %s, where %s '%s' needs it", m->name, m->version, strbuf_text(&why),
			   m->asker->is_layer ? "layer" : "container", m->asker->name);
	}
}

static int tell(struct search *s, const struct question *all, const struct culprit *culprits, size_t count, struct diag *d)
{
	bool alone = count == 1, missing = s->refusal.missing_count > 0;
	const struct misfit *misfit = first_misfit(s);

	for (size_t i = 0; i < count; i++)
		report_culprit(s, all, &culprits[i], alone, d);
	if (missing)
		error_set(s->err, ERR_NOT_FOUND, "package '%s' does not exist on any index that is asked", s->refusal.missing[0]);
	else if (misfit)
		error_set(s->err, ERR_NOT_FOUND, "no version of '%s' that fits can be used in %s", misfit->name, misfit->environment->name);
	else if (alone && (s->refusal.no_version || s->refusal.no_wheel))
		error_set(s->err, ERR_NOT_FOUND, "no version of '%s' that is asked for can be used", culprits[0].want->canonical);
	else if (alone)
		error_set(s->err, ERR_CONFLICT, "'%s' cannot be locked", culprits[0].want->canonical);
	else
		error_set(s->err, ERR_CONFLICT, "%zu requirements cannot hold together", count);
	add_misfits(s);
	error_hint(s->err, "%s says: %s", s->asking->uv->by_pip ? "pip" : "uv", s->refusal.text);
	if (s->out_of_time)
		error_hint(s->err, "the smallest set was not found in the time there was; not all that is named need be to blame");
	return -1;
}

static int explain(struct search *s, const struct question *q, struct diag *d)
{
	struct culprit *culprits;
	size_t count;

	question_copy(s->arena, q, &s->q);
	if (keep_mentioned(s) < 0 || drop_askers(s) < 0 || drop_wants(s) < 0 || loosen_wants(s) < 0)
		return -1;
	count = collect_culprits(s, &culprits);
	if (s->refusal.missing_count) {
		struct search other = *s;
		bool nothing;

		if (index_knows_nothing(&other, q, &nothing) < 0)
			return -1;
		if (nothing)
			return unknown_index(s->asking->uv, s->err);
	}
	return tell(s, q, culprits, count, d);
}

int clash_explain(struct asking *asking, const struct question *q, const struct uv_refusal *refusal, int64_t limit_ms, struct diag *d, struct error *err)
{
	struct search s = {.asking = asking, .arena = asking->uv->arena, .refusal = *refusal, .err = err};

	asking->deadline_ms = clock_monotonic_ms() + limit_ms;
	explain(&s, q, d);
	asking->deadline_ms = 0;
	return -1;
}
