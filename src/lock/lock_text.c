#include "lock/lock_text.h"

#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "io/toml.h"
#include "lock/lock_fields.h"
#include "lock/lock_order.h"
#include "python/requirement.h"
#include "python/wheel.h"

struct reader {
	struct lock *lock;
	struct arena *a;
	struct diag *d;
	const struct value *document; /* in an arena of its own: several times as large as the lock, and not needed after it */
	struct arena scratch;         /* for one name after another: a lock has thousands */
};

enum { SCRATCH_BYTES = 32 * 1024 };

static struct arena *scratch_of(struct reader *r)
{
	if (r->scratch.total_bytes > SCRATCH_BYTES)
		arena_release(&r->scratch);
	return &r->scratch;
}

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
	{"inputs", FIELD_SHA256, true, offsetof(struct lock_container, inputs), 0},
	{"groups", FIELD_TEXTS, true, offsetof(struct lock_container, groups), offsetof(struct lock_container, group_count)},
	{"direct", FIELD_OTHER, true, 0, 0},
	{NULL, FIELD_OTHER, false, 0, 0},
};

static const struct lock_field package_fields[] = {
	{"name", FIELD_NAME, true, offsetof(struct pin, name), 0},
	{"version", FIELD_VERSION, true, offsetof(struct pin, version), 0},
	{"index", FIELD_TEXT, true, offsetof(struct pin, index), 0},
	{"containers", FIELD_TEXTS, true, offsetof(struct pin, containers), offsetof(struct pin, container_count)},
	{"requires", FIELD_OTHER, false, 0, 0},
	{"files", FIELD_OTHER, true, 0, 0},
	{NULL, FIELD_OTHER, false, 0, 0},
};

static const struct lock_field toolchain_fields[] = {
	{"name", FIELD_NAME, true, offsetof(struct pin, name), 0},
	{"version", FIELD_VERSION, true, offsetof(struct pin, version), 0},
	{"index", FIELD_TEXT, true, offsetof(struct pin, index), 0},
	{"layers", FIELD_TEXTS, true, offsetof(struct pin, layers), offsetof(struct pin, layer_count)},
	{"requires", FIELD_OTHER, false, 0, 0},
	{"files", FIELD_OTHER, true, 0, 0},
	{NULL, FIELD_OTHER, false, 0, 0},
};

static const struct lock_field edge_fields[] = {
	{"name", FIELD_NAME, true, offsetof(struct lock_edge, name), 0},
	{"version", FIELD_VERSION, false, offsetof(struct lock_edge, version), 0},
	{"extras", FIELD_NAMES, false, offsetof(struct lock_edge, extras), offsetof(struct lock_edge, extra_count)},
	{"marker", FIELD_MARKER, false, offsetof(struct lock_edge, marker), 0},
	{"extra", FIELD_NAME, false, offsetof(struct lock_edge, extra), 0},
	{NULL, FIELD_OTHER, false, 0, 0},
};

static const struct lock_field file_fields[] = {
	{"name", FIELD_FILE_NAME, true, offsetof(struct lock_file, name), 0},
	{"size", FIELD_SIZE, true, offsetof(struct lock_file, size_bytes), 0},
	{"sha256", FIELD_SHA256, true, offsetof(struct lock_file, sha256), 0},
	{NULL, FIELD_OTHER, false, 0, 0},
};

static const struct value no_items = {.kind = VALUE_ARRAY};

/* The list under a key; an empty one, after a problem, when it is something else. */
static const struct value *list_of(struct reader *r, const struct value *table, const char *key)
{
	const struct value *v = value_get(table, key);

	if (v && v->kind != VALUE_ARRAY)
		diag_error(r->d, v->pos, "'%s' must be a list, not %s", key, value_kind_name(v->kind));
	return v && v->kind == VALUE_ARRAY ? v : &no_items;
}

static void read_tools(struct reader *r)
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

static void read_cut_off(struct reader *r)
{
	const struct value *v = value_get(r->document, "cut-off");

	if (v && (v->kind != VALUE_DATETIME || !clock_parse_rfc3339(v->text, &r->lock->cut_off_unix)))
		diag_error(r->d, v->pos, "'cut-off' must be a date with time and zone, like 2026-11-23T03:46:00Z");
}

static void read_environments(struct reader *r)
{
	const struct value *list = list_of(r, r->document, "environment");
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

static void read_direct(struct reader *r, const struct value *table, struct lock_container *c)
{
	const struct value *list = list_of(r, table, "direct");

	c->direct = arena_array(r->a, list->item_count, sizeof(*c->direct));
	for (size_t i = 0; i < list->item_count; i++) {
		const struct value *v = list->items[i];
		const char *why;
		size_t at;

		if (v->kind != VALUE_TEXT || strlen(v->text) != v->text_length || !requirement_parse(scratch_of(r), v->text, &at, &why)) {
			diag_error(r->d, v->pos, "'direct' must be a list of requirements");
			continue;
		}
		c->direct[c->direct_count] = arena_strdup(r->a, v->text);
		if (c->direct_count++)
			lock_fields_order(r->d, v->pos, v->text, c->direct[c->direct_count - 2],
					  lock_direct_compare(&c->direct[c->direct_count - 2], &v->text));
	}
}

static void unknown_name(struct reader *r, struct pos at, const char *kind, const char *name, const char *const *names, size_t count)
{
	const char *near = text_nearest(name, names, count);

	diag_error(r->d, at, "there is no %s '%s' in this lock", kind, name);
	if (near)
		diag_hint(r->d, "did you mean '%s'?", near);
}

static void check_environment(struct reader *r, const struct value *table, const struct lock_container *c)
{
	const struct lock *lock = r->lock;
	const char **names = arena_array(r->a, lock->environment_count, sizeof(*names));

	if (lock_environment(lock, c->environment))
		return;
	for (size_t i = 0; i < lock->environment_count; i++)
		names[i] = lock->environments[i].name;
	unknown_name(r, value_get(table, "environment")->pos, "environment", c->environment, names, lock->environment_count);
}

static void read_containers(struct reader *r)
{
	const struct value *list = list_of(r, r->document, "container");
	struct lock *lock = r->lock;

	lock->containers = arena_array(r->a, list->item_count, sizeof(*lock->containers));
	for (size_t i = 0; i < list->item_count; i++) {
		struct lock_container *c = &lock->containers[lock->container_count];

		*c = (struct lock_container){0};
		if (!lock_fields_read(container_fields, "[[container]]", list->items[i], r->a, r->d, c))
			continue;
		read_direct(r, list->items[i], c);
		check_environment(r, list->items[i], c);
		if (lock->container_count++)
			lock_fields_order(r->d, list->items[i]->pos, c->name, c[-1].name, strcmp(c[-1].name, c->name));
	}
}

static void read_edges(struct reader *r, const struct value *table, struct pin *pin)
{
	const struct value *list = list_of(r, table, "requires");

	pin->edges = arena_array(r->a, list->item_count, sizeof(*pin->edges));
	for (size_t i = 0; i < list->item_count; i++) {
		struct lock_edge *e = &pin->edges[pin->edge_count];

		*e = (struct lock_edge){0};
		if (!lock_fields_read(edge_fields, "'requires'", list->items[i], r->a, r->d, e))
			continue;
		if (pin->edge_count++)
			lock_fields_order(r->d, list->items[i]->pos, e->name, e[-1].name, lock_edge_compare(&e[-1], e));
	}
}

static void check_file_name(struct reader *r, const struct pin *pin, const struct lock_file *f, struct pos at)
{
	struct wheel_name wheel;

	if (!wheel_name_parse(scratch_of(r), f->name, &wheel))
		diag_error(r->d, at, "'%s' is no file name of a wheel", f->name);
	else if (strcmp(wheel.name, pin->name) != 0 || strcmp(wheel.version, pin->version) != 0)
		diag_error(r->d, at, "'%s' is a file of %s %s, not of %s %s", f->name, wheel.name, wheel.version, pin->name, pin->version);
}

static void read_files(struct reader *r, const struct value *table, struct pin *pin)
{
	const struct value *list = list_of(r, table, "files");

	if (list != &no_items && !list->item_count)
		diag_error(r->d, list->pos, "'%s' has no files", pin->name);
	pin->files = arena_array(r->a, list->item_count, sizeof(*pin->files));
	for (size_t i = 0; i < list->item_count; i++) {
		struct lock_file *f = &pin->files[pin->file_count];

		*f = (struct lock_file){0};
		if (!lock_fields_read(file_fields, "'files'", list->items[i], r->a, r->d, f))
			continue;
		check_file_name(r, pin, f, value_get(list->items[i], "name")->pos);
		if (pin->file_count++)
			lock_fields_order(r->d, list->items[i]->pos, f->name, f[-1].name, lock_file_compare(&f[-1], f));
	}
}

static void check_pin_containers(struct reader *r, const struct value *table, const struct pin *pin)
{
	const struct lock *lock = r->lock;
	const struct value *list = value_get(table, "containers");

	if (!pin->container_count)
		diag_error(r->d, list->pos, "'%s' is in no container", pin->name);
	for (size_t i = 0; i < pin->container_count; i++) {
		if (lock_container(lock, pin->containers[i]))
			continue;
		const char **names = arena_array(r->a, lock->container_count, sizeof(*names));

		for (size_t j = 0; j < lock->container_count; j++)
			names[j] = lock->containers[j].name;
		unknown_name(r, list->items[i]->pos, "container", pin->containers[i], names, lock->container_count);
	}
}

/* Pins of one name stand one after another: each container may be in one of them only. */
static void check_one_version(struct reader *r, const struct value *table, const struct pin *pin)
{
	for (const struct pin *other = pin; other > r->lock->pins && !strcmp(other[-1].name, pin->name) && !pin_is_toolchain(&other[-1]); other--) {
		for (size_t i = 0; i < pin->container_count; i++) {
			if (pin_in_container(&other[-1], pin->containers[i]))
				diag_error(r->d, table->pos, "'%s' would have two versions of '%s': %s and %s", pin->containers[i], pin->name,
					   other[-1].version, pin->version);
		}
	}
}

static void read_pins(struct reader *r, const char *key, const char *what, const struct lock_field *fields, bool toolchain)
{
	const struct value *list = list_of(r, r->document, key);
	struct lock *lock = r->lock;
	size_t first = lock->pin_count;

	for (size_t i = 0; i < list->item_count; i++) {
		struct pin *pin = &lock->pins[lock->pin_count];

		*pin = (struct pin){0};
		if (!lock_fields_read(fields, what, list->items[i], r->a, r->d, pin))
			continue;
		if (toolchain && !pin->layer_count)
			diag_error(r->d, list->items[i]->pos, "'%s' is in no layer", pin->name);
		else if (!toolchain)
			check_pin_containers(r, list->items[i], pin);
		read_edges(r, list->items[i], pin);
		read_files(r, list->items[i], pin);
		if (lock->pin_count++ > first) {
			int order = pin_compare(&pin[-1], pin);

			lock_fields_order(r->d, list->items[i]->pos, pin->name, pin[-1].name, order);
			if (!toolchain && order < 0)
				check_one_version(r, list->items[i], pin);
		}
	}
}

/* How many pins of a name (and version, unless NULL) there are in the part that `pin` is in. */
static size_t count_pins(const struct lock *lock, const struct pin *pin, const struct lock_edge *e)
{
	size_t count = 0;

	for (size_t i = lock_first_pin(lock, pin_is_toolchain(pin), e->name); i < lock->pin_count; i++) {
		if (strcmp(lock->pins[i].name, e->name) != 0 || pin_is_toolchain(&lock->pins[i]) != pin_is_toolchain(pin))
			break;
		count += !e->version || !strcmp(lock->pins[i].version, e->version);
	}
	return count;
}

/* Only after everything else was fine: pins, edges and direct requirements then stand at the same places in the lock and in the document. */
static void check_edges(struct reader *r)
{
	const struct value *packages = list_of(r, r->document, "package"), *toolchain = list_of(r, r->document, "toolchain");

	for (size_t i = 0; i < r->lock->pin_count; i++) {
		const struct pin *pin = &r->lock->pins[i];
		const struct value *table = i < packages->item_count ? packages->items[i] : toolchain->items[i - packages->item_count];

		for (size_t j = 0; j < pin->edge_count; j++) {
			const struct lock_edge *e = &pin->edges[j];
			size_t count = count_pins(r->lock, pin, e);
			struct pos at = value_get(table, "requires")->items[j]->pos;

			if (!count)
				diag_error(r->d, at, "'%s' requires '%s'%s%s, which is not in this lock", pin->name, e->name, e->version ? " " : "",
					   e->version ? e->version : "");
			else if (count > 1)
				diag_error(r->d, at, "'%s' requires '%s', of which this lock has several versions; which one?", pin->name, e->name);
		}
	}
}

static void check_direct(struct reader *r)
{
	for (size_t i = 0; i < r->lock->container_count; i++) {
		const struct lock_container *c = &r->lock->containers[i];
		const struct value *list = value_get(value_get(r->document, "container")->items[i], "direct");

		for (size_t j = 0; j < c->direct_count; j++) {
			if (!lock_pin(r->lock, c->name, lock_direct_name(r->a, c->direct[j])))
				diag_error(r->d, list->items[j]->pos, "'%s' declares '%s', which is not locked for it", c->name, c->direct[j]);
		}
	}
}

/* A lock of another version may differ in anything: nothing else is looked at then. */
static bool check_version(struct reader *r)
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

static void read_document(struct reader *r)
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
	r->lock->pins =
		arena_array(r->a, list_of(r, r->document, "package")->item_count + list_of(r, r->document, "toolchain")->item_count, sizeof(*r->lock->pins));
	read_pins(r, "package", "[[package]]", package_fields, false);
	read_pins(r, "toolchain", "[[toolchain]]", toolchain_fields, true);
	if (r->d->error_count > errors_before)
		return;
	check_edges(r);
	check_direct(r);
}

int lock_parse(struct lock *lock, const char *file, const char *text, size_t length, struct diag *d, struct error *err)
{
	size_t errors_before = d->error_count;
	struct reader r = {.lock = lock, .a = &lock->arena, .d = d};
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
