#include "recipe/layer_text.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "recipe/load.h"

struct layer_fields {
	const char *description;
	const struct value *requires, *options, *steps, *verify, *snapshot;
};

static const struct schema_row layer_rows[] = {
	{.key = "description", SCHEMA_LINE, 0, offsetof(struct layer_fields, description), .description = "what it is"},
	{.key = "requires", SCHEMA_VALUE, 0, offsetof(struct layer_fields, requires), .description = "layers that must stand below it"},
	{.key = "options", SCHEMA_VALUE, 0, offsetof(struct layer_fields, options), .description = "what a container may choose"},
	{.key = "steps",
	 SCHEMA_VALUE,
	 SCHEMA_REQUIRED,
	 offsetof(struct layer_fields, steps),
	 .description = "what is done, in order: apt, wheels, run, link, file or env"},
	{.key = "verify", SCHEMA_VALUE, 0, offsetof(struct layer_fields, verify), .description = "commands that must succeed in the image"},
	{.key = "snapshot", SCHEMA_VALUE, 0, offsetof(struct layer_fields, snapshot), .description = "commands whose first line of output is recorded"},
	{.key = NULL},
};

struct option_fields {
	struct layer_option option;
	const struct value *otherwise;
	const struct value *pattern;
};

static const struct schema_row option_rows[] = {
	{.key = "description", SCHEMA_LINE, 0, offsetof(struct option_fields, option.description), .description = "what it chooses"},
	{.key = "choices",
	 SCHEMA_SET,
	 0,
	 offsetof(struct option_fields, option.choices),
	 offsetof(struct option_fields, option.choice_count),
	 &word_choice,
	 .description = "the values it may have"},
	{.key = "pattern", SCHEMA_VALUE, 0, offsetof(struct option_fields, pattern), .description = "what a value looks like: version, word or path"},
	{.key = "default", SCHEMA_VALUE, 0, offsetof(struct option_fields, otherwise), .description = "its value where a container says none"},
	{.key = NULL},
};

static void read_option(struct reader *r, const struct layer *layer, const struct schema_named *named, struct layer_option *ret)
{
	struct option_fields fields = {.option = {.name = named->name, .pattern_name = "word", .pos = named->pos}};

	if (schema_read(r, named->value, "an option", named->pos, option_rows, &fields)) {
		const char *pattern = fields.pattern ? schema_line(r, fields.pattern, "'pattern'", &word_pattern) : NULL;

		if (pattern)
			fields.option.pattern_name = pattern;
		if (fields.pattern && fields.option.choice_count)
			diag_error(r->diag, fields.pattern->pos, "option '%s' has choices and a pattern; it can have one", named->name);
		if (fields.otherwise)
			fields.option.otherwise = layer_option_value(r, layer, &fields.option, fields.otherwise);
	}
	*ret = fields.option;
}

static void read_options(struct reader *r, struct layer *layer, const struct value *v)
{
	struct schema_named *names;

	if (!v || !schema_is_table(r, v, "'options'"))
		return;
	schema_names(r, v, "option", &word_option, false, &names, &layer->option_count);
	layer->options = arena_array(r->arena, layer->option_count, sizeof(*layer->options));
	for (size_t i = 0; i < layer->option_count; i++)
		read_option(r, layer, &names[i], &layer->options[i]);
}

/* A value each option could have, to try texts with. */
static void make_sample(struct reader *r, struct layer *layer, struct layer_use *ret)
{
	*ret = (struct layer_use){.layer = layer, .values = arena_array(r->arena, layer->option_count, sizeof(*ret->values)), .pos = layer->pos};
	for (size_t i = 0; i < layer->option_count; i++) {
		const struct layer_option *option = &layer->options[i];

		if (option->otherwise)
			ret->values[i] = option->otherwise;
		else if (option->choice_count)
			ret->values[i] = option->choices[0];
		else
			ret->values[i] = !strcmp(option->pattern_name, "version") ? "1.0" : !strcmp(option->pattern_name, "path") ? "/path" : "word";
	}
}

static void read_layer(struct reader *r, const struct value *v, struct layer *layer, const struct value **ret_requires)
{
	struct layer_fields fields = {0};
	struct layer_reader l = {.r = r, .layer = layer};

	layer->unread = !schema_read(r, v, "a layer", layer->pos, layer_rows, &fields);
	if (layer->unread)
		return;
	layer->description = fields.description;
	*ret_requires = fields.requires;
	read_options(r, layer, fields.options);
	make_sample(r, layer, &l.sample);
	if (fields.steps)
		layer_steps(&l, fields.steps);
	if (fields.verify)
		layer_probes(&l, fields.verify, "'verify'", &layer->verify, &layer->verify_count);
	if (fields.snapshot)
		layer_probes(&l, fields.snapshot, "'snapshot'", &layer->snapshot, &layer->snapshot_count);
}

static void read_requires(struct reader *r, const struct value *v, struct layer *layer)
{
	if (!v || !schema_is_list(r, v, "'requires'"))
		return;
	for (size_t i = 0; i < v->item_count; i++) {
		struct layer *required = refer_layer(r, v->items[i]);
		bool twice = false;

		for (size_t j = 0; required && j < layer->require_count; j++)
			twice |= !strcmp(layer->requires[j], required->name);
		if (twice)
			diag_error(r->diag, v->items[i]->pos, "layer '%s' is twice in 'requires'", required->name);
		else if (required)
			*arena_push(r->arena, &layer->requires, &layer->require_count) = required->name;
	}
}

void load_layers(struct reader *r)
{
	struct database *db = r->db;
	char **names;

	load_names(r, "recipes/layers", "layer", &names, &db->layer_count);
	db->layers = arena_array(r->arena, db->layer_count, sizeof(*db->layers));
	autofree const struct value **requires = mem_zero(db->layer_count, sizeof(const struct value *));

	for (size_t i = 0; i < db->layer_count; i++) {
		const char *file = arena_printf(r->arena, "recipes/layers/%s.yaml", names[i]);
		struct value *v = load_file(r, file);

		db->layers[i].name = names[i];
		db->layers[i].pos = (struct pos){file, 0, 0};
		db->layers[i].unread = !v;
		if (v)
			read_layer(r, v, &db->layers[i], &requires[i]);
	}
	for (size_t i = 0; i < db->layer_count; i++)
		read_requires(r, requires[i], &db->layers[i]);
	check_layers(r, requires);
}
