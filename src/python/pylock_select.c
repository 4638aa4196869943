/* What of a lock is for an environment. */
#include "python/pylock.h"

#include <stdlib.h>
#include <string.h>

#include "python/wheel.h"

struct selection {
	struct arena *arena;
	const struct pylock *lock;
	const struct pylock_target *target;
	const char *python; /* python_full_version as a version */
	struct error *err;
};

static int evaluate(const struct selection *s, const struct marker *m, const char *text, const struct marker_question *question, bool *ret)
{
	bool defined;

	*ret = marker_evaluate_in(m, s->target->environment, question, &defined);
	return defined ? 0 : error_set(s->err, ERR_INPUT, "the marker '%s' compares what has no meaning here", text);
}

static int check_environments(const struct selection *s)
{
	const struct marker_question question = {.context = MARKER_REQUIREMENT};

	for (size_t i = 0; i < s->lock->environments.count; i++) {
		bool holds;

		if (evaluate(s, s->lock->environment_markers[i], s->lock->environments.items[i], &question, &holds))
			return -1;
		if (holds)
			return 0;
	}
	return s->lock->environments.count ? error_set(s->err, ERR_CONFLICT, "the lock is for none of this machine's environments") : 0;
}

static int check_package(const struct selection *s, const struct pylock_package *p, const struct marker_question *question, bool *ret_wanted)
{
	*ret_wanted = true;
	if (p->marker && evaluate(s, p->marker, p->marker_text, question, ret_wanted))
		return -1;
	if (!*ret_wanted || !p->python || specifier_set_contains(p->python, s->python, true))
		return 0;
	return error_set(s->err, ERR_CONFLICT, "'%s' requires Python %s, which %s is not", p->name, p->requires_python, s->python);
}

static const struct pylock_file *best_wheel(const struct selection *s, const struct pylock_package *p)
{
	const struct pylock_file *best = NULL;
	long best_rank = -1;

	for (size_t i = 0; i < p->wheel_count; i++) {
		struct wheel_name name;
		const char *file = pylock_file_name(s->arena, &p->wheels[i]);
		long rank = file && wheel_name_parse(s->arena, file, &name) ? wheel_rank(&name, s->target->tags, s->target->tag_count) : -1;

		if (rank >= 0 && (!best || rank < best_rank)) {
			best = &p->wheels[i];
			best_rank = rank;
		}
	}
	return best;
}

static int choose(const struct selection *s, struct pylock_choice *ret)
{
	const struct pylock_package *p = ret->package;
	bool sdist_first = p->sdist && s->target->prefer_sdist && s->target->prefer_sdist(s->target->context, p->name);

	if (p->vcs) {
		ret->source = PYLOCK_VCS;
		return 0;
	}
	if (p->directory) {
		ret->source = PYLOCK_DIRECTORY;
		return 0;
	}
	ret->source = PYLOCK_ARCHIVE;
	ret->file = p->archive;
	if (ret->file)
		return 0;
	ret->source = PYLOCK_WHEEL;
	ret->file = sdist_first ? NULL : best_wheel(s, p);
	if (ret->file)
		return 0;
	ret->source = PYLOCK_SDIST;
	ret->file = p->sdist;
	return ret->file ? 0 : error_set(s->err, ERR_CONFLICT, "'%s' has no wheel for this machine, and no source distribution", p->name);
}

static int by_name(const void *a, const void *b)
{
	const struct pylock_package *x = *(const struct pylock_package *const *)a, *y = *(const struct pylock_package *const *)b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x > y) - (x < y);
}

static int check_ambiguity(const struct selection *s, const struct pylock_choice *choices, size_t count)
{
	const struct pylock_package **sorted = arena_array(s->arena, count + 1, sizeof(*sorted));

	for (size_t i = 0; i < count; i++)
		sorted[i] = choices[i].package;
	qsort(sorted, count, sizeof(*sorted), by_name);
	for (size_t i = 1; i < count; i++)
		if (!strcmp(sorted[i - 1]->name, sorted[i]->name))
			return error_set(s->err, ERR_CONFLICT, "two entries of '%s' are for this environment, in lines %u and %u", sorted[i]->name,
					 sorted[i - 1]->pos.line, sorted[i]->pos.line);
	return 0;
}

static int select_packages(const struct selection *s, const struct marker_question *question, struct pylock_choice *choices, size_t *ret_count)
{
	size_t count = 0;

	for (size_t i = 0; i < s->lock->package_count; i++) {
		const struct pylock_package *p = &s->lock->packages[i];
		bool wanted;

		if (check_package(s, p, question, &wanted))
			return -1;
		if (wanted)
			choices[count++].package = p;
	}
	if (check_ambiguity(s, choices, count))
		return -1;
	for (size_t i = 0; i < count; i++)
		if (choose(s, &choices[i]))
			return -1;
	*ret_count = count;
	return 0;
}

int pylock_select(struct arena *a, const struct pylock *lock, const struct pylock_target *target, struct pylock_choice **ret, size_t *ret_count,
		  struct error *err)
{
	const char *full = target->environment->python_full_version;
	size_t length = strlen(full), count;
	struct selection s = {a, lock, target, full, err};
	struct marker_question question = {
		.context = MARKER_LOCK_FILE, .extras = target->extras, .dependency_groups = {lock->default_groups.items, lock->default_groups.count}};
	struct pylock_choice *choices = arena_array(a, lock->package_count + 1, sizeof(*choices));

	if (target->dependency_groups)
		question.dependency_groups = *target->dependency_groups;
	/* An interpreter built from no tag calls itself "3.13.0+", which is no version. */
	if (length && full[length - 1] == '+')
		s.python = arena_printf(a, "%slocal", full);
	if (lock->python && !specifier_set_contains(lock->python, s.python, true))
		return error_set(err, ERR_CONFLICT, "the lock requires Python %s, which %s is not", lock->requires_python, s.python);
	if (check_environments(&s) || select_packages(&s, &question, choices, &count))
		return -1;
	*ret = choices;
	*ret_count = count;
	return 0;
}
