#include "recipe/load.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "recipe/layer_text.h"

static void read_base(struct reader *r, const struct value *v, void *target)
{
	((struct container *)target)->base = refer_base(r, v);
}

/* The values of a layer's options as a container gives them; a default or a problem where it gives none. */
static void read_values(struct reader *r, const struct value *v, struct layer_use *use)
{
	struct layer *layer = use->layer;

	use->values = arena_array(r->arena, layer->option_count, sizeof(*use->values));
	for (size_t i = 0; v && v->kind == VALUE_TABLE && i < v->entry_count; i++) {
		struct layer_option *option = refer_option(r, layer, v->entries[i].key_pos, v->entries[i].key);
		const char *value = option ? layer_option_value(r, layer, option, v->entries[i].value) : NULL;

		if (option)
			use->values[option - layer->options] = value ? value : "";
	}
	for (size_t i = 0; i < layer->option_count; i++) {
		const struct layer_option *option = &layer->options[i];

		if (use->values[i])
			continue;
		use->values[i] = option->otherwise ? option->otherwise : "";
		if (option->otherwise || (v && v->kind == VALUE_NULL))
			continue;
		diag_error(r->diag, use->pos, "layer '%s' needs a value for its option '%s'", layer->name, option->name);
		if (option->description)
			diag_hint(r->diag, "%s: %s", option->name, option->description);
	}
}

/* "gcc" or "llvm: {version: 16}". */
static void read_layer_use(struct reader *r, const struct value *v, struct container *c)
{
	struct layer_use use = {.pos = v->pos};
	const struct value *options = NULL;

	if (v->kind == VALUE_TABLE && v->entry_count == 1) {
		struct value name = {.kind = VALUE_TEXT, .pos = v->entries[0].key_pos, .text = v->entries[0].key, .text_length = v->entries[0].key_length};

		use.layer = refer_layer(r, &name);
		options = v->entries[0].value;
		if (!schema_is_empty(options))
			schema_is_table(r, options, "the options of a layer");
	} else if (v->kind == VALUE_TEXT) {
		use.layer = refer_layer(r, v);
	} else if (v->kind != VALUE_NULL) {
		diag_error(r->diag, v->pos, "a layer is a name, or one name with its options");
		diag_hint(r->diag, "as 'gcc' or 'llvm: {version: 16}'");
	}
	if (!use.layer)
		return;
	read_values(r, options, &use);
	for (size_t i = 0; i < c->layer_count; i++) {
		if (c->layers[i].layer != use.layer)
			continue;
		diag_error(r->diag, use.pos, "layer '%s' is twice in 'layers'", use.layer->name);
		return;
	}
	*arena_push(r->arena, &c->layers, &c->layer_count) = use;
}

static void read_layers(struct reader *r, const struct value *v, void *target)
{
	if (!schema_is_list(r, v, "'layers'"))
		return;
	for (size_t i = 0; i < v->item_count; i++)
		read_layer_use(r, v->items[i], target);
}

struct swap_fields {
	const struct value *with;
	const char *why;
};

static const struct schema_row swap_rows[] = {
	{.key = "with", SCHEMA_VALUE, SCHEMA_REQUIRED, offsetof(struct swap_fields, with), .description = "the package that takes its place"},
	{.key = "why", SCHEMA_LINE, SCHEMA_REQUIRED, offsetof(struct swap_fields, why), .description = "why this container differs"},
	{.key = NULL},
};

/* Where no name is near, a list of those that there are does not say what to do. */
static void hint_at_declaring(struct reader *r, const char *name)
{
	const struct diag *d = r->diag;
	const char *hint = d->problem_count ? d->problems[d->problem_count - 1].hint : NULL;

	if (!hint || !text_starts_with(hint, "did you mean"))
		diag_hint(r->diag, "what takes a package's place is declared in recipes/python.yaml too, if only as %s: {groups: []}", name);
}

static void read_swap(struct reader *r, const struct schema_named *named, struct container *c)
{
	struct value name = {.kind = VALUE_TEXT, .pos = named->pos, .text = named->name, .text_length = strlen(named->name)};
	struct swap_fields fields = {0};
	struct swap swap = {.from = refer_package(r, &name), .pos = named->pos};

	if (!schema_read(r, named->value, "a swap", named->pos, swap_rows, &fields) || !fields.with)
		return;
	size_t errors = r->diag->error_count;

	swap.to = refer_package(r, fields.with);
	if (!swap.to && r->diag->error_count > errors && fields.with->kind == VALUE_TEXT)
		hint_at_declaring(r, fields.with->text);
	swap.why = fields.why ? fields.why : "";
	if (!swap.from || !swap.to)
		return;
	if (swap.from == swap.to)
		diag_error(r->diag, fields.with->pos, "package '%s' is swapped with itself", swap.from->name);
	else
		*arena_push(r->arena, &c->swaps, &c->swap_count) = swap;
}

static void read_swaps(struct reader *r, const struct value *v, void *target)
{
	struct schema_named *names;
	size_t count;

	if (!schema_is_table(r, v, "'swaps'"))
		return;
	schema_names(r, v, "package", &word_python_name, true, &names, &count);
	for (size_t i = 0; i < count; i++)
		read_swap(r, &names[i], target);
}

static void read_groups(struct reader *r, const struct value *v, void *target)
{
	struct container *c = target;

	refer_groups(r, v, "'groups'", &c->groups, &c->group_count, &c->group_pos);
}

static const struct schema_row python_rows[] = {
	{.key = "groups", SCHEMA_READ, .read = read_groups, .description = "groups of recipes/python.yaml"},
	{.key = "swaps", SCHEMA_READ, .read = read_swaps, .description = "packages that take the place of others in this container"},
	{.key = "bytecode",
	 SCHEMA_LINE,
	 0,
	 offsetof(struct container, bytecode),
	 .form = &word_bytecode,
	 .description = "how they are compiled: pip, as pip does it; hash, to files that are never compared with their source; or none; pip when missing"},
	{.key = NULL},
};

static void read_python(struct reader *r, const struct value *v, void *target)
{
	schema_read(r, v, "'python'", v->pos, python_rows, target);
}

/* Rows for environment variables: names sorted, values one line each. */
static void load_environment(struct reader *r, const struct value *v, const char *what, const char ***ret_names, const char ***ret_values, size_t *ret_count)
{
	struct schema_named *names;
	size_t count;

	*ret_count = 0;
	if (!schema_is_table(r, v, what))
		return;
	schema_names(r, v, "variable", &word_variable, false, &names, &count);
	*ret_names = arena_array(r->arena, count, sizeof(**ret_names));
	*ret_values = arena_array(r->arena, count, sizeof(**ret_values));
	*ret_count = count;
	for (size_t i = 0; i < count; i++) {
		const struct value *value = names[i].value;
		bool is_empty_text = value->kind == VALUE_TEXT && !value->plain && !value->text_length;
		const char *line = is_empty_text ? "" : schema_line(r, value, "a variable's value", NULL);

		(*ret_names)[i] = names[i].name;
		(*ret_values)[i] = line ? line : "";
	}
}

static void read_env(struct reader *r, const struct value *v, void *target)
{
	struct container *c = target;

	load_environment(r, v, "'env'", &c->env_names, &c->env_values, &c->env_count);
}

static const struct schema_row container_rows[] = {
	{.key = "description", SCHEMA_LINE, 0, offsetof(struct container, description), .description = "what it is for"},
	{.key = "base", SCHEMA_READ, SCHEMA_REQUIRED, .read = read_base, .description = "what it starts from: a file of recipes/bases"},
	{.key = "tag",
	 SCHEMA_LINE,
	 0,
	 offsetof(struct container, tag_name),
	 .form = &word_variable,
	 .description = "the variable that holds its tag in the tag files; its name with '_' when missing"},
	{.key = "layers", SCHEMA_READ, .read = read_layers, .description = "files of recipes/layers with their options, bottom first"},
	{.key = "python", SCHEMA_READ, .read = read_python, .description = "its Python packages: groups, swaps, and how they are compiled"},
	{.key = "apt",
	 SCHEMA_SET,
	 0,
	 offsetof(struct container, apt),
	 offsetof(struct container, apt_count),
	 &word_apt,
	 .description = "further Debian packages of this container only"},
	{.key = "env", SCHEMA_READ, .read = read_env, .description = "environment variables"},
	{.key = "workdir", SCHEMA_LINE, 0, offsetof(struct container, workdir), .form = &word_path, .description = "the folder it starts in"},
	{.key = "user", SCHEMA_LINE, 0, offsetof(struct container, user), .form = &word_user, .description = "the user it runs as"},
	{.key = NULL},
};

static const char *default_tag(struct arena *a, const char *name)
{
	char *tag = arena_printf(a, "%s%s", *name >= '0' && *name <= '9' ? "_" : "", name);

	for (char *p = tag; *p; p++) {
		if (*p == '-' || *p == '.')
			*p = '_';
	}
	return tag;
}

static void load_container(struct reader *r, const char *name)
{
	struct container *c = arena_push(r->arena, &r->db->containers, &r->db->container_count);
	struct value *v;

	c->name = name;
	c->file = arena_printf(r->arena, "containers/%s/container.yaml", name);
	c->pos = (struct pos){c->file, 0, 0};
	v = load_file(r, c->file);
	if (v)
		schema_read(r, v, "a container", c->pos, container_rows, c);
	const struct value *apt = v ? value_get(v, "apt") : NULL;

	c->apt_pos = apt ? apt->pos : c->pos;
	if (!c->tag_name)
		c->tag_name = default_tag(r->arena, name);
	if (!c->bytecode)
		c->bytecode = "pip";
}

static int compare_containers(const void *a, const void *b)
{
	return strcmp(((const struct container *)a)->name, ((const struct container *)b)->name);
}

/* A folder that holds a Dockerfile but describes nothing: what a removed container left behind, which render tells about. */
static bool is_left_behind(struct reader *r, const char *folder)
{
	return !file_exists(path_join(r->arena, folder, "container.yaml")) && file_exists(path_join(r->arena, folder, "Dockerfile"));
}

void load_containers(struct reader *r)
{
	const char *folder = path_join(r->arena, r->db->root, "containers");
	autoerror struct error err = {0};
	char **names = NULL;
	size_t count = 0;

	if (file_list(r->arena, folder, &names, &count, &err) < 0 && err.code != ERR_NOT_FOUND)
		diag_error(r->diag, (struct pos){"containers", 0, 0}, "%s", err.text);
	for (size_t i = 0; i < count; i++) {
		const char *path = path_join(r->arena, folder, names[i]);

		if (names[i][0] == '.' || !file_is_dir(path) || is_left_behind(r, path))
			continue;
		if (word_name.holds(names[i])) {
			load_container(r, names[i]);
			continue;
		}
		diag_error(r->diag, (struct pos){arena_printf(r->arena, "containers/%s", names[i]), 0, 0}, "'%s' is no name of a container", names[i]);
		diag_hint(r->diag, "name: %s", word_name.rule);
	}
	if (r->db->container_count) {
		qsort(r->db->containers, r->db->container_count, sizeof(*r->db->containers), compare_containers);
		return;
	}
	diag_error(r->diag, (struct pos){"containers", 0, 0}, "there is no container");
	diag_hint(r->diag, "describe one in containers/NAME/container.yaml");
}
