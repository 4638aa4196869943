/* Answers questions about [dependency-groups], for dependency_groups_test.py: a pyproject.toml and the groups to resolve. */
#include "question.h"

#include "io/toml.h"
#include "python/dependency_groups.h"

static void add_requirement(struct question *q, const struct dependency_group_requirement *item)
{
	const struct requirement *r = item->requirement;
	const char *marker = r->marker ? marker_normal(&q->arena, r->marker) : NULL;

	json_begin_array(&q->w, NULL);
	json_add_text(&q->w, NULL, r->name);
	json_add_text(&q->w, NULL, r->specifier);
	json_add_text(&q->w, NULL, r->url);
	json_add_text(&q->w, NULL, r->marker && !marker ? "(quotes)" : marker);
	for (size_t i = 0; i < r->extra_count; i++)
		json_add_text(&q->w, NULL, r->extras[i]);
	json_end_array(&q->w);
}

static void add_problems(struct question *q, const struct diag *d)
{
	json_begin_array(&q->w, "refused");
	for (size_t i = 0; i < d->problem_count; i++)
		json_add_text(&q->w, NULL, d->problems[i].text);
	json_end_array(&q->w);
}

static void add_group(struct question *q, const struct dependency_groups *groups, const char *name)
{
	autodiag struct diag d = {0};
	struct dependency_group_requirement *items;
	size_t count;

	json_begin_object(&q->w, NULL);
	if (dependency_groups_resolve(&q->arena, groups, name, (struct pos){0}, &d, &items, &count)) {
		json_begin_array(&q->w, "requirements");
		for (size_t i = 0; i < count; i++)
			add_requirement(q, &items[i]);
		json_end_array(&q->w);
	} else {
		add_problems(q, &d);
	}
	json_end_object(&q->w);
}

static void ask_groups(struct question *q)
{
	autodiag struct diag d = {0};
	struct dependency_groups groups = {0};
	const struct value *document = toml_parse(&q->arena, "pyproject.toml", q->fields[1], q->lengths[1], &d);

	json_begin_object(&q->w, NULL);
	if (document && dependency_groups_read(&q->arena, document, &d, &groups)) {
		json_begin_array(&q->w, "groups");
		for (size_t i = 2; i < q->count; i++)
			add_group(q, &groups, q->fields[i]);
		json_end_array(&q->w);
	} else {
		add_problems(q, &d);
	}
	json_end_object(&q->w);
}

int main(void)
{
	static const struct question_kind kinds[] = {{"groups", 2, ask_groups}};

	return question_main(kinds, ARRAY_LEN(kinds));
}
