#include "build/record.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "io/json.h"
#include "recipe/database.h"

enum { RECORD_LIMIT_BYTES = 64 * 1024 * 1024 };

static void read_inputs(struct record *r, const struct value *list, struct record_stage *s)
{
	for (size_t i = 0; list && list->kind == VALUE_ARRAY && i < list->item_count; i++) {
		const char *name = value_get_text(list->items[i], "name"), *version = value_get_text(list->items[i], "version");
		const char *file = value_get_text(list->items[i], "file"), *sha256 = value_get_text(list->items[i], "sha256");

		if (name && version && file && sha256)
			*arena_push(&r->arena, &s->inputs, &s->input_count) =
				(struct build_input){.name = name, .version = version, .file = file, .sha256 = sha256};
	}
}

static void read_images(struct record *r, const struct value *list)
{
	for (size_t i = 0; list && list->kind == VALUE_ARRAY && i < list->item_count; i++) {
		const struct value *v = list->items[i];
		struct record_image image = {
			.container = value_get_text(v, "container"), .engine = value_get_text(v, "engine"), .tag = value_get_text(v, "tag")};

		/* It becomes a word of an engine's command line: nothing but a name may. */
		if (image.container && image.engine && text_starts_with(image.tag ? image.tag : "", "localhost/lockstep/"))
			*arena_push(&r->arena, &r->images, &r->image_count) = image;
	}
}

void record_read(struct record *r, const char *root)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};
	struct value *document = NULL;

	*r = (struct record){0};
	r->path = arena_printf(&r->arena, "%s/.lockstep/build.json", root);
	if (file_read(r->path, RECORD_LIMIT_BYTES, &text, &ignored) < 0 ||
	    json_parse(&r->arena, "build.json", strbuf_text(&text), text.length, &document, &ignored) < 0)
		return;
	const struct value *stages = value_get(document, "stages");

	read_images(r, value_get(document, "images"));
	for (size_t i = 0; stages && stages->kind == VALUE_ARRAY && i < stages->item_count; i++) {
		const struct value *v = stages->items[i];
		struct record_stage s = {.place = value_get_text(v, "place"),
					 .key = value_get_text(v, "key"),
					 .parent_key = value_get_text(v, "parent"),
					 .engine = value_get_text(v, "engine"),
					 .text = value_get_text(v, "text")};

		if (!s.place || !s.key || !s.engine || !s.text)
			continue;
		int64_t ms;

		s.worker = value_get_text(v, "worker");
		s.seconds = value_get_integer(v, "milliseconds", &ms) && ms > 0 ? (double)ms / 1000 : 0;
		if (!value_get_integer(v, "bytes", &s.bytes) || s.bytes < 0)
			s.bytes = 0;
		read_inputs(r, value_get(v, "inputs"), &s);
		*arena_push(&r->arena, &r->stages, &r->stage_count) = s;
	}
}

void record_release(struct record *r)
{
	arena_release(&r->arena);
	*r = (struct record){0};
}

static struct record_stage *find(const struct record *r, const char *place, const char *engine)
{
	for (size_t i = 0; i < r->stage_count; i++) {
		if (!strcmp(r->stages[i].place, place) && !strcmp(r->stages[i].engine, engine))
			return &r->stages[i];
	}
	return NULL;
}

const struct record_stage *record_find(const struct record *r, const char *container, const char *stage, const char *engine)
{
	autostrbuf struct strbuf place = {0};

	strbuf_printf(&place, "%s/%s", container, stage);
	return find(r, strbuf_text(&place), engine);
}

static void copy_inputs(struct record *r, const struct build_job *job, struct record_stage *s)
{
	for (size_t i = 0; i < job->input_count; i++) {
		const struct build_input *in = &job->inputs[i];

		*arena_push(&r->arena, &s->inputs, &s->input_count) = (struct build_input){
			.name = arena_strdup(&r->arena, in->name),
			.version = arena_strdup(&r->arena, in->version),
			.file = arena_strdup(&r->arena, in->file),
			.sha256 = arena_strdup(&r->arena, in->sha256 ? in->sha256 : ""),
		};
	}
}

void record_set(struct record *r, const struct build_job *job, const char *engine, const struct record_stage *built)
{
	struct record_stage s = {.key = arena_strdup(&r->arena, job->key),
				 .parent_key = job->parent ? arena_strdup(&r->arena, job->parent->key) : NULL,
				 .engine = arena_strdup(&r->arena, engine),
				 .text = arena_strdup(&r->arena, job->text),
				 .worker = arena_strdup_null(&r->arena, built->worker),
				 .seconds = built->seconds,
				 .bytes = built->bytes};

	copy_inputs(r, job, &s);
	for (size_t i = 0; i < job->container_count; i++) {
		s.place = arena_printf(&r->arena, "%s/%s", job->containers[i]->name, job->stage->name);
		struct record_stage *old = find(r, s.place, engine);

		if (old)
			*old = s;
		else
			*arena_push(&r->arena, &r->stages, &r->stage_count) = s;
	}
}

static struct record_image *find_image(const struct record *r, const char *container, const char *engine)
{
	for (size_t i = 0; i < r->image_count; i++) {
		if (!strcmp(r->images[i].container, container) && !strcmp(r->images[i].engine, engine))
			return &r->images[i];
	}
	return NULL;
}

const char *record_image(const struct record *r, const char *container, const char *engine)
{
	const struct record_image *image = find_image(r, container, engine);

	return image ? image->tag : NULL;
}

void record_set_image(struct record *r, const char *container, const char *engine, const char *tag)
{
	struct record_image *image = find_image(r, container, engine);

	if (!image)
		image = arena_push(&r->arena, &r->images, &r->image_count);
	*image = (struct record_image){arena_strdup(&r->arena, container), arena_strdup(&r->arena, engine), arena_strdup(&r->arena, tag)};
}

static void write_image(struct json_writer *w, const struct record_image *image)
{
	json_begin_object(w, NULL);
	json_add_text(w, "container", image->container);
	json_add_text(w, "engine", image->engine);
	json_add_text(w, "tag", image->tag);
	json_end_object(w);
}

static void write_stage(struct json_writer *w, const struct record_stage *s)
{
	json_begin_object(w, NULL);
	json_add_text(w, "place", s->place);
	json_add_text(w, "engine", s->engine);
	json_add_text(w, "key", s->key);
	json_add_text(w, "parent", s->parent_key);
	json_add_text(w, "text", s->text);
	json_add_text(w, "worker", s->worker);
	json_add_integer(w, "milliseconds", (int64_t)(s->seconds * 1000));
	json_add_integer(w, "bytes", s->bytes);
	json_begin_array(w, "inputs");
	for (size_t i = 0; i < s->input_count; i++) {
		json_begin_object(w, NULL);
		json_add_text(w, "name", s->inputs[i].name);
		json_add_text(w, "version", s->inputs[i].version);
		json_add_text(w, "file", s->inputs[i].file);
		json_add_text(w, "sha256", s->inputs[i].sha256);
		json_end_object(w);
	}
	json_end_array(w);
	json_end_object(w);
}

int record_write(const struct record *r, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	struct json_writer w = {.out = &text};

	json_begin_object(&w, NULL);
	json_begin_array(&w, "stages");
	for (size_t i = 0; i < r->stage_count; i++)
		write_stage(&w, &r->stages[i]);
	json_end_array(&w);
	json_begin_array(&w, "images");
	for (size_t i = 0; i < r->image_count; i++)
		write_image(&w, &r->images[i]);
	json_end_array(&w);
	json_end_object(&w);
	return file_make_parents(r->path, err) < 0 ? -1 : file_write_derived(r->path, strbuf_text(&text), text.length, err);
}
