/* 'when' of a constraint: a table of what must hold, a list of such, or the short text of one. */
#include "recipe/constraint.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "python/marker.h"
#include "python/version.h"
#include "recipe/layer_text.h"
#include "recipe/load.h"

/* The first word of a marker outside of quotes that has a value only where a package is installed or a lock file is read; NULL when there is none. */
static const char *word_without_value(const char *marker, size_t *ret_length)
{
	static const char *const words[] = {"extra", "extras", "dependency_groups"};
	const char *at = marker;

	while (*at) {
		size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");

		if (*at == '\'' || *at == '"') {
			at = strchr(at + 1, *at); /* a valid marker closes what it opens */
			length = 1;
		}
		for (size_t i = 0; i < ARRAY_LEN(words); i++) {
			if (strlen(words[i]) != length || strncmp(at, words[i], length) != 0)
				continue;
			*ret_length = length;
			return at;
		}
		at += length ? length : 1;
	}
	return NULL;
}

static void add_condition(struct reader *r, struct constraint *c, const struct condition *condition)
{
	*arena_push(r->arena, &c->when, &c->when_count) = *condition;
}

/* `text` is all of v. */
static void add_marker(struct reader *r, const struct value *v, const char *text, struct constraint *c)
{
	size_t at = 0, length;
	const struct marker *marker = marker_parse(r->arena, text, &at);
	const char *word;

	if (!marker) {
		diag_error(r->diag, schema_pos_in(r, v, at), "'%s' is no marker (PEP 508)", text);
		diag_hint(r->diag, "as \"python_version < '3.10'\" or \"platform_machine == 'aarch64'\"");
		return;
	}
	word = word_without_value(text, &length);
	if (word) {
		diag_error(r->diag, schema_pos_in(r, v, (size_t)(word - text)), "'%.*s' has no value in a condition", (int)length, word);
		return;
	}
	const char *normal = marker_normal(r->arena, marker);

	add_condition(r, c, &(struct condition){.kind = CONDITION_MARKER, .marker = normal ? normal : text, .pos = v->pos});
}

/* Whether every value that the option can have is a version. */
static bool holds_versions(struct arena *a, const struct layer_option *option)
{
	for (size_t i = 0; i < option->choice_count; i++) {
		if (!version_parse(a, option->choices[i]))
			return false;
	}
	return option->choice_count || !strcmp(option->pattern_name, "version");
}

/* What of a layer must hold, in pieces. */
struct layer_fact {
	struct layer *layer;
	const char *option; /* its name, or NULL for "version" */
	struct pos option_pos;
	const char *specifier;            /* or NULL; trimmed */
	const struct value *specifier_in; /* which value it stands in, from where on */
	size_t specifier_at;
	const struct value *is;
};

static void add_version_fact(struct reader *r, const struct layer_fact *fact, const struct layer_option *option, struct condition *condition,
			     struct constraint *c)
{
	size_t at = 0;
	const struct specifier_set *set = specifier_set_parse(r->arena, fact->specifier, &at);

	if (!set) {
		diag_error(r->diag, schema_pos_in(r, fact->specifier_in, fact->specifier_at + at), "'%s' is no version specifier (PEP 440)", fact->specifier);
		diag_hint(r->diag, "as \">=12\" or \">=12,<13\"");
		return;
	}
	if (!holds_versions(r->arena, option)) {
		diag_error(r->diag, fact->option_pos, "the values of option '%s' of layer '%s' need not be versions, so they cannot be compared", option->name,
			   fact->layer->name);
		diag_hint(r->diag, "give the option choices that are versions, or 'pattern: version'; for one value write {layer: %s, option: %s, is: VALUE}",
			  fact->layer->name, option->name);
		return;
	}
	condition->specifier = specifier_set_normal(set);
	add_condition(r, c, condition);
}

static void add_fact(struct reader *r, const struct layer_fact *fact, struct pos at, struct constraint *c)
{
	struct condition condition = {.kind = CONDITION_LAYER, .layer = fact->layer, .pos = at};
	struct layer_option *option;

	if (!fact->specifier && !fact->is) {
		add_condition(r, c, &condition);
		return;
	}
	option = refer_option(r, fact->layer, fact->option_pos, fact->option ? fact->option : "version");
	if (!option)
		return;
	condition.option = option->name;
	if (fact->specifier) {
		add_version_fact(r, fact, option, &condition, c);
		return;
	}
	condition.value = layer_option_value(r, fact->layer, option, fact->is);
	if (condition.value)
		add_condition(r, c, &condition);
}

struct when_fields {
	const struct value *marker, *container, *layer, *option, *version, *is;
};

static const struct schema_row when_rows[] = {
	{.key = "marker", SCHEMA_VALUE, 0, offsetof(struct when_fields, marker), .description = "a PEP 508 marker, as \"python_version < '3.10'\""},
	{.key = "container", SCHEMA_VALUE, 0, offsetof(struct when_fields, container), .description = "in this container only"},
	{.key = "layer", SCHEMA_VALUE, 0, offsetof(struct when_fields, layer), .description = "where the container has this layer"},
	{.key = "option", SCHEMA_VALUE, 0, offsetof(struct when_fields, option), .description = "which option of the layer is looked at; version when missing"},
	{.key = "version", SCHEMA_VALUE, 0, offsetof(struct when_fields, version), .description = "and the option's value is in this specifier, as \">=12\""},
	{.key = "is", SCHEMA_VALUE, 0, offsetof(struct when_fields, is), .description = "and the option's value is this one"},
	{.key = NULL},
};

static void read_layer_fact(struct reader *r, const struct when_fields *fields, struct constraint *c)
{
	struct layer_fact fact = {.layer = refer_layer(r, fields->layer), .option_pos = fields->layer->pos, .is = fields->is};

	if (fields->option) {
		fact.option_pos = fields->option->pos;
		fact.option = schema_line(r, fields->option, "'option'", NULL);
		if (!fact.option)
			return;
	} else if (fields->version) {
		fact.option_pos = fields->version->pos;
	}
	if (fields->version) {
		fact.specifier = schema_line(r, fields->version, "'version'", NULL);
		fact.specifier_in = fields->version;
		if (!fact.specifier)
			return;
	}
	if (fact.layer)
		add_fact(r, &fact, fields->layer->pos, c);
}

/* What belongs to a layer, and what a layer's option needs. False when something is missing, which is said. */
static bool check_fields(struct reader *r, const struct when_fields *fields, struct pos at)
{
	const struct value *of_layer = fields->option ? fields->option : fields->version ? fields->version : fields->is;

	if (!fields->layer && of_layer)
		diag_error(r->diag, of_layer->pos, "'%s' says something of a layer, and no layer is named",
			   of_layer == fields->option    ? "option"
			   : of_layer == fields->version ? "version"
							 : "is");
	else if (!fields->marker && !fields->container && !fields->layer)
		diag_error(r->diag, at, "'when' needs one of 'marker', 'container' and 'layer'");
	else if (fields->version && fields->is)
		diag_error(r->diag, fields->is->pos, "'when' has 'version' and 'is'; it can have one of them");
	else if (fields->option && !fields->version && !fields->is)
		diag_error(r->diag, fields->option->pos, "'when' names an option and does not say what its value must be: 'version' or 'is'");
	else if (fields->is && !fields->option)
		diag_error(r->diag, fields->is->pos, "'is' needs an 'option' whose value it is");
	else
		return true;
	return false;
}

static void read_table(struct reader *r, const struct value *v, struct constraint *c)
{
	struct when_fields fields = {0};
	size_t errors = r->diag->error_count;

	/* A misspelt key is not also said to be missing. */
	if (!schema_read(r, v, "'when'", v->pos, when_rows, &fields) || r->diag->error_count > errors || !check_fields(r, &fields, v->pos))
		return;
	if (fields.marker) {
		const char *text = schema_line(r, fields.marker, "'marker'", NULL);

		if (text)
			add_marker(r, fields.marker, text, c);
	}
	if (fields.container) {
		const struct container *container = refer_container(r, fields.container);

		if (container)
			add_condition(r, c, &(struct condition){.kind = CONDITION_CONTAINER, .container = container, .pos = fields.container->pos});
	}
	if (fields.layer)
		read_layer_fact(r, &fields, c);
}

static bool is_marker_variable(struct arena *a, const char *name)
{
	size_t at;

	return marker_parse(a, arena_printf(a, "%s == ''", name), &at) != NULL;
}

static void read_text(struct reader *r, const struct value *v, struct constraint *c)
{
	const char *text = schema_line(r, v, "'when'", NULL);
	size_t errors;

	if (!text)
		return;
	size_t length = strcspn(text, " \t<>=!~"), behind = length + strspn(text + length, " \t");
	char *name = arena_strndup(r->arena, text, length);

	/* In a marker one side of each comparison is quoted; where that was forgotten, it is meant to be one all the same. */
	if (strpbrk(text, "'\"(") || is_marker_variable(r->arena, name)) {
		errors = r->diag->error_count;
		add_marker(r, v, text, c);
		if (r->diag->error_count > errors && database_layer(r->db, name))
			diag_hint(r->diag, "several conditions are a list: [cuda >= 12, \"python_version < '3.10'\"]");
		return;
	}
	struct layer_fact fact = {.layer = database_layer(r->db, name), .option_pos = v->pos, .specifier_in = v, .specifier_at = behind};

	if (fact.layer) {
		fact.specifier = text[behind] ? text + behind : NULL;
		add_fact(r, &fact, v->pos, c);
		return;
	}
	struct value named = {.kind = VALUE_TEXT, .pos = v->pos, .text = name, .text_length = length};

	if (database_container(r->db, name)) {
		diag_error(r->diag, v->pos, "'%s' is a container, not a layer", name);
		diag_hint(r->diag, "write {container: %s}", name);
	} else {
		refer_layer(r, &named);
	}
}

static void read_one(struct reader *r, const struct value *v, struct constraint *c)
{
	if (v->kind == VALUE_TABLE)
		read_table(r, v, c);
	else if (v->kind == VALUE_TEXT)
		read_text(r, v, c);
	else if (v->kind != VALUE_NULL) {
		diag_error(r->diag, v->pos, "'when' must be a table, a text or a list of these, and is %s", value_kind_name(v->kind));
		diag_hint(r->diag, "as {marker: \"python_version < '3.10'\"}, {container: ci-gpu} or cuda >= 12");
	}
}

void condition_read(struct reader *r, const struct value *v, struct constraint *c)
{
	if (v->kind != VALUE_ARRAY) {
		read_one(r, v, c);
		return;
	}
	if (!v->item_count)
		diag_error(r->diag, v->pos, "'when' is empty");
	for (size_t i = 0; i < v->item_count; i++)
		read_one(r, v->items[i], c);
}

static const char *condition_key(struct arena *a, const struct condition *condition)
{
	switch (condition->kind) {
	case CONDITION_MARKER:
		return arena_printf(a, "marker %s", condition->marker);
	case CONDITION_CONTAINER:
		return arena_printf(a, "container %s", condition->container->name);
	default:
		return arena_printf(a, "layer %s %s %s %s", condition->layer->name, condition->option ? condition->option : "",
				    condition->specifier ? condition->specifier : "", condition->value ? condition->value : "");
	}
}

const char *constraint_key(struct arena *a, const struct constraint *c)
{
	const char **keys = arena_array(a, c->when_count, sizeof(*keys));
	const char *text = c->specifier;

	for (size_t i = 0; i < c->when_count; i++)
		keys[i] = condition_key(a, &c->when[i]);
	if (c->when_count)
		qsort(keys, c->when_count, sizeof(*keys), text_compare_items);
	for (size_t i = 0; i < c->when_count; i++)
		text = arena_printf(a, "%s\n%s", text, keys[i]);
	return text;
}
