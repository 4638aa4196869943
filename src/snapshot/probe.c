#include "snapshot/probe.h"

#include <string.h>

#include "engine/engine.h"
#include "io/crew.h"

enum { SAID_MAX = 2000 };

/* The scripts stand in their own files, where linters read them, and are linked in as they are. */
__asm__(".section .rodata\n"
	"probe_script:\n"
	".incbin \"src/snapshot/probe.py\"\n"
	".byte 0\n"
	"probe_pip_script:\n"
	".incbin \"src/snapshot/probe_pip.py\"\n"
	".byte 0\n"
	".previous\n");
extern const char probe_script[], probe_pip_script[];

struct asking {
	struct engine *engine;
	const struct probe_question *questions;
};

/* In a child of ours. */
static int ask_one(void *context, size_t number, struct strbuf *out, struct error *err)
{
	const struct asking *asking = context;
	const struct probe_question *q = &asking->questions[number];
	const char *const argv[] = {q->container->base->python_executable, "-I", "-c", probe_script, probe_pip_script, NULL};
	autoresult struct process_result result = {0};

	if (asking->engine->driver->run(asking->engine, q->image, argv, strbuf_text(&q->request), q->request.length, &result, err) < 0) {
		error_wrap(err, "cannot ask image '%s'", q->image);
	} else if (result.exit_status != 0) {
		const char *text = strbuf_text(&result.err_out);
		size_t length = strlen(text);

		error_set(err, ERR_ENGINE, "cannot ask image '%s': its Python ended with %d: %s", q->image, result.exit_status,
			  length > SAID_MAX ? text + length - SAID_MAX : text);
	} else {
		strbuf_add_bytes(out, strbuf_text(&result.out), result.out.length);
		return 0;
	}
	return error_wrap(err, "container '%s'", q->container->name);
}

static int read_answer(struct arena *a, struct probe_question *q, const struct strbuf *said, struct error *err)
{
	struct value *answer;
	const char *problem;

	if (json_parse(a, "its answer", strbuf_text(said), said->length, &answer, err) < 0) {
		err->code = ERR_ENGINE;
		error_wrap(err, "cannot ask image '%s'", q->image);
		return error_wrap(err, "container '%s'", q->container->name);
	}
	problem = value_get_text(answer, "error");
	if (problem)
		return error_set(err, ERR_ENGINE, "container '%s': cannot ask image '%s': %s", q->container->name, q->image, problem);
	q->answer = answer;
	return 0;
}

int probe_ask(struct arena *a, struct engine *e, struct probe_question *questions, size_t count, struct error *err)
{
	struct strbuf *said = arena_array(a, count + 1, sizeof(*said));
	struct asking asking = {e, questions};
	int failed = count && e->driver->wake ? e->driver->wake(e, err) : 0;

	if (!failed && count)
		failed = crew_run(&(struct crew_task){.work = ask_one, .context = &asking, .count = count}, said, err);

	for (size_t i = 0; i < count; i++) {
		if (!failed)
			failed = read_answer(a, &questions[i], &said[i], err);
		strbuf_release(&said[i]);
	}
	return failed;
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

size_t probe_add_verify(struct arena *a, struct json_writer *w, const struct container *c)
{
	size_t count = 0;

	json_begin_array(w, "verify");
	for (size_t i = 0; i < c->layer_count; i++) {
		probe_add_all(a, w, &c->layers[i], c->layers[i].layer->verify, c->layers[i].layer->verify_count);
		count += c->layers[i].layer->verify_count;
	}
	json_end_array(w);
	return count;
}
