#include "build/explain.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "build/record.h"
#include "recipe/database.h"

enum { DETAILS_MAX = 8 };

static void add_detail(struct arena *a, struct build_job *job, const char *text)
{
	*arena_push(a, &job->why_details, &job->why_count) = text;
}

static size_t line_length(const char *text)
{
	return strcspn(text, "\n");
}

/* The first line that differs. */
static void explain_text(struct arena *a, struct build_job *job, const char *old)
{
	const char *new = job->text;

	for (unsigned number = 1;; number++) {
		size_t old_length = line_length(old), new_length = line_length(new);

		if (old_length != new_length || memcmp(old, new, old_length) != 0) {
			add_detail(a, job, arena_printf(a, "its text changed at line %u", number));
			if (old_length)
				add_detail(a, job, arena_printf(a, "- %.*s", (int)old_length, old));
			if (new_length)
				add_detail(a, job, arena_printf(a, "+ %.*s", (int)new_length, new));
			return;
		}
		if (!old[old_length] || !new[new_length])
			return;
		old += old_length + 1;
		new += new_length + 1;
	}
}

static const struct build_input *find_input(const struct build_input *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(list[i].name, name))
			return &list[i];
	}
	return NULL;
}

static const char *input_change(struct arena *a, const struct build_input *new, const struct record_stage *old)
{
	const struct build_input *before = find_input(old->inputs, old->input_count, new->name);

	if (before && text_equal(before->sha256, new->sha256) && !strcmp(before->file, new->file))
		return NULL;
	if (!before)
		return arena_printf(a, "%s %s is new", new->name, new->version);
	if (new->kind == INPUT_TREE)
		return arena_printf(a, "the tree of base '%s' %s", new->name, new->sha256 ? "was made again" : "has to be made first");
	if (strcmp(before->version, new->version) != 0)
		return arena_printf(a, "%s %s -> %s", new->name, before->version, new->version);
	return arena_printf(a, "%s %s: another file", new->name, new->version);
}

static void explain_inputs(struct arena *a, struct build_job *job, const struct record_stage *old)
{
	size_t changes = 0;

	for (size_t i = 0; i < job->input_count; i++) {
		const char *change = input_change(a, &job->inputs[i], old);

		if (change && ++changes <= DETAILS_MAX)
			add_detail(a, job, change);
	}
	for (size_t i = 0; i < old->input_count; i++) {
		const struct build_input *gone = &old->inputs[i];

		if (!find_input(job->inputs, job->input_count, gone->name) && ++changes <= DETAILS_MAX)
			add_detail(a, job, arena_printf(a, "%s %s is gone", gone->name, gone->version));
	}
	if (changes > DETAILS_MAX)
		add_detail(a, job, arena_printf(a, "and %zu more", changes - DETAILS_MAX));
}

void explain_job(struct arena *a, const struct record *record, const char *engine, struct build_job *job)
{
	const struct record_stage *old = NULL;

	job->why_details = NULL;
	job->why_count = 0;
	if (job->state != BUILD_WANTED) {
		job->why = job->state == BUILD_FINISHED ? "up to date" : "not needed, what stands on it is up to date";
		return;
	}
	for (size_t i = 0; !old && record && i < job->container_count; i++)
		old = record_find(record, job->containers[i]->name, job->stage->name, engine);
	if (!old) {
		job->why = "to be built, it never was";
		return;
	}
	job->why = "to be built again";
	if (text_equal(old->key, job->key)) {
		add_detail(a, job, arena_printf(a, "%s has no image of it any more", engine));
		return;
	}
	explain_text(a, job, old->text);
	explain_inputs(a, job, old);
	if (job->parent && !text_equal(old->parent_key, job->parent->key))
		add_detail(a, job, arena_printf(a, "what it stands on, '%s', changed", job->parent->stage->name));
	if (!job->why_count)
		add_detail(a, job, job->parent ? "it is built in another way" : "the base image changed");
}
