#include "cmd/building.h"

#include <string.h>

#include "base/text.h"
#include "layer/layer.h"
#include "release/history.h"

enum { JOBS_MAX = 64 };
static const enum build_layers layers_by_default = BUILD_LAYERS_ENGINE;

static bool read_jobs(const struct command_call *call, uint64_t *ret)
{
	const char *jobs = command_value(call, "jobs");

	*ret = 0;
	return !jobs || (text_to_u64(jobs, ret) && *ret && *ret <= JOBS_MAX);
}

int building_check_use(const struct command_call *call)
{
	uint64_t jobs;

	if (read_jobs(call, &jobs))
		return engines_check_use(call) != EXIT_DONE ? EXIT_USAGE : building_check_layers(call);
	return command_usage(call, "'--jobs %s' is no number from 1 to %d", command_value(call, "jobs"), JOBS_MAX);
}

static bool read_layers(const char *word, enum build_layers *ret)
{
	if (strcmp(word, "engine") != 0 && strcmp(word, "lockstep") != 0)
		return false;
	*ret = !strcmp(word, "engine") ? BUILD_LAYERS_ENGINE : BUILD_LAYERS_LOCKSTEP;
	return true;
}

int building_check_layers(const struct command_call *call)
{
	const char *word = command_value(call, "layers");
	enum build_layers layers;

	if (!word || read_layers(word, &layers))
		return EXIT_DONE;
	return command_usage(call, "'--layers' takes engine or lockstep, not '%s'", word);
}

int building_layers(struct command_call *call, const struct database *db, const struct release *newest, struct build_request *ret, struct error *err)
{
	const char *word = command_value(call, "layers");
	struct history *history = arena_new(call->arena, struct history);

	ret->layers = layers_by_default;
	if (db->project.layers)
		read_layers(db->project.layers, &ret->layers);
	if (word)
		read_layers(word, &ret->layers);
	if (ret->layers != BUILD_LAYERS_LOCKSTEP)
		return 0;
	if (release_history(call->arena, db->root, newest, history, err) < 0)
		return -1;
	ret->history = history;
	return 0;
}

void building_request(const struct command_call *call, struct build_request *ret)
{
	uint64_t jobs = 0;

	if (read_jobs(call, &jobs))
		ret->at_once = (unsigned)jobs;
	ret->fresh_bases = command_flag(call, "fresh-bases");
}

void building_note_layers(const struct built_image *image, struct snapshot *s)
{
	for (size_t i = 0; image->stack && i < image->stack->count; i++) {
		const struct stack_layer *from = &image->stack->layers[i];
		struct installed_layer *l = arena_push(&s->arena, &s->layers, &s->layer_count);

		*l = (struct installed_layer){.digest = arena_strdup(&s->arena, from->made->digest),
					      .diff_id = arena_strdup(&s->arena, from->made->diff_id),
					      .size_bytes = from->made->packed_bytes,
					      .why = arena_strdup(&s->arena, from->why)};
		for (size_t k = 0; k < from->package_count; k++)
			*arena_push(&s->arena, &l->packages, &l->package_count) = arena_strdup(&s->arena, from->packages[k]->name);
	}
}
