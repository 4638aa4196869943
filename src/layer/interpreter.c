#include "layer/interpreter.h"

#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "io/json.h"

/* The script stands in its own file, where linters read it, and is linked in as it is. */
__asm__(".section .rodata\n"
	"layer_interpreter_script:\n"
	".incbin \"src/layer/interpreter.py\"\n"
	".byte 0\n"
	".previous\n");
extern const char layer_interpreter_script[];

int interpreter_ask(const struct layer_runner *runner, const char *python, struct strbuf *ret_answer, struct error *err)
{
	/* Isolated, but with its site: that is what makes a virtual environment one. */
	const char *const argv[] = {python, "-I", "-B", "-c", layer_interpreter_script, NULL};
	autostrbuf struct strbuf answer = {0};

	if (runner->run(runner->context, argv, "", 0, &answer, err) < 0)
		return error_wrap(err, "cannot ask '%s' in the image where it installs to", python);
	strbuf_add_bytes(ret_answer, strbuf_text(&answer), answer.length);
	return 0;
}

static int no_answer(const char *why, struct error *err)
{
	return error_set(err, ERR_ENGINE, "cannot install into the image: its Python %s", why);
}

/* An absolute path without parts that lead elsewhere. */
static const char *get_path(struct arena *a, const struct value *place, const char *key)
{
	const char *text = value_get_text(place, key);

	return text && *text == '/' && path_stays_inside(text + 1) ? arena_strdup(a, text) : NULL;
}

int interpreter_parse(struct arena *a, const char *answer, size_t length, struct interpreter *ret, struct error *err)
{
	autoarena struct arena scratch = {0};
	autoerror struct error broken = {0};
	struct value *v = NULL;

	if (json_parse(&scratch, "its answer", answer, length, &v, &broken) < 0)
		return no_answer("answers no JSON", err);
	const struct value *place = value_get(v, "place"), *identity = value_get(v, "identity");
	const char *version = value_get_text(place, "version");
	struct install_place p = {.purelib = get_path(a, place, "purelib"),
				  .platlib = get_path(a, place, "platlib"),
				  .scripts = get_path(a, place, "scripts"),
				  .data = get_path(a, place, "data"),
				  .headers = get_path(a, place, "headers"),
				  .python = get_path(a, place, "python")};

	if (!p.purelib || !p.platlib || !p.scripts || !p.data || !p.headers || !p.python)
		return no_answer("names no absolute paths for what is installed", err);
	if (!version || !*version || strspn(version, "0123456789.") != strlen(version))
		return no_answer("does not say its version", err);
	if (!identity || identity->kind != VALUE_ARRAY || !identity->item_count)
		return no_answer("does not say what it is", err);
	struct digest d;

	p.version = arena_strdup(a, version);
	digest_begin(&d);
	for (size_t i = 0; i < identity->item_count; i++)
		digest_add_part(&d, identity->items[i]->kind == VALUE_TEXT ? identity->items[i]->text : NULL);
	ret->place = p;
	digest_end(&d, ret->identity);
	return 0;
}
