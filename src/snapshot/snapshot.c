#include "snapshot/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "engine/engine.h"
#include "io/json.h"
#include "python/freeze.h"
#include "python/name.h"
#include "recipe/database.h"
#include "snapshot/probe.h"

void snapshot_release(struct snapshot *s)
{
	arena_release(&s->arena);
	*s = (struct snapshot){0};
}

static int compare_packages(const void *a, const void *b)
{
	const struct installed_package *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	return order ? order : text_compare(left->version, right->version);
}

static int compare_system(const void *a, const void *b)
{
	const struct installed_system_package *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	return order ? order : strcmp(left->architecture, right->architecture);
}

static int compare_tools(const void *a, const void *b)
{
	return strcmp(((const struct installed_tool *)a)->name, ((const struct installed_tool *)b)->name);
}

static int compare_strays(const void *a, const void *b)
{
	return strcmp(((const struct installed_stray *)a)->path, ((const struct installed_stray *)b)->path);
}

static int compare_markers(const void *a, const void *b)
{
	return strcmp(((const struct installed_marker *)a)->name, ((const struct installed_marker *)b)->name);
}

static void sort(void *items, size_t count, size_t size_bytes, int (*compare)(const void *, const void *))
{
	if (count)
		qsort(items, count, size_bytes, compare);
}

static const char *text_of(struct snapshot *s, const struct value *table, const char *key)
{
	return arena_strdup_null(&s->arena, value_get_text(table, key));
}

static size_t item_count(const struct value *list)
{
	return list && list->kind == VALUE_ARRAY ? list->item_count : 0;
}

static int read_packages(struct snapshot *s, const struct value *list, struct error *err)
{
	for (size_t i = 0; i < item_count(list); i++) {
		const struct value *item = list->items[i];
		const char *name = value_get_text(item, "name"), *version = value_get_text(item, "version");

		if (!name || !version || !name_is_valid(name))
			return error_set(err, ERR_ENGINE, "it names a Python package without a valid name and version");
		struct installed_package *p = arena_push(&s->arena, &s->packages, &s->package_count);

		p->name = name_canonical(&s->arena, name);
		p->version = arena_strdup(&s->arena, version);
		p->installer = text_of(s, item, "installer");
		p->direct_url = text_of(s, item, "direct_url");
		p->metadata_sha256 = text_of(s, item, "metadata_sha256");
		p->record_sha256 = text_of(s, item, "record_sha256");
		p->altered = text_of(s, item, "altered");
		p->editable = value_get_boolean(item, "editable", false);
	}
	sort(s->packages, s->package_count, sizeof(*s->packages), compare_packages);
	return 0;
}

static int read_system(struct snapshot *s, const struct value *list, struct error *err)
{
	for (size_t i = 0; i < item_count(list); i++) {
		const struct value *item = list->items[i];
		struct installed_system_package *p = arena_push(&s->arena, &s->system_packages, &s->system_count);

		p->name = text_of(s, item, "name");
		p->version = text_of(s, item, "version");
		p->architecture = text_of(s, item, "architecture");
		if (!p->name || !p->version || !p->architecture)
			return error_set(err, ERR_ENGINE, "it names a system package without name, version and architecture");
	}
	sort(s->system_packages, s->system_count, sizeof(*s->system_packages), compare_system);
	return 0;
}

static void read_tools_and_markers(struct snapshot *s, const struct value *tools, const struct value *markers)
{
	for (size_t i = 0; tools && i < tools->entry_count; i++) {
		if (tools->entries[i].value->kind == VALUE_TEXT)
			*arena_push(&s->arena, &s->tools, &s->tool_count) =
				(struct installed_tool){arena_strdup(&s->arena, tools->entries[i].key), arena_strdup(&s->arena, tools->entries[i].value->text)};
	}
	for (size_t i = 0; markers && i < markers->entry_count; i++) {
		if (markers->entries[i].value->kind == VALUE_TEXT)
			*arena_push(&s->arena, &s->markers, &s->marker_count) = (struct installed_marker){
				arena_strdup(&s->arena, markers->entries[i].key), arena_strdup(&s->arena, markers->entries[i].value->text)};
	}
	sort(s->tools, s->tool_count, sizeof(*s->tools), compare_tools);
	sort(s->markers, s->marker_count, sizeof(*s->markers), compare_markers);
}

/* Comments stay before what they are of. */
static void read_freeze(struct snapshot *s, const struct value *list)
{
	autostrbuf struct strbuf text = {0};

	for (size_t i = 0; i < item_count(list); i++)
		if (list->items[i]->kind == VALUE_TEXT)
			strbuf_printf(&text, "%s\n", list->items[i]->text);
	struct freeze freeze = freeze_read(&s->arena, strbuf_text(&text), text.length);

	freeze_sort(&freeze);
	freeze_add_lines(&s->arena, &freeze, &s->freeze, &s->freeze_count);
}

static void read_libraries(struct snapshot *s, const struct value *list)
{
	for (size_t i = 0; i < item_count(list); i++) {
		if (list->items[i]->kind == VALUE_TEXT)
			*arena_push(&s->arena, &s->libraries, &s->library_count) = arena_strdup(&s->arena, list->items[i]->text);
	}
	sort(s->libraries, s->library_count, sizeof(*s->libraries), text_compare_items);
}

static void read_strays(struct snapshot *s, const struct value *list)
{
	for (size_t i = 0; i < item_count(list); i++) {
		struct installed_stray stray = {text_of(s, list->items[i], "path"), text_of(s, list->items[i], "text")};

		if (stray.path && stray.text)
			*arena_push(&s->arena, &s->strays, &s->stray_count) = stray;
	}
	sort(s->strays, s->stray_count, sizeof(*s->strays), compare_strays);
}

static int compare_shadows(const void *a, const void *b)
{
	const struct installed_shadow *left = a, *right = b;
	int order = strcmp(left->path, right->path);

	return order ? order : strcmp(left->first, right->first);
}

static void read_shadows(struct snapshot *s, const struct value *list)
{
	for (size_t i = 0; i < item_count(list); i++) {
		const char *path = value_get_text(list->items[i], "path"), *first = value_get_text(list->items[i], "first"),
			   *second = value_get_text(list->items[i], "second");

		if (path && first && second && name_is_valid(first) && name_is_valid(second))
			*arena_push(&s->arena, &s->shadows, &s->shadow_count) =
				(struct installed_shadow){.path = arena_strdup(&s->arena, path),
							  .first = name_canonical(&s->arena, first),
							  .second = name_canonical(&s->arena, second),
							  .same = value_get_boolean(list->items[i], "same", false)};
	}
	sort(s->shadows, s->shadow_count, sizeof(*s->shadows), compare_shadows);
}

static int read_answer(struct snapshot *s, const struct value *answer, struct error *err)
{
	if (!answer || answer->kind != VALUE_TABLE)
		return error_set(err, ERR_ENGINE, "it gives no snapshot");
	if (read_packages(s, value_get(answer, "packages"), err) < 0 || read_system(s, value_get(answer, "system"), err) < 0)
		return -1;
	read_tools_and_markers(s, value_get(answer, "tools"), value_get(answer, "markers"));
	read_freeze(s, value_get(answer, "freeze"));
	read_libraries(s, value_get(answer, "libraries"));
	read_strays(s, value_get(answer, "strays"));
	read_shadows(s, value_get(answer, "shadows"));
	return 0;
}

static void read_verified(struct snapshot *s, const struct value *results)
{
	autostrbuf struct strbuf text = {0};
	struct json_writer w = {.out = &text, .compact = true};

	if (!results || results->kind != VALUE_ARRAY)
		return;
	json_add_value(&w, NULL, results);
	s->verified = arena_strdup(&s->arena, strbuf_text(&text));
}

static bool has_layer(const struct engine_image *image, const char *diff_id)
{
	for (size_t i = 0; i < image->layer_count; i++) {
		const char *has = image->layers[i];

		if (has && text_starts_with(has, "sha256:") && !strcmp(has + strlen("sha256:"), diff_id))
			return true;
	}
	return false;
}

/* A layer is known by the digest of its archive: what was hashed in it once is the same wherever it is. */
static void write_hashed(const struct engine_image *image, const struct snapshot_question *q, struct json_writer *w)
{
	json_begin_array(w, "hashed");
	for (size_t i = 0; q->released && i < q->released->layer_count; i++) {
		const struct installed_layer *l = &q->released->layers[i];

		for (size_t k = 0; has_layer(image, l->diff_id) && k < l->package_count; k++)
			json_add_text(w, NULL, l->packages[k]);
	}
	json_end_array(w);
}

/* Where a package's files are declared to be another's, they are not what its own RECORD says. */
static void write_overwritten(const struct database *db, struct json_writer *w)
{
	json_begin_object(w, "overwritten");
	for (size_t i = 0; i < db->package_count; i++) {
		const char *name = db->packages[i].canonical;
		bool is_begun = false;

		for (size_t j = 0; j < db->package_count; j++) {
			if (!db->packages[j].overwrite_count || !package_overwrites(db, db->packages[j].canonical, name))
				continue;
			if (!is_begun)
				json_begin_array(w, name);
			is_begun = true;
			json_add_text(w, NULL, db->packages[j].canonical);
		}
		if (is_begun)
			json_end_array(w);
	}
	json_end_object(w);
}

static void write_request(struct arena *a, const struct engine_image *image, const struct snapshot_question *q, const struct database *db, struct strbuf *out)
{
	const struct container *c = q->container;
	struct json_writer w = {.out = out, .compact = true};

	json_begin_object(&w, NULL);
	json_begin_object(&w, "snapshot");
	json_add_text(&w, "python", c->base->python_executable);
	json_add_text(&w, "venv", c->group_count ? db->project.venv : NULL);
	json_begin_array(&w, "tools");
	for (size_t i = 0; i < c->layer_count; i++)
		probe_add_all(a, &w, &c->layers[i], c->layers[i].layer->snapshot, c->layers[i].layer->snapshot_count);
	json_end_array(&w);
	write_hashed(image, q, &w);
	write_overwritten(db, &w);
	json_end_object(&w);
	if (q->verifies)
		probe_add_verify(a, &w, c);
	json_end_object(&w);
}

static int begin(struct snapshot *s, const struct engine *e, const struct snapshot_question *q, const struct engine_image *found, struct error *err)
{
	if (!found->id) {
		error_set(err, ERR_NOT_FOUND, "%s has no image '%s'", e->driver->name, q->image);
		return error_wrap(err, "container '%s'", q->container->name);
	}
	s->container = arena_strdup(&s->arena, q->container->name);
	s->engine = e->driver->name;
	s->engine_version = arena_strdup_null(&s->arena, e->version);
	s->image_id = arena_strdup_null(&s->arena, found->id);
	s->image_digest = arena_strdup_null(&s->arena, found->digest);
	return 0;
}

static int find_images(struct arena *a, struct engine *e, const struct snapshot_question *questions, size_t count, struct engine_image *ret, struct error *err)
{
	const char **tags = arena_array(a, count + 1, sizeof(*tags));

	for (size_t i = 0; i < count; i++)
		tags[i] = questions[i].image;
	return engine_inspect_all(e, tags, count, ret, err);
}

int snapshot_take(struct snapshot *snapshots, struct engine *e, const struct snapshot_question *questions, size_t count, const struct database *db,
		  struct error *err)
{
	autoarena struct arena scratch = {0};
	struct probe_question *asked = arena_array(&scratch, count + 1, sizeof(*asked));
	struct engine_image *found = arena_array(&scratch, count + 1, sizeof(*found));
	int failed = find_images(&scratch, e, questions, count, found, err);

	for (size_t i = 0; !failed && i < count; i++)
		failed = begin(&snapshots[i], e, &questions[i], &found[i], err);
	for (size_t i = 0; !failed && i < count; i++) {
		asked[i] = (struct probe_question){.container = questions[i].container, .image = questions[i].image};
		write_request(&scratch, &found[i], &questions[i], db, &asked[i].request);
	}
	if (!failed)
		failed = probe_ask(&scratch, e, asked, count, err);
	for (size_t i = 0; i < count; i++) {
		if (!failed && read_answer(&snapshots[i], value_get(asked[i].answer, "snapshot"), err) < 0)
			failed = error_wrap(err, "container '%s'", questions[i].container->name);
		if (!failed && questions[i].verifies)
			read_verified(&snapshots[i], value_get(asked[i].answer, "verify"));
		strbuf_release(&asked[i].request);
	}
	return failed;
}

const struct installed_package *snapshot_package(const struct snapshot *s, const char *name)
{
	for (size_t i = 0; i < s->package_count; i++) {
		if (!strcmp(s->packages[i].name, name))
			return &s->packages[i];
	}
	return NULL;
}
