#include "recipe/layer_text.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "python/requirement.h"
#include "recipe/load.h"

struct step_fields {
	const struct value *actions[7]; /* as `actions` below */
	const struct value *when;
	const char *why;
};

#define ACTION(i) offsetof(struct step_fields, actions[i])
static const struct schema_row step_rows[] = {
	{.key = "apt", SCHEMA_VALUE, 0, ACTION(0), .description = "Debian packages"},
	{.key = "wheels", SCHEMA_VALUE, 0, ACTION(1), .description = "the content of wheels, put into a folder"},
	{.key = "run", SCHEMA_VALUE, 0, ACTION(2), .description = "a program and its arguments"},
	{.key = "link", SCHEMA_VALUE, 0, ACTION(3), .description = "a symbolic link"},
	{.key = "file", SCHEMA_VALUE, 0, ACTION(4), .description = "a file with its content"},
	{.key = "env", SCHEMA_VALUE, 0, ACTION(5), .description = "environment variables"},
	{.key = "archive", SCHEMA_VALUE, 0, ACTION(6), .description = "a tar archive, unpacked into a folder"},
	{.key = "when", SCHEMA_VALUE, 0, offsetof(struct step_fields, when), .description = "options and the values they must have for this step"},
	{.key = "why", SCHEMA_LINE, 0, offsetof(struct step_fields, why), .description = "a comment for the Dockerfile"},
	{.key = NULL},
};

static void read_words(struct layer_reader *l, const struct value *v, const char *what, const struct word_form *form, struct layer_step *step)
{
	if (!schema_is_list(l->r, v, what) || !v->item_count) {
		if (schema_is_empty(v) || v->kind == VALUE_ARRAY)
			diag_error(l->r->diag, v->pos, "%s is empty", what);
		return;
	}
	for (size_t i = 0; i < v->item_count; i++) {
		const char *word = layer_line(l, v->items[i], what, form, false);

		if (word)
			*arena_push(l->r->arena, &step->words, &step->word_count) = word;
	}
	schema_report_repeated(l->r, v, what);
}

static void read_apt(struct layer_reader *l, const struct value *v, struct layer_step *step)
{
	step->kind = STEP_APT;
	read_words(l, v, "'apt'", &word_apt, step);
}

struct path_fields {
	const struct value *path, *second, *third;
};

static const struct schema_row wheels_rows[] = {
	{.key = "requirements",
	 SCHEMA_VALUE,
	 SCHEMA_REQUIRED,
	 offsetof(struct path_fields, second),
	 .description = "what is locked and unpacked, as \"cuda-toolkit[nvcc]==13.0.*\" (PEP 508)"},
	{.key = "into", SCHEMA_VALUE, SCHEMA_REQUIRED, offsetof(struct path_fields, path), .description = "the folder their content goes to"},
	{.key = "from",
	 SCHEMA_VALUE,
	 0,
	 offsetof(struct path_fields, third),
	 .description = "the folder inside site-packages whose content that is; all of it when missing"},
	{.key = NULL},
};

static void check_requirement(struct layer_reader *l, const struct value *v, const char *text)
{
	struct diag *d = l->r->diag;
	autoarena struct arena scratch = {0};
	const char *tried = layer_use_expand(&scratch, &l->sample, text), *why = "";
	size_t at = 0;
	struct requirement *requirement = requirement_parse(&scratch, tried, &at, &why);

	if (!requirement) {
		diag_error(d, strcmp(tried, text) != 0 ? v->pos : schema_pos_in(l->r, v, at), "'%s' is no requirement (PEP 508): %s", tried, why);
		return;
	}
	if (!requirement->url)
		return;
	diag_error(d, v->pos, "a requirement of a layer cannot have an address");
	diag_hint(d, "name an index in recipes/project.yaml; what is committed works behind any mirror");
}

static void read_wheels(struct layer_reader *l, const struct value *v, struct layer_step *step)
{
	struct path_fields fields = {0};

	step->kind = STEP_WHEELS;
	step->path = "/";
	if (!schema_read(l->r, v, "'wheels'", v->pos, wheels_rows, &fields))
		return;
	if (fields.second)
		read_words(l, fields.second, "'requirements'", NULL, step);
	for (size_t i = 0; fields.second && fields.second->kind == VALUE_ARRAY && i < fields.second->item_count; i++) {
		const struct value *item = fields.second->items[i];

		if (item->kind == VALUE_TEXT && item->text_length && !strchr(item->text, '\n'))
			check_requirement(l, item, item->text);
	}
	const char *path = fields.path ? layer_line(l, fields.path, "'into'", &word_path, false) : NULL;

	step->path = path ? path : step->path;
	step->target = fields.third ? layer_line(l, fields.third, "'from'", &word_inner_path, false) : NULL;
}

static void read_run(struct layer_reader *l, const struct value *v, struct layer_step *step)
{
	step->kind = STEP_RUN;
	step->words = layer_argv(l, v, "'run'", &step->word_count);
}

static const struct schema_row link_rows[] = {
	{.key = "path", SCHEMA_VALUE, SCHEMA_REQUIRED, offsetof(struct path_fields, path), .description = "where the link is"},
	{.key = "target", SCHEMA_VALUE, SCHEMA_REQUIRED, offsetof(struct path_fields, second), .description = "what it leads to"},
	{.key = NULL},
};

static void read_link(struct layer_reader *l, const struct value *v, struct layer_step *step)
{
	struct path_fields fields = {0};

	step->kind = STEP_LINK;
	step->path = step->target = "/";
	if (!schema_read(l->r, v, "'link'", v->pos, link_rows, &fields))
		return;
	const char *path = fields.path ? layer_line(l, fields.path, "'path'", &word_path, false) : NULL;
	const char *target = fields.second ? layer_line(l, fields.second, "'target'", &word_link_target, false) : NULL;

	step->path = path ? path : step->path;
	step->target = target ? target : step->target;
}

static const struct schema_row file_rows[] = {
	{.key = "path", SCHEMA_VALUE, SCHEMA_REQUIRED, offsetof(struct path_fields, path), .description = "where the file is"},
	{.key = "content", SCHEMA_VALUE, SCHEMA_REQUIRED, offsetof(struct path_fields, second), .description = "all of its text"},
	{.key = "mode", SCHEMA_VALUE, 0, offsetof(struct path_fields, third), .description = "\"0644\", when missing, or \"0755\""},
	{.key = NULL},
};

static void read_file(struct layer_reader *l, const struct value *v, struct layer_step *step)
{
	struct path_fields fields = {0};

	step->kind = STEP_FILE;
	step->path = "/";
	step->content = "";
	step->mode = 0644;
	if (!schema_read(l->r, v, "'file'", v->pos, file_rows, &fields))
		return;
	const char *path = fields.path ? layer_line(l, fields.path, "'path'", &word_path, false) : NULL;
	const char *content = fields.second ? layer_text(l, fields.second, "'content'") : NULL;
	const char *mode = fields.third ? schema_line(l->r, fields.third, "'mode'", &word_mode) : NULL;

	step->path = path ? path : step->path;
	step->content = content ? content : step->content;
	step->mode = mode && !strcmp(mode, "0755") ? 0755 : 0644;
}

struct archive_fields {
	const struct value *url, *to;
	const char *sha256, *strip;
};

static const struct schema_row archive_rows[] = {
	{.key = "url",
	 SCHEMA_VALUE,
	 SCHEMA_REQUIRED,
	 offsetof(struct archive_fields, url),
	 .description = "where it is, as https://.../tool-${version}.tar.gz"},
	{.key = "sha256",
	 SCHEMA_LINE,
	 SCHEMA_REQUIRED,
	 offsetof(struct archive_fields, sha256),
	 .form = &word_sha256,
	 .description = "64 hex digits; a step for each version, with 'when', where there are several"},
	{.key = "to", SCHEMA_VALUE, SCHEMA_REQUIRED, offsetof(struct archive_fields, to), .description = "the folder it is unpacked into"},
	{.key = "strip",
	 SCHEMA_LINE,
	 0,
	 offsetof(struct archive_fields, strip),
	 .form = &word_strip,
	 .description = "how many folders at the beginning of its names are left out; 0 when missing"},
	{.key = NULL},
};

static void read_archive(struct layer_reader *l, const struct value *v, struct layer_step *step)
{
	struct archive_fields fields = {0};

	step->kind = STEP_ARCHIVE;
	step->path = "/";
	step->target = "https://archive.invalid/archive.tar";
	step->content = "";
	if (!schema_read(l->r, v, "'archive'", v->pos, archive_rows, &fields))
		return;
	const char *url = fields.url ? layer_line(l, fields.url, "'url'", &word_archive_url, false) : NULL;
	const char *to = fields.to ? layer_line(l, fields.to, "'to'", &word_path, false) : NULL;

	step->target = url ? url : step->target;
	step->path = to ? to : step->path;
	step->content = fields.sha256 ? fields.sha256 : "";
	step->mode = fields.strip ? (unsigned)(*fields.strip - '0') : 0;
}

/* One step for each variable, in the order of the file: a later one may use an earlier one. */
static void read_env(struct layer_reader *l, const struct value *v, struct layer_step *step)
{
	struct layer_step first = *step;
	bool any = false;

	step->kind = STEP_ENV;
	step->name = step->value = "";
	if (!schema_is_table(l->r, v, "'env'") || !v->entry_count) {
		if (schema_is_empty(v) || v->kind == VALUE_TABLE)
			diag_error(l->r->diag, v->pos, "'env' is empty");
		return;
	}
	for (size_t i = 0; i < v->entry_count; i++) {
		const struct value_entry *entry = &v->entries[i];
		struct layer_step *one = any ? arena_push(l->r->arena, &l->layer->steps, &l->layer->step_count) : step;
		const char *value = layer_line(l, entry->value, "a value of 'env'", NULL, true);

		*one = first;
		one->kind = STEP_ENV;
		one->name = entry->key;
		one->value = value ? value : "";
		one->why = any ? NULL : first.why;
		any = true;
		if (word_variable.holds(entry->key))
			continue;
		diag_error(l->r->diag, entry->key_pos, "'%s' is no %s", entry->key, word_variable.name);
		diag_hint(l->r->diag, "%s: %s", word_variable.name, word_variable.rule);
	}
}

static void (*const actions[])(struct layer_reader *l, const struct value *v, struct layer_step *step) = {read_apt,  read_wheels, read_run,    read_link,
													  read_file, read_env,    read_archive};

static void read_step(struct layer_reader *l, const struct value *v)
{
	struct step_fields fields = {0};
	size_t count = 0, chosen = 0, errors = l->r->diag->error_count;

	if (!schema_read(l->r, v, "a step", v->pos, step_rows, &fields))
		return;
	for (size_t i = ARRAY_LEN(actions); i-- > 0;) {
		if (!fields.actions[i])
			continue;
		chosen = i;
		count++;
	}
	if (!count && errors != l->r->diag->error_count)
		return; /* what it does stands under a misspelt key, most likely */
	if (count != 1) {
		if (count)
			diag_error(l->r->diag, v->pos, "a step does one thing, and this one has %zu", count);
		else
			diag_error(l->r->diag, v->pos, "the step has nothing to do");
		diag_hint(l->r->diag, "one of: apt, wheels, archive, run, link, file, env");
		return;
	}
	struct layer_step *step = arena_push(l->r->arena, &l->layer->steps, &l->layer->step_count);

	step->pos = v->pos;
	step->why = fields.why;
	layer_conditions(l, fields.when, &step->conditions, &step->condition_count);
	actions[chosen](l, fields.actions[chosen], step);
}

void layer_steps(struct layer_reader *l, const struct value *v)
{
	if (!schema_is_list(l->r, v, "'steps'"))
		return;
	for (size_t i = 0; i < v->item_count; i++)
		read_step(l, v->items[i]);
}

struct probe_fields {
	const char *name;
	const struct value *when, *files, *run;
};

static const struct schema_row probe_rows[] = {
	{.key = "name", SCHEMA_LINE, SCHEMA_REQUIRED, offsetof(struct probe_fields, name), .description = "what is asked, in a few words"},
	{.key = "when", SCHEMA_VALUE, 0, offsetof(struct probe_fields, when), .description = "options and the values they must have for this"},
	{.key = "files", SCHEMA_VALUE, 0, offsetof(struct probe_fields, files), .description = "files by name, written into the empty folder it runs in"},
	{.key = "run", SCHEMA_VALUE, SCHEMA_REQUIRED, offsetof(struct probe_fields, run), .description = "commands, each a list: [[gcc, a.c], [./a.out]]"},
	{.key = NULL},
};

static void read_probe_files(struct layer_reader *l, const struct value *v, struct layer_probe *probe)
{
	size_t count = 0;

	if (!schema_is_table(l->r, v, "'files'"))
		return;
	for (size_t i = 0; i < v->entry_count; i++) {
		const struct value_entry *entry = &v->entries[i];
		const char *content = layer_text(l, entry->value, "a file's content");

		if (!word_file.holds(entry->key)) {
			diag_error(l->r->diag, entry->key_pos, "'%s' is no %s", entry->key, word_file.name);
			diag_hint(l->r->diag, "%s: %s", word_file.name, word_file.rule);
			continue;
		}
		*arena_push(l->r->arena, &probe->file_names, &probe->file_count) = entry->key;
		*arena_push(l->r->arena, &probe->file_contents, &count) = content ? content : "";
	}
}

static void read_probe(struct layer_reader *l, const struct value *v, struct layer_probe *probe)
{
	struct probe_fields fields = {0};
	size_t words;

	probe->pos = v->pos;
	probe->name = "";
	if (!schema_read(l->r, v, "a probe", v->pos, probe_rows, &fields))
		return;
	probe->name = fields.name ? fields.name : "";
	layer_conditions(l, fields.when, &probe->conditions, &probe->condition_count);
	if (fields.files)
		read_probe_files(l, fields.files, probe);
	if (!fields.run || fields.run->kind == VALUE_NULL)
		return;
	if (fields.run->kind != VALUE_ARRAY || !fields.run->item_count) {
		diag_error(l->r->diag, fields.run->pos, "'run' must be a list of commands, each a list");
		diag_hint(l->r->diag, "as [[gcc, --version]]");
		return;
	}
	for (size_t i = 0; i < fields.run->item_count; i++) {
		const char **argv = layer_argv(l, fields.run->items[i], "a command", &words);

		if (argv)
			*arena_push(l->r->arena, &probe->commands, &probe->command_count) = argv;
	}
}

void layer_probes(struct layer_reader *l, const struct value *v, const char *what, struct layer_probe **ret, size_t *ret_count)
{
	if (!schema_is_list(l->r, v, what))
		return;
	for (size_t i = 0; i < v->item_count; i++) {
		struct layer_probe *probe = arena_push(l->r->arena, ret, ret_count);

		read_probe(l, v->items[i], probe);
	}
}
