#include "snapshot/probe.h"

#include <string.h>

#include "engine/engine.h"

/* The script stands in its own file, where linters read it, and is linked in as it is. */
__asm__(".section .rodata\n"
	"probe_script:\n"
	".incbin \"src/snapshot/probe.py\"\n"
	".byte 0\n"
	".previous\n");
extern const char probe_script[];

static int read_answer(struct arena *a, const char *image, const struct process_result *result, struct value **ret, struct error *err)
{
	struct value *answer;
	const char *problem;

	if (result->exit_status != 0) {
		const char *text = strbuf_text(&result->err_out);
		size_t length = strlen(text);

		return error_set(err, ERR_ENGINE, "cannot ask image '%s': its Python ended with %d: %s", image, result->exit_status,
				 length > 2000 ? text + length - 2000 : text);
	}
	if (json_parse(a, "its answer", strbuf_text(&result->out), result->out.length, &answer, err) < 0) {
		err->code = ERR_ENGINE;
		return error_wrap(err, "cannot ask image '%s'", image);
	}
	problem = value_get_text(answer, "error");
	if (problem)
		return error_set(err, ERR_ENGINE, "cannot ask image '%s': %s", image, problem);
	*ret = answer;
	return 0;
}

int probe_ask(struct arena *a, struct engine *e, const char *image, const struct container *c, const struct strbuf *request, struct value **ret_answer,
	      struct error *err)
{
	const char *const argv[] = {c->base->python_executable, "-I", "-c", probe_script, NULL};
	autoresult struct process_result result = {0};

	if (e->driver->run(e, image, argv, strbuf_text(request), request->length, &result, err) < 0)
		return error_wrap(err, "cannot ask image '%s'", image);
	return read_answer(a, image, &result, ret_answer, err);
}

static void add_probe(struct arena *a, struct json_writer *w, const struct layer_use *use, const struct layer_probe *probe)
{
	json_begin_object(w, NULL);
	json_add_text(w, "name", layer_use_expand(a, use, probe->name));
	json_begin_object(w, "files");
	for (size_t i = 0; i < probe->file_count; i++)
		json_add_text(w, probe->file_names[i], layer_use_expand(a, use, probe->file_contents[i]));
	json_end_object(w);
	json_begin_array(w, "commands");
	for (size_t i = 0; i < probe->command_count; i++) {
		json_begin_array(w, NULL);
		for (const char **word = probe->commands[i]; *word; word++)
			json_add_text(w, NULL, layer_use_expand(a, use, *word));
		json_end_array(w);
	}
	json_end_array(w);
	json_end_object(w);
}

void probe_add_all(struct arena *a, struct json_writer *w, const struct layer_use *use, const struct layer_probe *probes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (layer_use_holds(use, probes[i].conditions, probes[i].condition_count))
			add_probe(a, w, use, &probes[i]);
	}
}
