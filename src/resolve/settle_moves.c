#include <string.h>

#include "base/clock.h"
#include "lock/environment.h"
#include "resolve/settle.h"

/* The environments of a pin, as far as they still are any. */
static void environments_of(struct settling *s, const struct pin *pin, const char ***ret, size_t *ret_count)
{
	struct arena *arena = s->asking->search->arena;

	for (size_t i = 0; i < s->question->asker_count; i++) {
		const struct asker *asker = &s->question->askers[i];

		if (!(asker->is_layer ? pin_in_layer(pin, asker->name) : pin_in_container(pin, asker->name)))
			continue;
		for (size_t j = 0; j < asker->environment_count; j++) {
			const char *name = asker->environments[j]->name;

			if ((!pin->environment_count || settle_is_in(pin->environments, pin->environment_count, name)) && !settle_is_in(*ret, *ret_count, name))
				*arena_push(arena, ret, ret_count) = name;
		}
	}
}

/* "name===version" for a package that is the same everywhere, else one for each environment. False where one environment has it twice, as containers of groups in
   conflict may: that cannot be said to uv. */
static bool add_held(struct settling *s, struct settle_family f, const char ***ret, size_t *ret_count)
{
	struct arena *arena = s->asking->search->arena;
	const char **seen = NULL;
	size_t seen_count = 0, before = *ret_count;

	if (!settle_is_split(f)) {
		*arena_push(arena, ret, ret_count) = settle_text(s, f.pins->name, "===", f.pins->version);
		return true;
	}
	for (size_t i = 0; i < f.count; i++) {
		const char **names = NULL;
		size_t count = 0;

		environments_of(s, &f.pins[i], &names, &count);
		for (size_t j = 0; j < count; j++) {
			autostrbuf struct strbuf marker = {0};

			if (settle_is_in(seen, seen_count, names[j])) {
				*ret_count = before;
				return false;
			}
			*arena_push(arena, &seen, &seen_count) = names[j];
			environment_add_marker(&marker, settle_environment(s, names[j]));
			*arena_push(arena, ret, ret_count) = arena_printf(arena, "%s===%s ; %s", f.pins[i].name, f.pins[i].version, strbuf_text(&marker));
		}
	}
	return *ret_count > before;
}

/* Some asker has another version than it had. */
static bool has_moved(const struct settling *s, struct settle_family before, struct settle_family now)
{
	for (size_t i = 0; i < now.count; i++) {
		for (size_t j = 0; j < s->question->asker_count; j++) {
			const struct asker *asker = &s->question->askers[j];
			bool had = false, same = false;

			if (!(asker->is_layer ? pin_in_layer(&now.pins[i], asker->name) : pin_in_container(&now.pins[i], asker->name)))
				continue;
			for (size_t k = 0; k < before.count; k++) {
				if (!(asker->is_layer ? pin_in_layer(&before.pins[k], asker->name) : pin_in_container(&before.pins[k], asker->name)))
					continue;
				had = true;
				same = same || !strcmp(before.pins[k].version, now.pins[i].version);
			}
			if (had && !same)
				return true;
		}
	}
	return false;
}

/* All that is where it was, and what was asked to move where it is now. */
static void collect_kept(struct settling *s, const char ***ret, size_t *ret_count)
{
	const struct projection *p = s->answer;
	struct settle_family f;

	for (size_t i = 0; i < p->pin_count; i += f.count) {
		f = settle_family_at(p->pins, p->pin_count, i);
		struct settle_family before = settle_family_before(s, f.pins->name);

		if (search_wish_moves(s->wish, f.pins->name) || (before.count && !has_moved(s, before, f)))
			add_held(s, f, ret, ret_count);
	}
}

/* What was asked to move where it is now, and all else where it was. */
static void collect_all(struct settling *s, const char ***ret, size_t *ret_count)
{
	const struct projection *p = s->answer;
	const struct lock *last = s->wish->last;
	struct settle_family f;

	for (size_t i = 0; i < p->pin_count; i += f.count) {
		f = settle_family_at(p->pins, p->pin_count, i);
		if (search_wish_moves(s->wish, f.pins->name))
			add_held(s, f, ret, ret_count);
	}
	for (size_t i = 0; i < last->pin_count; i += f.count) {
		f = settle_family_at(last->pins, last->pin_count, i);
		const struct settle_family before = settle_family_before(s, f.pins->name);

		if (before.pins >= f.pins && before.pins < f.pins + f.count && !search_wish_moves(s->wish, f.pins->name))
			add_held(s, before, ret, ret_count);
	}
}

/* What may be taken for `name`, or NULL for all, to stay: nothing else comes to differ, and neither that nor what was asked to move is done without. */
static bool is_good(const struct settling *s, const struct projection *p, const char *name)
{
	struct settle_family f;

	if (settle_differs_more(s, p))
		return false;
	for (size_t i = 0; i < s->answer->pin_count; i += f.count) {
		f = settle_family_at(s->answer->pins, s->answer->pin_count, i);
		const struct settle_family before = settle_family_before(s, f.pins->name);
		bool moves = search_wish_moves(s->wish, f.pins->name);

		if ((moves || !name || !strcmp(f.pins->name, name)) && !settle_is_still_there(s, p, f.pins->name, &before))
			return false;
	}
	return true;
}

/* Mostly nothing is in the way of all of it at once, and what holds single packages back where the resolver came to another answer need not be seen through.
   1: all stays; 0: it cannot; -1. */
static int try_all_to_stay(struct settling *s)
{
	const char **more = NULL;
	size_t count = 0;
	struct projection p;

	collect_all(s, &more, &count);
	int answered = settle_ask(s, more, count, &p);

	if (answered <= 0 || !is_good(s, &p, NULL))
		return answered < 0 ? -1 : 0;
	*s->answer = p;
	return 1;
}

/* What comes to differ then is asked for together, first where it was. 1: it stays; 0: it cannot; -1. */
static int try_to_stay(struct settling *s, struct settle_family before)
{
	const char **kept = NULL;
	size_t kept_count = 0;
	struct projection p, worse;

	collect_kept(s, &kept, &kept_count);
	if (!add_held(s, before, &kept, &kept_count))
		return 0;
	for (enum together together = TOGETHER_NOT; together <= TOGETHER_NOW; together++) {
		const char **more = NULL;
		size_t count = 0;

		for (size_t i = 0; i < kept_count; i++)
			*arena_push(s->asking->search->arena, &more, &count) = kept[i];
		if (together != TOGETHER_NOT)
			settle_keep_together(s, &worse, together, &more, &count);
		if (together != TOGETHER_NOT && count == kept_count)
			continue;
		int answered = settle_ask(s, more, count, &p);

		if (answered < 0 || (!answered && together == TOGETHER_NOT))
			return answered;
		if (answered && is_good(s, &p, before.pins->name)) {
			*s->answer = p;
			return 1;
		}
		if (together == TOGETHER_NOT)
			worse = p;
	}
	return 0;
}

int settle_moves(struct settling *s)
{
	const char **tried = NULL;
	size_t tried_count = 0;
	struct settle_family f;
	int result = 0;

	if (!s->wish->last || s->wish->upgrade_all)
		return 0;
	s->is_late = false; /* as what was looked for before may have left it */
	for (size_t i = 0; i < s->answer->pin_count && result >= 0 && !s->is_late; i += f.count) {
		f = settle_family_at(s->answer->pins, s->answer->pin_count, i);
		struct settle_family before = settle_family_before(s, f.pins->name);

		if (!before.count || search_wish_moves(s->wish, f.pins->name) || !has_moved(s, before, f) || settle_is_in(tried, tried_count, f.pins->name))
			continue;
		if (!tried_count) {
			settle_begin(s, "looking for what need not move");
			result = try_all_to_stay(s);
		}
		*arena_push(s->asking->search->arena, &tried, &tried_count) = f.pins->name;
		if (!result)
			result = try_to_stay(s, before);
		if (result > 0)
			i = f.count = 0;
	}
	s->asking->deadline_ms = 0;
	if (s->is_late)
		diag_warning(s->d, (struct pos){0}, "whether '%s' and others could stay where they were was not tried to the end within %lld s",
			     tried[tried_count - 1], (long long)(s->limit_ms + 999) / 1000);
	return result < 0 ? -1 : 0;
}
