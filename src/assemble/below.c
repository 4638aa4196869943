#include "assemble/below.h"

#include <string.h>

#include "assemble/pack.h"
#include "base/alloc.h"
#include "base/file.h"
#include "base/text.h"
#include "fetch/store.h"
#include "io/json.h"
#include "layer/install.h"

enum { NOTE_LIMIT_BYTES = 4 << 20 };
/* Another number when what is kept means something else. */
#define NOTE_FORM "1"

/* The script stands in its own file, where linters read it, and is linked in as it is. */
__asm__(".section .rodata\n"
	"place_script:\n"
	".incbin \"src/assemble/place.py\"\n"
	".byte 0\n"
	".previous\n");
extern const char place_script[];

static const char *note_path(struct arena *a, const char *key)
{
	return arena_printf(a, "%s/layers/below/%.2s/%s", path_cache_dir(a), key, key);
}

/* ---- layers as files, by diff id ---- */

static const char *packed_path(struct arena *a, const char *diff_id)
{
	const char *hex = diff_id + strlen("sha256:");

	return arena_printf(a, "%s/layers/packed/%.2s/%s", path_cache_dir(a), hex, hex);
}

/* "<sha256> <size>\n" */
static void find_layer(struct arena *a, struct image_layer *l)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};
	uint64_t size;

	if (file_read(packed_path(a, l->diff_id), NOTE_LIMIT_BYTES, &text, &ignored) < 0)
		return;
	char *hex = arena_strdup(a, strbuf_text(&text)), *number = strchr(hex, ' ');

	if (!number)
		return;
	*number++ = '\0';
	number[strcspn(number, "\n")] = '\0';
	if (!digest_is_hex(hex) || !text_to_u64(number, &size) || !store_has(hex, (int64_t)size))
		return;
	l->digest = arena_printf(a, "sha256:%s", hex);
	l->media_type = IMAGE_LAYER_GZIP;
	l->size_bytes = (int64_t)size;
	l->path = store_path(a, hex);
}

static int note_layer(struct arena *a, const char *diff_id, const struct packed *p, struct error *err)
{
	const char *path = packed_path(a, diff_id), *text = arena_printf(a, "%s %llu\n", p->sha256, (unsigned long long)p->size_bytes);

	return file_make_parents(path, err) < 0 ? -1 : file_write_derived(path, text, strlen(text), err);
}

/* What the engine says of packed layers is of its own storage. */
static void find_layers(struct arena *a, struct image *image)
{
	for (size_t i = 0; i < image->layer_count; i++) {
		struct image_layer *l = &image->layers[i];

		*l = (struct image_layer){.diff_id = l->diff_id};
		find_layer(a, l);
	}
}

bool below_is_kept(const struct below *b)
{
	for (size_t i = 0; i < b->image.layer_count; i++) {
		if (!b->image.layers[i].path)
			return false;
	}
	return true;
}

static int keep_layer(struct arena *a, const struct image_layer *saved, struct image_layer *l, struct error *err)
{
	struct packed packed;

	if (!saved->path || strcmp(saved->diff_id, l->diff_id) != 0)
		return error_set(err, ERR_ENGINE, "it is another image by now");
	if (pack_layer(saved->path, saved->diff_id, &packed, err) < 0 || note_layer(a, l->diff_id, &packed, err) < 0)
		return -1;
	find_layer(a, l);
	return 0;
}

int below_keep(struct arena *a, struct engine *e, const char *tag, const char *temporary, struct below *b, struct error *err)
{
	const char *folder = path_join(a, temporary, "saved");
	struct image saved;
	int failed;

	if (below_is_kept(b))
		return 0;
	failed = file_remove_tree(folder, err) < 0 || file_make_dirs(folder, err) < 0 || e->driver->save(e, tag, folder, &saved, err) < 0;
	if (!failed && saved.layer_count != b->image.layer_count)
		failed = error_set(err, ERR_ENGINE, "it is another image by now");
	for (size_t i = 0; !failed && i < saved.layer_count; i++)
		failed = !b->image.layers[i].path && keep_layer(a, &saved.layers[i], &b->image.layers[i], err) < 0;

	autoerror struct error ignored = {0};

	file_remove_tree(folder, &ignored);
	return failed ? error_wrap(err, "cannot take the layers of image '%s' out of %s", tag, e->driver->name) : 0;
}

/* ---- what was asked ---- */

static const char *const place_names[] = {"purelib", "platlib", "scripts", "data", "headers", "python"};

static const char **place_field(struct install_place *p, size_t i)
{
	const char **const fields[] = {&p->purelib, &p->platlib, &p->scripts, &p->data, &p->headers, &p->python};

	return fields[i];
}

static bool has_control(const char *text)
{
	autostrbuf struct strbuf safe = {0};

	text_escape(&safe, text, strlen(text), 0);
	return strcmp(strbuf_text(&safe), text) != 0;
}

static bool read_place(struct arena *a, const struct value *v, struct below *b)
{
	struct install_place *place = arena_new(a, struct install_place);

	for (size_t i = 0; i < ARRAY_LEN(place_names); i++) {
		const char *path = value_get_text(v, place_names[i]);

		/* They become names in a layer, and the first line of programs. */
		if (!path || path[0] != '/' || has_control(path))
			return false;
		*place_field(place, i) = path;
	}
	b->place = place;
	b->interpreter = value_get_text(v, "interpreter");
	b->has_python = b->interpreter;
	return b->has_python;
}

static int note(struct arena *a, const struct below *b, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	struct json_writer w = {.out = &text};
	const char *path = note_path(a, b->key);

	json_begin_object(&w, NULL);
	json_add_text(&w, "form", NOTE_FORM);
	json_add_text(&w, "config", b->image.config);
	if (b->has_python) {
		struct install_place place = *b->place;

		json_begin_object(&w, "place");
		for (size_t i = 0; i < ARRAY_LEN(place_names); i++)
			json_add_text(&w, place_names[i], *place_field(&place, i));
		json_add_text(&w, "interpreter", b->interpreter);
		json_end_object(&w);
	}
	json_end_object(&w);
	return file_make_parents(path, err) < 0 ? -1 : file_write_derived(path, text.text, text.length, err);
}

bool below_recall(struct arena *a, const char *key, struct below *ret)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};
	struct below b = {.key = key};
	struct value *v;

	if (file_read(note_path(a, key), NOTE_LIMIT_BYTES, &text, &ignored) < 0 || json_parse(a, "note", strbuf_text(&text), text.length, &v, &ignored) < 0 ||
	    !text_equal(value_get_text(v, "form"), NOTE_FORM))
		return false;
	const char *config = value_get_text(v, "config");
	const struct value *place = value_get(v, "place");

	if (!config || (place && !read_place(a, place, &b)) || image_read_config(a, "note", config, strlen(config), &b.image, &ignored) < 0)
		return false;
	find_layers(a, &b.image);
	*ret = b;
	return true;
}

static int ask_place(struct arena *a, struct engine *e, const char *tag, const char *python, struct below *b, struct error *err)
{
	const char *const argv[] = {python, "-I", "-c", place_script, NULL};
	autoresult struct process_result result = {0};
	struct value *v = NULL;

	if (e->driver->run(e, tag, argv, NULL, 0, &result, err) < 0)
		return -1;
	if (result.exit_status != 0)
		return error_set(err, ERR_ENGINE, "'%s' in it ended with %d: %s", python, result.exit_status, strbuf_text(&result.err_out));
	if (json_parse(a, "its answer", strbuf_text(&result.out), result.out.length, &v, err) < 0) {
		err->code = ERR_ENGINE;
		return -1;
	}
	return read_place(a, v, b) ? 0 : error_set(err, ERR_ENGINE, "'%s' in it does not say where packages are installed", python);
}

int below_ask(struct arena *a, struct engine *e, const char *tag, const char *key, const char *python, struct below *ret, struct error *err)
{
	struct below b = {.key = key}, known = {0};
	bool is_known = below_recall(a, key, &known) && known.has_python == (python != NULL);
	struct image image;

	if (e->driver->describe(e, tag, &image, err) < 0)
		return -1;
	if (is_known && text_equal(known.image.config_digest, image.config_digest)) {
		*ret = known;
		return 0;
	}
	b.image = image;
	find_layers(a, &b.image);
	if (is_known) {
		b.has_python = known.has_python;
		b.place = known.place;
		b.interpreter = known.interpreter;
	} else if (python && ask_place(a, e, tag, python, &b, err) < 0) {
		return error_wrap(err, "cannot ask image '%s' about its Python", tag);
	}
	if (note(a, &b, err) < 0)
		return -1;
	*ret = b;
	return 0;
}
