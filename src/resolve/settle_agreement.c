#include <string.h>

#include "base/clock.h"
#include "lock/environment.h"
#include "resolve/differences.h"
#include "resolve/settle.h"

/* Each of them is a search; without an end it would try every version of one package beside every version of the next. */
enum { QUESTIONS_MAX = 200 };

struct constraints {
	const char **items;
	size_t count;
};

/* A package in which containers are apart, and where. */
struct parted {
	const struct pin *pins;
	size_t pin_count;
	const char **environments;
	size_t environment_count;
};

static struct parted first_parted(const struct settling *s, const struct projection *p)
{
	struct parted one = {0};

	for (size_t i = 0; i < p->pin_count && !one.environment_count; i += one.pin_count) {
		one = (struct parted){.pins = &p->pins[i], .pin_count = 1};
		while (i + one.pin_count < p->pin_count && !strcmp(one.pins[one.pin_count].name, one.pins->name))
			one.pin_count++;
		one.environment_count =
			differences_apart(s->asking->search->arena, s->db, s->containers, s->container_count, one.pins, one.pin_count, &one.environments);
	}
	return one;
}

/* Environments that the resolver cannot tell apart give the same text. */
static void add_constraint(struct settling *s, struct constraints *c, const char *name, const char *specifier, const char *environment)
{
	struct arena *arena = s->asking->search->arena;
	autostrbuf struct strbuf text = {0};

	strbuf_printf(&text, "%s%s ; ", name, specifier);
	environment_add_marker(&text, settle_environment(s, environment));
	for (size_t i = 0; i < c->count; i++) {
		if (!strcmp(c->items[i], strbuf_text(&text)))
			return;
	}
	*arena_push(arena, &c->items, &c->count) = arena_strdup(arena, strbuf_text(&text));
}

static struct constraints copy(struct settling *s, const struct constraints *from)
{
	struct constraints to = {0};

	for (size_t i = 0; i < from->count; i++)
		*arena_push(s->asking->search->arena, &to.items, &to.count) = from->items[i];
	return to;
}

static int ask(struct settling *s, const struct constraints *c, size_t *left, struct projection *ret)
{
	if (!*left || s->is_late)
		return 0;
	(*left)--;
	return settle_ask(s, c->items, c->count, ret);
}

static bool has_it(const struct settling *s, const struct parted *one, const char *environment)
{
	for (size_t i = 0; i < one->pin_count; i++) {
		if (question_has(s->question, &one->pins[i], environment))
			return true;
	}
	return false;
}

/* The environments in which there is no way without the package: what cannot be used there is no candidate. */
static int find_needed(struct settling *s, const struct parted *one, const struct constraints *known, size_t *left, struct candidate_places *ret)
{
	for (size_t i = 0; i < one->environment_count; i++) {
		struct constraints without = copy(s, known);
		struct projection ignored;

		if (!has_it(s, one, one->environments[i]))
			continue;
		add_constraint(s, &without, one->pins->name, "<0.dev0", one->environments[i]);
		int answered = ask(s, &without, left, &ignored);

		if (answered < 0)
			return -1;
		if (!answered)
			*arena_push(s->asking->search->arena, &ret->items, &ret->count) = settle_environment(s, one->environments[i]);
	}
	return 0;
}

/* Wherever it ends, the package has one version in all these environments: so one of them leads there. */
static int agree(struct settling *s, const struct projection *p, const struct constraints *known, size_t *left)
{
	struct arena *arena = s->asking->search->arena;
	const struct lock *last = s->wish->upgrade_all ? NULL : s->wish->last;
	struct parted one = first_parted(s, p);
	struct candidate_places needed = {0};
	struct candidates c;
	int result = 0;

	if (!one.environment_count) {
		s->held = known->items;
		s->held_count = known->count;
		*s->answer = *p;
		return 1;
	}
	if (find_needed(s, &one, known, left, &needed) < 0 ||
	    candidates_find(arena, s->listings, s->asking, s->question, search_wish_moves(s->wish, one.pins->name) ? NULL : last, one.pins, one.pin_count,
			    &needed, &c, s->err) < 0)
		return -1;
	for (size_t i = 0; i < c.count && result == 0 && *left && !s->is_late; i++) {
		struct constraints more = copy(s, known);
		const char *exact = arena_printf(arena, "===%s", c.versions[i]);
		struct projection next;

		for (size_t j = 0; j < one.environment_count; j++)
			add_constraint(s, &more, one.pins->name, exact, one.environments[j]);
		result = ask(s, &more, left, &next);
		if (result > 0)
			result = agree(s, &next, &more, left);
	}
	return result;
}

int settle_agreement(struct settling *s)
{
	const struct constraints nothing = {0};
	const struct projection first = *s->answer;
	struct parted one = first_parted(s, &first);
	const char **held = s->held;
	size_t held_count = s->held_count, left = QUESTIONS_MAX;

	if (!one.environment_count)
		return 0;
	settle_begin(s, "looking for an answer in which containers do not differ");
	/* What was settled one by one may be what stands in the way. */
	s->held = NULL;
	s->held_count = 0;
	int result = agree(s, &first, &nothing, &left);

	s->asking->deadline_ms = 0;
	if (result <= 0) {
		s->held = held;
		s->held_count = held_count;
	}
	if (!result && (s->is_late || !left))
		diag_warning(s->d, (struct pos){0}, "whether containers could have '%s' at one version was not tried to the end", one.pins->name);
	return result;
}
