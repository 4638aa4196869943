#include "lock/lock_text.h"

#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "io/toml.h"
#include "lock/lock_fields.h"
#include "lock/lock_order.h"
#include "lock/lock_reader.h"
#include "python/requirement.h"

static const struct lock_field head_fields[] = {
	{"version", FIELD_OTHER, true, 0, 0},
	{"project", FIELD_TEXT, true, offsetof(struct lock, project), 0},
	{"inputs", FIELD_SHA256, true, offsetof(struct lock, inputs), 0},
	{"cut-off", FIELD_OTHER, true, 0, 0},
	{"tools", FIELD_OTHER, true, 0, 0},
	{"environment", FIELD_OTHER, false, 0, 0},
	{"container", FIELD_OTHER, false, 0, 0},
	{"package", FIELD_OTHER, false, 0, 0},
	{"toolchain", FIELD_OTHER, false, 0, 0},
	{"deb", FIELD_OTHER, false, 0, 0},
	{"archive", FIELD_OTHER, false, 0, 0},
	{NULL, FIELD_OTHER, false, 0, 0},
};

static const struct lock_field environment_fields[] = {
	{"name", FIELD_TEXT, true, offsetof(struct lock_environment, name), 0},
	{"python", FIELD_TEXT, true, offsetof(struct lock_environment, python), 0},
	{"implementation", FIELD_TEXT, true, offsetof(struct lock_environment, implementation), 0},
	{"os", FIELD_TEXT, true, offsetof(struct lock_environment, os), 0},
	{"machine", FIELD_TEXT, true, offsetof(struct lock_environment, machine), 0},
	{"libc", FIELD_TEXT, true, offsetof(struct lock_environment, libc), 0},
	{"libc-version", FIELD_TEXT, true, offsetof(struct lock_environment, libc_version), 0},
	{NULL, FIELD_OTHER, false, 0, 0},
};

static const struct lock_field container_fields[] = {
	{"name", FIELD_FILE_NAME, true, offsetof(struct lock_container, name), 0},
	{"environment", FIELD_TEXT, true, offsetof(struct lock_container, environment), 0},
	{"further", FIELD_TEXTS, false, offsetof(struct lock_container, further), offsetof(struct lock_container, further_count)},
	{"inputs", FIELD_SHA256, true, offsetof(struct lock_container, inputs), 0},
	{"debian", FIELD_TEXT, false, offsetof(struct lock_container, debian), 0},
	{"groups", FIELD_TEXTS, true, offsetof(struct lock_container, groups), offsetof(struct lock_container, group_count)},
	{"direct", FIELD_OTHER, true, 0, 0},
	{"layers", FIELD_TEXTS, false, offsetof(struct lock_container, layers), offsetof(struct lock_container, layer_count)},
	{NULL, FIELD_OTHER, false, 0, 0},
};

enum { SCRATCH_BYTES = 32 * 1024 };

struct arena *lock_reader_scratch(struct lock_reader *r)
{
	if (r->scratch.total_bytes > SCRATCH_BYTES)
		arena_release(&r->scratch);
	return &r->scratch;
}

static const struct value no_items = {.kind = VALUE_ARRAY};

const struct value *lock_reader_list(struct lock_reader *r, const struct value *table, const char *key)
{
	const struct value *v = value_get(table, key);

	if (v && v->kind != VALUE_ARRAY)
		diag_error(r->d, v->pos, "'%s' must be a list, not %s", key, value_kind_name(v->kind));
	return v && v->kind == VALUE_ARRAY ? v : &no_items;
}

void lock_reader_unknown(struct lock_reader *r, struct pos at, const char *kind, const char *name, const char *const *names, size_t count)
{
	const char *near = text_nearest(name, names, count);

	diag_error(r->d, at, "there is no %s '%s' in this lock", kind, name);
	if (near)
		diag_hint(r->d, "did you mean '%s'?", near);
}

static void read_tools(struct lock_reader *r)
{
	const struct value *tools = value_get(r->document, "tools");

	if (!tools)
		return;
	if (tools->kind != VALUE_TABLE) {
		diag_error(r->d, tools->pos, "'tools' must be a table, not %s", value_kind_name(tools->kind));
		return;
	}
	r->lock->tools = arena_array(r->a, tools->entry_count, sizeof(*r->lock->tools));
	for (size_t i = 0; i < tools->entry_count; i++) {
		const struct value_entry *entry = &tools->entries[i];
		const struct lock_field row[] = {{entry->key, FIELD_TEXT, true, offsetof(struct lock_tool, version), 0}, {NULL, FIELD_OTHER, false, 0, 0}};
		const struct value one = {.kind = VALUE_TABLE, .pos = entry->key_pos, .entries = &tools->entries[i], .entry_count = 1};
		struct lock_tool *tool = &r->lock->tools[r->lock->tool_count];

		if (!lock_fields_read(row, "[tools]", &one, r->a, r->d, tool))
			continue;
		tool->name = arena_strdup(r->a, entry->key);
		if (r->lock->tool_count++)
			lock_fields_order(r->d, entry->key_pos, tool->name, tool[-1].name, strcmp(tool[-1].name, tool->name));
	}
}

static void read_cut_off(struct lock_reader *r)
{
	const struct value *v = value_get(r->document, "cut-off");

	if (v && (v->kind != VALUE_DATETIME || !clock_parse_rfc3339(v->text, &r->lock->cut_off_unix)))
		diag_error(r->d, v->pos, "'cut-off' must be a date with time and zone, like 2026-11-23T03:46:00Z");
}

static void read_environments(struct lock_reader *r)
{
	const struct value *list = lock_reader_list(r, r->document, "environment");
	struct lock *lock = r->lock;

	lock->environments = arena_array(r->a, list->item_count, sizeof(*lock->environments));
	for (size_t i = 0; i < list->item_count; i++) {
		struct lock_environment *e = &lock->environments[lock->environment_count];

		*e = (struct lock_environment){0};
		if (!lock_fields_read(environment_fields, "[[environment]]", list->items[i], r->a, r->d, e))
			continue;
		if (lock->environment_count++)
			lock_fields_order(r->d, list->items[i]->pos, e->name, e[-1].name, strcmp(e[-1].name, e->name));
	}
}

static void read_direct(struct lock_reader *r, const struct value *table, struct lock_container *c)
{
	const struct value *list = lock_reader_list(r, table, "direct");

	c->direct = arena_array(r->a, list->item_count, sizeof(*c->direct));
	for (size_t i = 0; i < list->item_count; i++) {
		const struct value *v = list->items[i];
		const char *why;
		size_t at;

		if (v->kind != VALUE_TEXT || strlen(v->text) != v->text_length || !requirement_parse(lock_reader_scratch(r), v->text, &at, &why)) {
			diag_error(r->d, v->pos, "'direct' must be a list of requirements");
			continue;
		}
		c->direct[c->direct_count] = arena_strdup(r->a, v->text);
		if (c->direct_count++)
			lock_fields_order(r->d, v->pos, v->text, c->direct[c->direct_count - 2],
					  lock_direct_compare(&c->direct[c->direct_count - 2], &v->text));
	}
}

static void check_environment(struct lock_reader *r, struct pos at, const char *name)
{
	const struct lock *lock = r->lock;

	if (lock_environment(lock, name))
		return;
	const char **names = arena_array(r->a, lock->environment_count, sizeof(*names));

	for (size_t i = 0; i < lock->environment_count; i++)
		names[i] = lock->environments[i].name;
	lock_reader_unknown(r, at, "environment", name, names, lock->environment_count);
}

static void check_environments(struct lock_reader *r, const struct value *table, const struct lock_container *c)
{
	const struct value *further = value_get(table, "further");

	check_environment(r, value_get(table, "environment")->pos, c->environment);
	if (further && !c->further_count)
		diag_error(r->d, further->pos, "'further' is left out where it is empty");
	for (size_t i = 0; i < c->further_count; i++) {
		check_environment(r, further->items[i]->pos, c->further[i]);
		if (!strcmp(c->further[i], c->environment))
			diag_error(r->d, further->items[i]->pos, "'%s' is built for '%s', so that is no further environment", c->name, c->further[i]);
	}
}

static void read_containers(struct lock_reader *r)
{
	const struct value *list = lock_reader_list(r, r->document, "container");
	struct lock *lock = r->lock;

	lock->containers = arena_array(r->a, list->item_count, sizeof(*lock->containers));
	for (size_t i = 0; i < list->item_count; i++) {
		struct lock_container *c = &lock->containers[lock->container_count];

		*c = (struct lock_container){0};
		if (!lock_fields_read(container_fields, "[[container]]", list->items[i], r->a, r->d, c))
			continue;
		read_direct(r, list->items[i], c);
		check_environments(r, list->items[i], c);
		if (lock->container_count++)
			lock_fields_order(r->d, list->items[i]->pos, c->name, c[-1].name, strcmp(c[-1].name, c->name));
	}
}

/* A lock of another version may differ in anything: nothing else is looked at then. */
static bool check_version(struct lock_reader *r)
{
	const struct value *v = value_get(r->document, "version");

	if (v && v->kind == VALUE_INTEGER && v->integer == LOCK_VERSION)
		return true;
	if (!v)
		diag_error(r->d, r->document->pos, "this is no lock: it has no 'version'");
	else if (v->kind == VALUE_INTEGER && v->integer > LOCK_VERSION)
		diag_error(r->d, v->pos, "this lock was written by a newer lockstep (form %lld; this one reads %d)", (long long)v->integer, LOCK_VERSION);
	else
		diag_error(r->d, v->pos, "'version' must be %d", LOCK_VERSION);
	return false;
}

static void read_document(struct lock_reader *r)
{
	size_t errors_before = r->d->error_count;

	if (!check_version(r))
		return;
	lock_fields_read(head_fields, "a lock", r->document, r->a, r->d, r->lock);
	read_cut_off(r);
	read_tools(r);
	read_environments(r);
	read_containers(r);
	/* What would follow from broken containers would only repeat it. */
	if (r->d->error_count > errors_before)
		return;
	lock_reader_pins(r);
	if (r->d->error_count > errors_before)
		return;
	lock_reader_check(r);
}

int lock_parse(struct lock *lock, const char *file, const char *text, size_t length, struct diag *d, struct error *err)
{
	size_t errors_before = d->error_count;
	struct lock_reader r = {.lock = lock, .a = &lock->arena, .d = d};
	autoarena struct arena tree = {0};

	r.document = toml_parse(&tree, file, text, length, d);
	if (r.document) {
		read_document(&r);
		if (d->error_count > errors_before)
			diag_add_source(d, file, text, length);
	}
	arena_release(&r.scratch);
	if (d->error_count == errors_before)
		return 0;
	return error_set(err, ERR_INPUT, "'%s' is no valid lock", file);
}

int lock_read(struct lock *lock, const char *path, const char *file, struct diag *d, struct error *err)
{
	autostrbuf struct strbuf text = {0};

	if (file_read(path, LOCK_LIMIT_BYTES, &text, err) < 0)
		return -1;
	return lock_parse(lock, file, strbuf_text(&text), text.length, d, err);
}
