#include <string.h>

#include "lock/lock.h"
#include "python/version.h"
#include "resolve/settle.h"

/* PEP 440 knows no order of local versions in a specifier. */
static const char *public_version(struct arena *a, const char *version)
{
	return arena_strndup(a, version, strcspn(version, "+"));
}

/* The lowest version that the answer has of a name whose pins begin at `first`. */
static const char *lowest_version(const struct projection *p, size_t first)
{
	const char *lowest = p->pins[first].version;

	for (size_t i = first + 1; i < p->pin_count && !strcmp(p->pins[i].name, p->pins[first].name); i++) {
		if (version_compare_texts(p->pins[i].version, lowest) < 0)
			lowest = p->pins[i].version;
	}
	return lowest;
}

/* Nothing goes back; the package itself goes on. False when it is not in the answer, or from no index. */
static bool add_bounds(struct settling *s, const char *name, const char ***ret, size_t *ret_count)
{
	struct arena *arena = s->asking->search->arena;
	const struct projection *p = s->answer;
	bool found = false;

	for (size_t i = 0; i < p->pin_count; i++) {
		if ((i && !strcmp(p->pins[i].name, p->pins[i - 1].name)) || p->pins[i].reference)
			continue;
		const char *version = public_version(arena, lowest_version(p, i));
		bool moves = !strcmp(p->pins[i].name, name);

		found = found || moves;
		*arena_push(arena, ret, ret_count) = arena_printf(arena, "%s>=%s%s%s", p->pins[i].name, version, moves ? ",!=" : "", moves ? version : "");
	}
	return found;
}

/* 1: it moved on; 0: it cannot; -1. */
static int move_on(struct settling *s, const char *name)
{
	const char **more = NULL;
	size_t count = 0;
	struct projection p;

	if (!add_bounds(s, name, &more, &count))
		return 0;
	int answered = settle_ask(s, more, count, &p);

	if (answered <= 0)
		return answered;
	if (settle_differs_more(s, &p))
		return 0;
	*s->answer = p;
	return 1;
}

int settle_upgrades(struct settling *s)
{
	const char *const *names = s->wish->last && !s->wish->upgrade_all ? s->wish->upgrade_packages : NULL;
	int result = 0;

	if (!names || !*names)
		return 0;
	settle_begin(s, "looking for what can move along");
	for (const char *const *name = names; *name && result >= 0; name++) {
		do {
			result = move_on(s, *name);
		} while (result > 0);
		if (s->is_late)
			diag_warning(s->d, (struct pos){0}, "whether there is a newer '%s' with others that move along was not tried to the end within %lld s",
				     *name, (long long)(s->limit_ms + 999) / 1000);
	}
	s->asking->deadline_ms = 0;
	return result < 0 ? -1 : 0;
}
