#include "assemble/below.h"

#include <string.h>

#include "assemble/keep.h"
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

bool below_is_kept(const struct below *b)
{
	return keep_is_whole(&b->image);
}

int below_keep(struct arena *a, struct engine *e, const char *tag, const char *temporary, struct below *b, struct error *err)
{
	return keep_layers(a, e, tag, temporary, &b->image, err);
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
	keep_find(a, &b.image);
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
	strbuf_move(output, &result.out);
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

int below_ask(struct arena *a, struct engine *e, const char *tag, const char *id, const char *key, const char *python, struct below *ret, struct error *err)
{
	struct below b = {.key = key}, known = {0};
	const char *answer = NULL;
	bool is_known = recall(a, key, &known, &answer) && (known.interpreter != NULL) == (python != NULL);

	if (id && is_known && text_equal(known.image.config_digest, id)) {
		*ret = known;
		return 0;
	}
	if (e->driver->describe(e, tag, &b.image, err) < 0)
		return -1;
	if (is_known && text_equal(known.image.config_digest, b.image.config_digest)) {
		*ret = known;
		return 0;
	}
	keep_find(a, &b.image);
	b.interpreter = known.interpreter;
	if (!is_known && python && ask_python(a, e, tag, python, &b, &answer, err) < 0)
		return error_wrap(err, "image '%s'", tag);
	if (note(a, &b, answer, err) < 0)
		return -1;
	*ret = b;
	return 0;
}
