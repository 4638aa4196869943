#include "assemble/below.h"

#include <string.h>

#include "assemble/pack.h"
#include "base/file.h"
#include "base/text.h"
#include "fetch/store.h"
#include "io/json.h"
#include "layer/interpreter.h"

enum { NOTE_LIMIT_BYTES = 8 << 20, SAID_MAX = 2000 };
/* Another number when what is kept means something else. */
#define NOTE_FORM "2"

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

static int note(struct arena *a, const struct below *b, const char *answer, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	struct json_writer w = {.out = &text};
	const char *path = note_path(a, b->key);

	json_begin_object(&w, NULL);
	json_add_text(&w, "form", NOTE_FORM);
	json_add_text(&w, "config", b->image.config);
	if (answer)
		json_add_text(&w, "interpreter", answer);
	json_end_object(&w);
	return file_make_parents(path, err) < 0 ? -1 : file_write_derived(path, text.text, text.length, err);
}

static int parse_interpreter(struct arena *a, const char *answer, struct below *b, struct error *err)
{
	struct interpreter *i = arena_new(a, struct interpreter);

	if (interpreter_parse(a, answer, strlen(answer), i, err) < 0)
		return -1;
	b->interpreter = i;
	return 0;
}

/* *ret_answer is what its Python answered, or NULL. */
static bool recall(struct arena *a, const char *key, struct below *ret, const char **ret_answer)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error ignored = {0};
	struct below b = {.key = key};
	struct value *v;

	if (file_read(note_path(a, key), NOTE_LIMIT_BYTES, &text, &ignored) < 0 || json_parse(a, "note", strbuf_text(&text), text.length, &v, &ignored) < 0 ||
	    !text_equal(value_get_text(v, "form"), NOTE_FORM))
		return false;
	const char *config = value_get_text(v, "config"), *answer = value_get_text(v, "interpreter");

	if (!config || (answer && parse_interpreter(a, answer, &b, &ignored) < 0) ||
	    image_read_config(a, "note", config, strlen(config), &b.image, &ignored) < 0)
		return false;
	find_layers(a, &b.image);
	*ret = b;
	*ret_answer = answer;
	return true;
}

bool below_recall(struct arena *a, const char *key, struct below *ret)
{
	const char *answer;

	return recall(a, key, ret, &answer);
}

struct running {
	struct engine *engine;
	const char *tag;
};

static int run(void *context, const char *const *argv, const char *input, size_t length, struct strbuf *output, struct error *err)
{
	struct running *r = context;
	autoresult struct process_result result = {0};

	if (r->engine->driver->run(r->engine, r->tag, argv, input, length, &result, err) < 0)
		return -1;
	if (result.exit_status != 0) {
		const char *text = strbuf_text(&result.err_out);
		size_t said = strlen(text);

		return error_set(err, ERR_ENGINE, "'%s' in image '%s' ended with %d: %s", argv[0], r->tag, result.exit_status,
				 said > SAID_MAX ? text + said - SAID_MAX : text);
	}
	strbuf_add_bytes(output, strbuf_text(&result.out), result.out.length);
	return 0;
}

struct layer_runner *below_runner(struct arena *a, struct engine *e, const char *tag)
{
	struct layer_runner *runner = arena_new(a, struct layer_runner);
	struct running *r = arena_new(a, struct running);

	*r = (struct running){e, tag};
	*runner = (struct layer_runner){run, r};
	return runner;
}

static int ask_python(struct arena *a, struct engine *e, const char *tag, const char *python, struct below *b, const char **ret_answer, struct error *err)
{
	autostrbuf struct strbuf answer = {0};

	if (interpreter_ask(below_runner(a, e, tag), python, &answer, err) < 0)
		return -1;
	*ret_answer = arena_strdup(a, strbuf_text(&answer));
	return parse_interpreter(a, *ret_answer, b, err);
}

int below_ask(struct arena *a, struct engine *e, const char *tag, const char *key, const char *python, struct below *ret, struct error *err)
{
	struct below b = {.key = key}, known = {0};
	const char *answer = NULL;
	bool is_known = recall(a, key, &known, &answer) && (known.interpreter != NULL) == (python != NULL);

	if (e->driver->describe(e, tag, &b.image, err) < 0)
		return -1;
	if (is_known && text_equal(known.image.config_digest, b.image.config_digest)) {
		*ret = known;
		return 0;
	}
	find_layers(a, &b.image);
	b.interpreter = known.interpreter;
	if (!is_known && python && ask_python(a, e, tag, python, &b, &answer, err) < 0)
		return error_wrap(err, "image '%s'", tag);
	if (note(a, &b, answer, err) < 0)
		return -1;
	*ret = b;
	return 0;
}
