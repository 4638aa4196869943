#include "resolve/settle.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "resolve/differences.h"

struct settle_family settle_family_at(const struct pin *pins, size_t count, size_t first)
{
	size_t end = first;

	while (end < count && !strcmp(pins[end].name, pins[first].name) && pin_is_toolchain(&pins[end]) == pin_is_toolchain(&pins[first]))
		end++;
	return (struct settle_family){&pins[first], end - first};
}

struct settle_family settle_family_named(const struct pin *pins, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(pins[i].name, name))
			return settle_family_at(pins, count, i);
	}
	return (struct settle_family){0};
}

bool settle_is_split(struct settle_family f)
{
	for (size_t i = 1; i < f.count; i++) {
		if (strcmp(f.pins[i].version, f.pins[0].version) != 0)
			return true;
	}
	return false;
}

/* How far an answer is from one version everywhere: what may not differ counts most. */
struct spread {
	size_t undeclared, differing;
};

static struct spread spread_of(const struct settling *s, const struct projection *p)
{
	struct spread spread = {0};
	struct settle_family f;

	for (size_t i = 0; i < p->pin_count; i += f.count) {
		f = settle_family_at(p->pins, p->pin_count, i);
		if (!settle_is_split(f))
			continue;
		spread.differing++;
		spread.undeclared += differences_undeclared(s->db, s->containers, s->container_count, f.pins, f.count);
	}
	return spread;
}

static bool is_nearer(struct spread a, struct spread b)
{
	return a.undeclared < b.undeclared || (a.undeclared == b.undeclared && a.differing < b.differing);
}

bool settle_differs_more(const struct settling *s, const struct projection *p)
{
	return is_nearer(spread_of(s, s->answer), spread_of(s, p));
}

static bool has_any(const struct question *q, struct settle_family f, const char *environment)
{
	for (size_t i = 0; i < f.count; i++) {
		if (question_has(q, &f.pins[i], environment))
			return true;
	}
	return false;
}

bool settle_is_still_there(const struct settling *s, const struct projection *p, const char *name, const struct settle_family *last)
{
	const struct settle_family now = settle_family_named(s->answer->pins, s->answer->pin_count, name),
				   then = settle_family_named(p->pins, p->pin_count, name);
	const struct question *q = s->question;

	for (size_t i = 0; i < q->asker_count; i++) {
		for (size_t j = 0; j < q->askers[i].environment_count; j++) {
			const char *environment = q->askers[i].environments[j]->name;

			if (has_any(q, now, environment) && (!last || has_any(q, *last, environment)) && !has_any(q, then, environment))
				return false;
		}
	}
	return true;
}

/* Whether one of the constraints is about the package that another, "name===version", is about. */
static bool is_said_of(const char *held, const char *const *constraints, size_t count)
{
	size_t length = strcspn(held, "=");

	for (size_t i = 0; i < count; i++) {
		if (strcspn(constraints[i], "=") == length && !strncmp(constraints[i], held, length))
			return true;
	}
	return false;
}

int settle_ask(struct settling *s, const char *const *more, size_t more_count, struct projection *ret)
{
	struct arena *arena = s->asking->search->arena;
	struct question q = *s->question;
	struct search_refusal refusal = {0};
	const char **all = NULL;
	size_t count = 0;

	for (size_t i = 0; i < q.exclusion_count; i++)
		*arena_push(arena, &all, &count) = q.exclusions[i];
	/* What was settled may go back to where it was. */
	for (size_t i = 0; i < s->held_count; i++) {
		if (!is_said_of(s->held[i], more, more_count))
			*arena_push(arena, &all, &count) = s->held[i];
	}
	for (size_t i = 0; i < more_count; i++)
		*arena_push(arena, &all, &count) = more[i];
	q.exclusions = all;
	q.exclusion_count = count;
	int answered = asking_ask(s->asking, &q, s->wish, ret, &refusal, s->err);

	if (answered < 0 && s->err->code != ERR_CANCELLED && clock_monotonic_ms() >= s->asking->deadline_ms) {
		error_release(s->err);
		s->is_late = true;
		return 0;
	}
	s->refusal = !answered && refusal.text && *refusal.text ? arena_strndup(arena, refusal.text, strcspn(refusal.text, "\n")) : NULL;
	/* That version after version of something does not fit says only that there is nothing here. */
	if (answered < 0 && s->err->code == ERR_NOT_FOUND) {
		error_release(s->err);
		return 0;
	}
	return answered;
}

static void hold(struct settling *s, const char *constraint)
{
	*arena_push(s->asking->search->arena, &s->held, &s->held_count) = constraint;
}

const char *settle_text(struct settling *s, const char *name, const char *operator, const char * version)
{
	return arena_printf(s->asking->search->arena, "%s%s%s", name, operator, version);
}

const struct asker *settle_asker(const struct settling *s, const struct pin *pin)
{
	for (size_t i = 0; i < s->question->asker_count; i++) {
		const struct asker *asker = &s->question->askers[i];

		if (asker->is_layer ? pin_in_layer(pin, asker->name) : pin_in_container(pin, asker->name))
			return asker;
	}
	return NULL;
}

/* The newest version of a package below another (NULL: at all) that can be had by itself where `pin` is. 1, 0 when there is none, -1. */
static int newest_below(struct settling *s, const struct pin *pin, const char *below, const char **ret)
{
	struct want want = {.canonical = pin->name, .extras = "", .specifier = below ? settle_text(s, "", "<", below) : "", .through = ""};
	const struct asker *from = settle_asker(s, pin);
	struct asker asker = *from;
	struct question q = *s->question;
	const struct search_wish no_wish = {0};
	struct search_refusal refusal;
	struct projection p;

	for (size_t i = 0; i < from->environment_count && pin->environment_count; i++) {
		if (!strcmp(from->environments[i]->name, pin->environments[0]))
			asker.environments = &from->environments[i];
	}
	asker.environment_count = 1;
	asker.wants = &want;
	asker.want_count = 1;
	q.askers = &asker;
	q.asker_count = 1;
	q.conflict_count = 0;
	int answered = asking_ask(s->asking, &q, &no_wish, &p, &refusal, s->err);

	if (answered < 0 && s->err->code != ERR_CANCELLED) {
		s->is_late = s->is_late || clock_monotonic_ms() >= s->asking->deadline_ms;
		error_release(s->err);
		return 0;
	}
	struct settle_family found = answered > 0 ? settle_family_named(p.pins, p.pin_count, pin->name) : (struct settle_family){0};

	*ret = found.count ? found.pins->version : NULL;
	return answered > 0 && found.count ? 1 : answered < 0 ? -1 : 0;
}

struct settle_family settle_family_before(const struct settling *s, const char *name)
{
	const struct lock *last = s->wish->last;

	for (size_t i = 0; i < last->pin_count; i++) {
		if (!strcmp(last->pins[i].name, name) && settle_asker(s, &last->pins[i]))
			return settle_family_at(last->pins, last->pin_count, i);
	}
	return (struct settle_family){0};
}

void settle_keep_together(struct settling *s, const struct projection *worse, enum together when, const char ***ret, size_t *ret_count)
{
	struct settle_family f;

	for (size_t i = 0; i < worse->pin_count; i += f.count) {
		f = settle_family_at(worse->pins, worse->pin_count, i);
		struct settle_family now = settle_family_named(s->answer->pins, s->answer->pin_count, f.pins->name);
		struct settle_family then = when == TOGETHER_NOW ? now : settle_family_before(s, f.pins->name);

		if (settle_is_split(f) && now.count && !settle_is_split(now) && then.count && !settle_is_split(then))
			*arena_push(s->asking->search->arena, ret, ret_count) = settle_text(s, then.pins->name, "===", then.pins->version);
	}
}

static int take(struct settling *s, const char *constraint, const struct projection *p)
{
	hold(s, constraint);
	*s->answer = *p;
	return 1;
}

static bool serves(const struct settling *s, const struct projection *p, const char *name)
{
	return is_nearer(spread_of(s, p), spread_of(s, s->answer)) && settle_is_still_there(s, p, name, NULL);
}

/* The resolver did without the package somewhere: with all else that is the same everywhere where it is now, it may not. 1: taken; 0: it has to; -1. */
static int try_beside(struct settling *s, const char *name, const char *constraint)
{
	const char **more = NULL;
	size_t count = 0;
	struct projection p;
	struct settle_family f;

	*arena_push(s->asking->search->arena, &more, &count) = constraint;
	for (size_t i = 0; i < s->answer->pin_count; i += f.count) {
		f = settle_family_at(s->answer->pins, s->answer->pin_count, i);
		if (strcmp(f.pins->name, name) != 0 && !settle_is_split(f))
			*arena_push(s->asking->search->arena, &more, &count) = settle_text(s, f.pins->name, "===", f.pins->version);
	}
	int answered = settle_ask(s, more, count, &p);

	return answered > 0 && serves(s, &p, name) ? take(s, constraint, &p) : answered < 0 ? -1 : 0;
}

/* 1: taken; 0: no such answer, or none that is nearer; -1. */
static int try_version(struct settling *s, const char *name, const char *version)
{
	const char **more = NULL;
	size_t count = 0;
	struct projection p;

	*arena_push(s->asking->search->arena, &more, &count) = settle_text(s, name, "===", version);
	for (int pass = 0; pass < 2; pass++) {
		int answered = settle_ask(s, more, count, &p);
		size_t before = count;

		if (answered <= 0)
			return answered;
		if (serves(s, &p, name))
			return take(s, more[0], &p);
		if (is_nearer(spread_of(s, &p), spread_of(s, s->answer)) && (answered = try_beside(s, name, more[0])) != 0)
			return answered;
		settle_keep_together(s, &p, TOGETHER_NOW, &more, &count);
		if (count == before)
			return 0;
	}
	return 0;
}

/* Without a page to read: down the versions that the pin with the lowest one could have; when nothing at all is left below one of them, nothing has to be tried
   there. */
static int seek_downwards(struct settling *s, const struct pin *lowest)
{
	const char *name = lowest->name, *below = NULL, *version;
	struct projection ignored;
	int result = 0;

	while (!s->is_late && (result = newest_below(s, lowest, below, &version)) > 0) {
		const char *lower = settle_text(s, name, "<", version);

		if ((result = try_version(s, name, version)) != 0)
			return result;
		if ((result = settle_ask(s, &lower, 1, &ignored)) <= 0)
			return result;
		below = version;
	}
	return result < 0 ? -1 : 0;
}

/* None of the versions that were tried will do: the reason of the first stands for all. */
static void note_split(struct settling *s, const char *name, const char *const *versions, size_t count, const char *reason)
{
	autostrbuf struct strbuf why = {0};

	strbuf_add(&why, "there is no answer, or only one in which more would differ, with any of ");
	for (size_t i = 0; i < count; i++)
		strbuf_printf(&why, "%s%s", i ? ", " : "", versions[i]);
	if (reason)
		strbuf_printf(&why, "; with %s: %s", versions[0], reason);
	splits_add(s->splits, name, strbuf_text(&why));
}

/* One version for the pins of one name. 1: found, and the answer is another; 0: there is none, and it is noted why; -1. */
static int bring_together(struct settling *s, struct settle_family f)
{
	const char *name = f.pins->name, *reason = NULL;
	struct candidates c;
	int result = 0;

	const struct lock *last = s->wish->upgrade_all || search_wish_moves(s->wish, name) ? NULL : s->wish->last;

	if (candidates_find(s->asking->search->arena, s->listings, s->asking, s->question, last, f.pins, f.count, NULL, &c, s->err) < 0)
		return -1;
	if (!c.is_known)
		return seek_downwards(s, f.pins);
	for (size_t i = 0; i < c.count && !s->is_late; i++) {
		if ((result = try_version(s, name, c.versions[i])) != 0)
			return result;
		reason = i ? reason : s->refusal;
	}
	if (!c.count)
		splits_add(s->splits, name, c.why);
	else if (!s->is_late)
		note_split(s, name, c.versions, c.count, reason);
	return 0;
}

bool settle_is_in(const char *const *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(list[i], name))
			return true;
	}
	return false;
}

void settle_begin(struct settling *s, const char *text)
{
	s->is_late = false;
	s->asking->deadline_ms = clock_monotonic_ms() + s->limit_ms;
	if (s->on_progress)
		s->on_progress(s->context, text);
}

static void describe_containers(struct settling *s)
{
	struct arena *arena = s->asking->search->arena;

	s->container_count = s->question->asker_count;
	s->containers = arena_array(arena, s->container_count, sizeof(*s->containers));
	for (size_t i = 0; i < s->container_count; i++) {
		const struct asker *asker = &s->question->askers[i];
		struct lock_container *c = &s->containers[i];

		*c = (struct lock_container){.name = asker->name, .environment = asker->environments[0]->name};
		for (size_t j = 1; j < asker->environment_count; j++)
			*arena_push(arena, &c->further, &c->further_count) = asker->environments[j]->name;
		if (c->further_count > 1)
			qsort(c->further, c->further_count, sizeof(*c->further), text_compare_items);
	}
}

static int bring_all_together(struct settling *s)
{
	struct arena *arena = s->asking->search->arena;
	const char **tried = NULL;
	size_t tried_count = 0;
	struct settle_family f;
	int result = 0;

	for (size_t i = 0; i < s->answer->pin_count && result >= 0 && !s->is_late; i += f.count) {
		f = settle_family_at(s->answer->pins, s->answer->pin_count, i);
		if (!settle_is_split(f) || settle_is_in(tried, tried_count, f.pins->name))
			continue;
		if (!tried_count)
			settle_begin(s, "looking for versions that suit all environments");
		*arena_push(arena, &tried, &tried_count) = f.pins->name;
		result = bring_together(s, f);
		if (result > 0) /* a new answer: from the start, past what was tried */
			i = f.count = 0;
	}
	s->asking->deadline_ms = 0;
	if (s->is_late)
		diag_warning(s->d, (struct pos){0}, "whether one version of '%s' suits all environments was not tried to the end within %lld s",
			     tried[tried_count - 1], (long long)(s->limit_ms + 999) / 1000);
	return result < 0 ? -1 : 0;
}

int settle_versions(struct settling *s)
{
	describe_containers(s);
	int result = bring_all_together(s);

	if (result == 0)
		result = settle_agreement(s);
	return result > 0 ? bring_all_together(s) : result;
}

const struct lock_environment *settle_environment(const struct settling *s, const char *name)
{
	for (size_t i = 0; i < s->question->asker_count; i++) {
		for (size_t j = 0; j < s->question->askers[i].environment_count; j++) {
			if (!strcmp(s->question->askers[i].environments[j]->name, name))
				return s->question->askers[i].environments[j];
		}
	}
	return NULL;
}
