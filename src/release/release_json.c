#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "io/digest.h"
#include "io/json.h"
#include "release/release_text.h"

/* An item of a list on one line. */
static void begin_line(struct json_writer *w)
{
	json_begin_object(w, NULL);
	w->compact = true;
}

static void end_line(struct json_writer *w)
{
	json_end_object(w);
	w->compact = false;
}

static void add_optional(struct json_writer *w, const char *key, const char *text)
{
	if (text)
		json_add_text(w, key, text);
}

static void write_packages(struct json_writer *w, const struct snapshot *s)
{
	json_begin_array(w, "packages");
	for (size_t i = 0; i < s->package_count; i++) {
		const struct installed_package *p = &s->packages[i];

		begin_line(w);
		json_add_text(w, "name", p->name);
		json_add_text(w, "version", p->version);
		add_optional(w, "installer", p->installer);
		add_optional(w, "direct_url", p->direct_url);
		if (p->editable)
			json_add_boolean(w, "editable", true);
		add_optional(w, "metadata_sha256", p->metadata_sha256);
		add_optional(w, "record_sha256", p->record_sha256);
		end_line(w);
	}
	json_end_array(w);
}

/* Only where lockstep made them: old releases, and those of an engine's layers, have no such key. */
static void write_layers(struct json_writer *w, const struct snapshot *s)
{
	if (!s->layer_count)
		return;
	json_begin_array(w, "layers");
	for (size_t i = 0; i < s->layer_count; i++) {
		const struct installed_layer *l = &s->layers[i];

		begin_line(w);
		json_add_text(w, "digest", l->digest);
		json_add_text(w, "diff_id", l->diff_id);
		json_add_integer(w, "size", (int64_t)l->size_bytes);
		json_add_text(w, "why", l->why);
		json_begin_array(w, "packages");
		for (size_t k = 0; k < l->package_count; k++)
			json_add_text(w, NULL, l->packages[k]);
		json_end_array(w);
		end_line(w);
	}
	json_end_array(w);
}

/* What an image answers here is the kernel of the machine that ran it, not a part of the image: it would differ from one machine to the next. */
static bool is_of_the_kernel(const char *marker)
{
	return !strcmp(marker, "platform_release") || !strcmp(marker, "platform_version");
}

static void write_snapshot(struct json_writer *w, const struct snapshot *s)
{
	json_begin_object(w, NULL);
	json_add_text(w, "name", s->container);
	json_add_text(w, "engine", s->engine);
	json_add_text(w, "engine_version", s->engine_version);
	json_add_text(w, "image_id", s->image_id);
	add_optional(w, "image_digest", s->image_digest);
	json_begin_array(w, "markers");
	for (size_t i = 0; i < s->marker_count; i++) {
		if (is_of_the_kernel(s->markers[i].name))
			continue;
		begin_line(w);
		json_add_text(w, "name", s->markers[i].name);
		json_add_text(w, "value", s->markers[i].value);
		end_line(w);
	}
	json_end_array(w);
	json_begin_array(w, "tools");
	for (size_t i = 0; i < s->tool_count; i++) {
		begin_line(w);
		json_add_text(w, "name", s->tools[i].name);
		json_add_text(w, "version", s->tools[i].version);
		end_line(w);
	}
	json_end_array(w);
	write_packages(w, s);
	write_layers(w, s);
	json_begin_array(w, "system_packages");
	for (size_t i = 0; i < s->system_count; i++) {
		begin_line(w);
		json_add_text(w, "name", s->system_packages[i].name);
		json_add_text(w, "version", s->system_packages[i].version);
		json_add_text(w, "architecture", s->system_packages[i].architecture);
		end_line(w);
	}
	json_end_array(w);
	json_end_object(w);
}

void release_json_write(const struct release *r, struct strbuf *out)
{
	struct json_writer w = {.out = out};
	autostrbuf struct strbuf created = {0};

	clock_add_rfc3339(&created, r->created_unix);
	json_begin_object(&w, NULL);
	json_add_integer(&w, "version", RELEASE_VERSION);
	json_add_text(&w, "name", r->name);
	add_optional(&w, "previous", r->previous);
	json_add_text(&w, "created", strbuf_text(&created));
	json_add_text(&w, "tool", r->tool);
	json_begin_array(&w, "containers");
	for (size_t i = 0; i < r->snapshot_count; i++)
		write_snapshot(&w, &r->snapshots[i]);
	json_end_array(&w);
	json_end_object(&w);
}

/* Reads fields and remembers the first problem, so that a table reads as a list of fields. */
struct reader {
	const char *file;
	struct arena *arena;
	struct error *err;
};

static void problem(struct reader *r, const char *where, const char *key, const char *what)
{
	if (!error_is_set(r->err))
		error_set(r->err, ERR_INPUT, "'%s' is no release of lockstep: '%s' of %s %s", r->file, key, where, what);
}

static void check_keys(struct reader *r, const char *where, const struct value *table, const char *const *keys)
{
	if (table->kind != VALUE_TABLE) {
		problem(r, where, "content", "is no table");
		return;
	}
	for (size_t i = 0; i < table->entry_count; i++) {
		const char *const *known = keys;

		while (*known && strcmp(*known, table->entries[i].key) != 0)
			known++;
		if (!*known || strlen(*known) != table->entries[i].key_length)
			problem(r, where, table->entries[i].key, "is unknown");
	}
}

static const char *optional_text(struct reader *r, const char *where, const struct value *table, const char *key)
{
	const struct value *v = value_get(table, key);

	if (!v)
		return NULL;
	if (v->kind != VALUE_TEXT || !v->text_length || strlen(v->text) != v->text_length) {
		problem(r, where, key, "is no text");
		return NULL;
	}
	return v->text;
}

/* Empty texts are allowed only where `empty` says so; NULL comes with a problem. */
static const char *required_text(struct reader *r, const char *where, const struct value *table, const char *key, bool empty)
{
	const struct value *v = value_get(table, key);

	if (v && v->kind == VALUE_TEXT && !v->text_length && empty)
		return "";
	if (!v)
		problem(r, where, key, "is missing");
	return optional_text(r, where, table, key);
}

static const char *optional_sha256(struct reader *r, const char *where, const struct value *table, const char *key)
{
	const char *text = optional_text(r, where, table, key);

	if (text && !digest_is_hex(text))
		problem(r, where, key, "is no sha256");
	return text;
}

static const struct value *required_array(struct reader *r, const char *where, const struct value *table, const char *key)
{
	static const struct value none = {.kind = VALUE_ARRAY};
	const struct value *v = value_get(table, key);

	if (v && v->kind == VALUE_ARRAY)
		return v;
	problem(r, where, key, "is no list");
	return &none;
}

static void check_order(struct reader *r, const char *where, const char *key, const char *before, const char *name)
{
	if (before && name && strcmp(before, name) > 0)
		problem(r, where, key, "is not sorted");
}

static void read_markers(struct reader *r, const struct value *container, struct snapshot *s)
{
	static const char *const keys[] = {"name", "value", NULL};
	const struct value *list = required_array(r, s->container, container, "markers");

	s->markers = arena_array(r->arena, list->item_count, sizeof(*s->markers));
	for (; s->marker_count < list->item_count; s->marker_count++) {
		const struct value *item = list->items[s->marker_count];
		struct installed_marker *m = &s->markers[s->marker_count];

		check_keys(r, "a marker", item, keys);
		m->name = required_text(r, "a marker", item, "name", false);
		m->value = required_text(r, "a marker", item, "value", true);
		check_order(r, s->container, "markers", s->marker_count ? m[-1].name : NULL, m->name);
	}
}

static void read_tools(struct reader *r, const struct value *container, struct snapshot *s)
{
	static const char *const keys[] = {"name", "version", NULL};
	const struct value *list = required_array(r, s->container, container, "tools");

	s->tools = arena_array(r->arena, list->item_count, sizeof(*s->tools));
	for (; s->tool_count < list->item_count; s->tool_count++) {
		const struct value *item = list->items[s->tool_count];
		struct installed_tool *t = &s->tools[s->tool_count];

		check_keys(r, "a tool", item, keys);
		t->name = required_text(r, "a tool", item, "name", false);
		t->version = required_text(r, "a tool", item, "version", true);
		check_order(r, s->container, "tools", s->tool_count ? t[-1].name : NULL, t->name);
	}
}

static void read_packages(struct reader *r, const struct value *container, struct snapshot *s)
{
	static const char *const keys[] = {"name", "version", "installer", "direct_url", "editable", "metadata_sha256", "record_sha256", NULL};
	const struct value *list = required_array(r, s->container, container, "packages");

	s->packages = arena_array(r->arena, list->item_count, sizeof(*s->packages));
	for (; s->package_count < list->item_count; s->package_count++) {
		const struct value *item = list->items[s->package_count];
		struct installed_package *p = &s->packages[s->package_count];

		check_keys(r, "a package", item, keys);
		p->name = required_text(r, "a package", item, "name", false);
		p->version = required_text(r, "a package", item, "version", false);
		p->installer = optional_text(r, "a package", item, "installer");
		p->direct_url = optional_text(r, "a package", item, "direct_url");
		p->metadata_sha256 = optional_sha256(r, "a package", item, "metadata_sha256");
		p->record_sha256 = optional_sha256(r, "a package", item, "record_sha256");
		p->editable = value_get_boolean(item, "editable", false);
		check_order(r, s->container, "packages", s->package_count ? p[-1].name : NULL, p->name);
	}
}

static void read_system_packages(struct reader *r, const struct value *container, struct snapshot *s)
{
	static const char *const keys[] = {"name", "version", "architecture", NULL};
	const struct value *list = required_array(r, s->container, container, "system_packages");

	s->system_packages = arena_array(r->arena, list->item_count, sizeof(*s->system_packages));
	for (; s->system_count < list->item_count; s->system_count++) {
		const struct value *item = list->items[s->system_count];
		struct installed_system_package *p = &s->system_packages[s->system_count];

		check_keys(r, "a system package", item, keys);
		p->name = required_text(r, "a system package", item, "name", false);
		p->version = required_text(r, "a system package", item, "version", true);
		p->architecture = required_text(r, "a system package", item, "architecture", true);
		check_order(r, s->container, "system_packages", s->system_count ? p[-1].name : NULL, p->name);
	}
}

static void read_layer_packages(struct reader *r, const struct value *item, struct installed_layer *l)
{
	const struct value *list = required_array(r, "a layer", item, "packages");

	for (size_t i = 0; i < list->item_count; i++) {
		const struct value *v = list->items[i];

		if (v->kind != VALUE_TEXT || !v->text_length || strlen(v->text) != v->text_length) {
			problem(r, "a layer", "packages", "has what is no text");
			return;
		}
		check_order(r, "a layer", "packages", i ? l->packages[i - 1] : NULL, v->text);
		*arena_push(r->arena, &l->packages, &l->package_count) = v->text;
	}
}

static void read_layers(struct reader *r, const struct value *container, struct snapshot *s)
{
	static const char *const keys[] = {"digest", "diff_id", "size", "why", "packages", NULL};
	const struct value *list = value_get(container, "layers") ? required_array(r, s->container, container, "layers") : NULL;

	for (size_t i = 0; list && i < list->item_count; i++) {
		const struct value *item = list->items[i];
		struct installed_layer *l = arena_push(r->arena, &s->layers, &s->layer_count);
		int64_t size = 0;

		check_keys(r, "a layer", item, keys);
		l->digest = required_text(r, "a layer", item, "digest", false);
		l->diff_id = required_text(r, "a layer", item, "diff_id", false);
		if ((l->digest && !digest_is_hex(l->digest)) || (l->diff_id && !digest_is_hex(l->diff_id)))
			problem(r, "a layer", "digest", "is no sha256");
		if (!value_get_integer(item, "size", &size) || size < 0)
			problem(r, "a layer", "size", "is no size");
		l->size_bytes = (uint64_t)size;
		l->why = required_text(r, "a layer", item, "why", false);
		read_layer_packages(r, item, l);
	}
}

static void read_snapshot(struct reader *r, const struct value *container, struct snapshot *s)
{
	static const char *const keys[] = {"name",     "engine", "engine_version",  "image_id", "image_digest", "markers", "tools",
					   "packages", "layers", "system_packages", NULL};

	check_keys(r, "a container", container, keys);
	s->container = required_text(r, "a container", container, "name", false);
	if (!s->container)
		return;
	s->engine = required_text(r, s->container, container, "engine", true);
	s->engine_version = required_text(r, s->container, container, "engine_version", true);
	s->image_id = required_text(r, s->container, container, "image_id", true);
	s->image_digest = optional_text(r, s->container, container, "image_digest");
	read_markers(r, container, s);
	read_tools(r, container, s);
	read_packages(r, container, s);
	read_layers(r, container, s);
	read_system_packages(r, container, s);
}

static int check_version(const struct value *document, const char *file, struct error *err)
{
	int64_t version;

	if (document->kind != VALUE_TABLE || !value_get_integer(document, "version", &version))
		return error_set(err, ERR_INPUT, "'%s' is no release of lockstep: it has no version", file);
	if (version != RELEASE_VERSION)
		return error_set(err, ERR_INPUT, "'%s' has format version %lld, this lockstep knows %d; use the lockstep that wrote it, or a newer one", file,
				 (long long)version, RELEASE_VERSION);
	return 0;
}

int release_json_parse(struct release *release, const char *file, const char *text, size_t length, struct error *err)
{
	static const char *const keys[] = {"version", "name", "previous", "created", "tool", "containers", NULL};
	struct reader r = {.file = file, .arena = &release->arena, .err = err};
	const struct value *containers;
	struct value *document;
	const char *created;

	if (json_parse(r.arena, file, text, length, &document, err) < 0 || check_version(document, file, err) < 0)
		return -1;
	check_keys(&r, "the release", document, keys);
	release->name = required_text(&r, "the release", document, "name", false);
	release->previous = optional_text(&r, "the release", document, "previous");
	release->tool = required_text(&r, "the release", document, "tool", false);
	created = required_text(&r, "the release", document, "created", false);
	if (created && !clock_parse_rfc3339(created, &release->created_unix))
		problem(&r, "the release", "created", "is no date and time");
	containers = required_array(&r, "the release", document, "containers");
	release->snapshots = arena_array(r.arena, containers->item_count, sizeof(*release->snapshots));
	for (; release->snapshot_count < containers->item_count; release->snapshot_count++) {
		struct snapshot *s = &release->snapshots[release->snapshot_count];

		read_snapshot(&r, containers->items[release->snapshot_count], s);
		check_order(&r, "the release", "containers", release->snapshot_count ? s[-1].container : NULL, s->container);
	}
	return error_is_set(err) ? -1 : 0;
}
