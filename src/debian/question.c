#include "debian/question.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/digest.h"
#include "recipe/database.h"
#include "render/stage.h"

/* Another number when the same recipes ask apt for something else. */
#define QUESTION_VERSION "lockstep system 1"

static const char *end_short(struct arena *a, struct digest *d)
{
	char hex[DIGEST_HEX_LENGTH + 1];

	digest_end(d, hex);
	return arena_strndup(a, hex, SYSTEM_DIGEST_LENGTH);
}

static void add_list(struct digest *d, const char *const *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		digest_add_part(d, items[i]);
	digest_add_part(d, NULL);
}

static const char *place_digest(struct arena *a, const struct base *b)
{
	struct digest d;

	digest_begin(&d);
	digest_add_part(&d, QUESTION_VERSION);
	digest_add_part(&d, b->name);
	digest_add_part(&d, b->environment.machine);
	if (b->source == BASE_IMAGE) {
		digest_add_part(&d, b->image);
	} else {
		digest_add_part(&d, b->suite);
		add_list(&d, (const char *const *)b->components, b->component_count);
	}
	return end_short(a, &d);
}

static const char *base_digest(struct arena *a, const struct base *b, const char *place)
{
	struct digest d;

	digest_begin(&d);
	digest_add_part(&d, place);
	if (b->source == BASE_MMDEBSTRAP) {
		digest_add_part(&d, b->variant);
		add_list(&d, (const char *const *)b->packages, b->package_count);
	}
	return end_short(a, &d);
}

static const char *stage_digest(struct arena *a, const struct system_stage *s, const char *below)
{
	struct digest d;

	digest_begin(&d);
	digest_add_part(&d, below);
	digest_add_part(&d, s->name);
	for (size_t i = 0; i < s->step_count; i++)
		add_list(&d, s->steps[i].words, s->steps[i].word_count);
	return end_short(a, &d);
}

/* The words in their order, each once: the order of a list says nothing. */
static void set_words(struct arena *a, struct system_step *step, const char *const *words, size_t count)
{
	step->words = arena_array(a, count + 1, sizeof(*step->words));
	for (size_t i = 0; i < count; i++)
		step->words[i] = words[i];
	if (count)
		qsort(step->words, count, sizeof(*step->words), text_compare_items);
	for (size_t i = 0; i < count; i++) {
		if (!step->word_count || strcmp(step->words[step->word_count - 1], step->words[i]) != 0)
			step->words[step->word_count++] = step->words[i];
	}
}

static void add_layer_steps(struct arena *a, const struct layer_use *use, struct system_stage *s)
{
	for (size_t i = 0; i < use->layer->step_count; i++) {
		const struct layer_step *step = &use->layer->steps[i];

		if (step->kind != STEP_APT || !layer_use_holds(use, step->conditions, step->condition_count))
			continue;
		struct system_step *one = arena_push(a, &s->steps, &s->step_count);
		const char **words = arena_array(a, step->word_count, sizeof(*words));

		for (size_t k = 0; k < step->word_count; k++)
			words[k] = layer_use_expand(a, use, step->words[k]);
		*one = (struct system_step){.pos = step->pos, .what = arena_printf(a, "layer '%s'", use->layer->name)};
		set_words(a, one, words, step->word_count);
	}
}

bool system_is_asked(const struct container *c)
{
	if (c->base->source == BASE_MMDEBSTRAP || c->apt_count)
		return true;
	for (size_t i = 0; i < c->layer_count; i++) {
		const struct layer_use *use = &c->layers[i];

		for (size_t k = 0; k < use->layer->step_count; k++) {
			const struct layer_step *step = &use->layer->steps[k];

			if (step->kind == STEP_APT && layer_use_holds(use, step->conditions, step->condition_count))
				return true;
		}
	}
	return false;
}

static void add_stage(struct arena *a, const struct container *c, const struct stage *rendered, struct system_chain *chain)
{
	struct system_stage s = {.name = rendered->name};

	if (rendered->kind == STAGE_LAYER)
		add_layer_steps(a, rendered->layer_use, &s);
	if (rendered->kind == STAGE_APT) {
		struct system_step *one = arena_push(a, &s.steps, &s.step_count);

		*one = (struct system_step){.pos = c->apt_pos, .what = arena_printf(a, "container '%s'", c->name)};
		set_words(a, one, c->apt, c->apt_count);
	}
	if (!s.step_count)
		return;
	s.digest = stage_digest(a, &s, chain->stage_count ? chain->stages[chain->stage_count - 1].digest : chain->base_digest);
	*arena_push(a, &chain->stages, &chain->stage_count) = s;
}

int system_chains(struct arena *a, const struct database *db, struct system_chain **ret, struct error *err)
{
	struct render *render = render_open(a, db);
	struct system_chain *chains = arena_array(a, db->container_count, sizeof(*chains));

	for (size_t i = 0; i < db->container_count; i++) {
		const struct container *c = &db->containers[i];
		struct system_chain *chain = &chains[i];
		struct stage *stages;
		size_t count;

		if (render_stages(a, render, c, &stages, &count, err) < 0)
			return -1;
		chain->container = c;
		chain->place = place_digest(a, c->base);
		chain->base_digest = base_digest(a, c->base, chain->place);
		for (size_t k = 0; k < count; k++)
			add_stage(a, c, &stages[k], chain);
		chain->text = arena_printf(a, "%s %s %s", c->base->name, chain->place, chain->base_digest);
		for (size_t k = 0; k < chain->stage_count; k++)
			chain->text = arena_printf(a, "%s %s", chain->text, chain->stages[k].digest);
	}
	*ret = chains;
	return 0;
}

const char *system_base_label(struct arena *a, const struct base *base)
{
	return arena_printf(a, "base:%s", base->name);
}

const char *system_stage_label(struct arena *a, const char *container, const char *stage)
{
	return arena_printf(a, "%s/%s", container, stage);
}
