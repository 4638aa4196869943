#include "verify/contents.h"

#include <string.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "fetch/store.h"
#include "io/json.h"

enum { OBJECTS_FORM = 1, OBJECTS_LIMIT_BYTES = 64 * 1024 * 1024 };

void contents_release(struct contents *c)
{
	arena_release(&c->arena);
	*c = (struct contents){0};
}

static struct wheel_read *wheel_of(struct contents *c, const struct lock_file *file)
{
	for (size_t i = 0; i < c->count; i++) {
		if (!strcmp(c->wheels[i]->sha256, file->sha256))
			return c->wheels[i];
	}
	if (!store_has(file->sha256, (int64_t)file->size_bytes))
		return NULL;
	struct wheel_read *w = arena_new(&c->arena, struct wheel_read);

	w->sha256 = arena_strdup(&c->arena, file->sha256);
	*arena_push(&c->arena, &c->wheels, &c->count) = w;
	return w;
}

const struct wheel_contents *contents_files(struct contents *c, const struct lock_file *file)
{
	struct wheel_read *w = wheel_of(c, file);
	autoerror struct error unreadable = {0};
	struct wheel_contents read;

	if (!w)
		return NULL;
	if (!w->has_files) {
		if (wheel_files_read(&c->arena, store_path(&c->arena, w->sha256), &read, &unreadable) < 0)
			return NULL;
		w->contents.files = read.files;
		w->contents.file_count = read.file_count;
		w->has_files = true;
	}
	return &w->contents;
}

static const char *kept_path(struct arena *a, const char *sha256)
{
	return arena_printf(a, "%s/objects/%.2s/%s.json", path_cache_dir(a), sha256, sha256);
}

static void write_kept(const char *path, const struct wheel_contents *read)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};
	struct json_writer w = {.out = &text, .compact = true};

	json_begin_object(&w, NULL);
	json_add_integer(&w, "form", OBJECTS_FORM);
	json_begin_array(&w, "objects");
	for (size_t i = 0; i < read->object_count; i++) {
		const struct wheel_object *o = &read->objects[i];

		json_begin_object(&w, NULL);
		json_add_text(&w, "path", o->path);
		json_add_text(&w, "soname", o->soname);
		json_begin_array(&w, "needed");
		for (size_t j = 0; j < o->needed_count; j++)
			json_add_text(&w, NULL, o->needed[j]);
		json_end_array(&w);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_end_object(&w);
	/* Where the cache cannot be written, it is read again the next time. */
	if (file_make_parents(path, &ignored) == 0)
		(void)file_write_derived(path, strbuf_text(&text), text.length, &ignored);
}

static bool read_object(struct arena *a, const struct value *v, struct wheel_object *ret)
{
	const char *path = value_get_text(v, "path");
	const struct value *needed = value_get(v, "needed");

	if (!path || !needed || needed->kind != VALUE_ARRAY)
		return false;
	*ret = (struct wheel_object){.path = arena_strdup(a, path), .soname = arena_strdup_null(a, value_get_text(v, "soname"))};
	for (size_t i = 0; i < needed->item_count; i++) {
		if (needed->items[i]->kind != VALUE_TEXT)
			return false;
		*arena_push(a, &ret->needed, &ret->needed_count) = arena_strdup(a, needed->items[i]->text);
	}
	return true;
}

/* False when there is none of this form: then the wheel is read. */
static bool read_kept(struct arena *a, const char *path, struct wheel_contents *ret)
{
	autoarena struct arena scratch = {0};
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};
	struct value *v = NULL;
	int64_t form = 0;

	*ret = (struct wheel_contents){0};
	if (!file_exists(path) || file_read(path, OBJECTS_LIMIT_BYTES, &text, &ignored) < 0 ||
	    json_parse(&scratch, path, strbuf_text(&text), text.length, &v, &ignored) < 0 || !value_get_integer(v, "form", &form) || form != OBJECTS_FORM)
		return false;
	const struct value *list = value_get(v, "objects");

	for (size_t i = 0; list && list->kind == VALUE_ARRAY && i < list->item_count; i++) {
		if (!read_object(a, list->items[i], arena_push(a, &ret->objects, &ret->object_count)))
			return false;
	}
	return list && list->kind == VALUE_ARRAY;
}

const struct wheel_contents *contents_objects(struct contents *c, const struct lock_file *file)
{
	struct wheel_read *w = wheel_of(c, file);
	autoerror struct error unreadable = {0};
	struct wheel_contents read;

	if (!w)
		return NULL;
	if (!w->has_objects) {
		const char *kept = kept_path(&c->arena, w->sha256);

		if (!read_kept(&c->arena, kept, &read)) {
			if (wheel_objects_read(&c->arena, store_path(&c->arena, w->sha256), &read, &unreadable) < 0)
				return NULL;
			write_kept(kept, &read);
		}
		w->contents.objects = read.objects;
		w->contents.object_count = read.object_count;
		w->has_objects = true;
	}
	return &w->contents;
}
