#include "engine/ask.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/pid.h"
#include "base/text.h"
#include "engine/words.h"
#include "io/json.h"

#define THROWAWAY_PREFIX "lockstep-run-"

const char *ask_complaint(struct arena *a, const struct process_result *result)
{
	const struct strbuf *from = result->err_out.length ? &result->err_out : &result->out;
	const char *text = strbuf_text(from), *best = NULL;
	size_t best_length = 0;

	for (const char *p = text; *p;) {
		size_t length = strcspn(p, "\n");

		/* buildah goes on logging after it said why it fails. */
		if (strspn(p, " \t\r*") < length && !(best && text_starts_with(p, "time=\""))) {
			best = p;
			best_length = length;
		}
		p += length + (p[length] == '\n');
	}
	if (!best)
		return arena_printf(a, result->signal ? "ended by signal %d" : "failed with exit status %d, saying nothing",
				    result->signal ? result->signal : result->exit_status);
	const char *line = arena_strndup(a, best, best_length);

	return text_starts_with(line, "Error: ") ? line + strlen("Error: ") : line;
}

const char *const *ask_argv(struct engine *e, const char *const *rest)
{
	struct words w = {.arena = e->arena};

	words_add(&w, e->program);
	words_add_all(&w, e->options);
	words_add_all(&w, rest);
	return w.items;
}

int ask(struct engine *e, const char *const *argv, struct process_result *ret, struct error *err)
{
	autoresult struct process_result result = {0};
	struct process_spec spec = {.argv = argv, .timeout_ms = ASK_TIMEOUT_MS};

	if (process_run(&spec, &result, err) < 0)
		return -1;
	if (result.exit_status != 0) {
		autostrbuf struct strbuf command = {0};

		process_add_command(&command, argv);
		return error_set(err, ERR_ENGINE, "%s: '%s': %s", e->driver->name, strbuf_text(&command), ask_complaint(e->arena, &result));
	}
	if (ret) {
		*ret = result;
		result = (struct process_result){0};
	}
	return 0;
}

int ask_json(struct engine *e, const char *const *argv, struct value **ret_value, struct error *err)
{
	autoresult struct process_result result = {0};

	if (ask(e, argv, &result, err) < 0)
		return -1;
	autostrbuf struct strbuf command = {0};

	process_add_command(&command, argv);
	if (json_parse(e->arena, strbuf_text(&command), strbuf_text(&result.out), result.out.length, ret_value, err) < 0) {
		err->code = ERR_ENGINE;
		return error_wrap(err, "%s gave an answer that cannot be read", e->driver->name);
	}
	return 0;
}

int ask_patiently(struct engine *e, const char *const *argv, struct error *err)
{
	autoresult struct process_result result = {0};

	if (process_run(&(struct process_spec){.argv = argv}, &result, err) < 0)
		return -1;
	return result.exit_status == 0 ? 0 : error_set(err, ERR_ENGINE, "%s", ask_complaint(e->arena, &result));
}

void ask_quietly(const char *const *argv)
{
	autoresult struct process_result result = {0};
	autoerror struct error ignored = {0};
	struct process_spec spec = {.argv = argv, .timeout_ms = ASK_TIMEOUT_MS, .to_the_end = true};

	process_run(&spec, &result, &ignored);
}

int engine_inspect_each(struct engine *e, const char *const *tags, size_t count, struct engine_image *ret, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		autoerror struct error why_not = {0};

		ret[i] = (struct engine_image){0};
		if (e->driver->inspect(e, tags[i], &ret[i], &why_not) == 0)
			continue;
		ret[i] = (struct engine_image){0};
		if (why_not.code == ERR_NOT_FOUND)
			continue;
		error_move(err, &why_not);
		return -1;
	}
	return 0;
}

/* The machine's name is part of it: several machines may use one daemon. */
static const char *throwaway_prefix(struct arena *a)
{
	char host[65] = "";

	if (gethostname(host, sizeof(host) - 1) < 0)
		host[0] = '\0';
	for (char *p = host; *p; p++)
		*p = isalnum((unsigned char)*p) ? *p : '.';
	return arena_printf(a, THROWAWAY_PREFIX "%s-", host);
}

const char *throwaway_name(struct arena *a)
{
	static unsigned number;

	return arena_printf(a, "%s%ld-%u", throwaway_prefix(a), (long)getpid(), ++number);
}

bool throwaway_is_left(struct arena *a, const char *name)
{
	const char *prefix = throwaway_prefix(a);
	char *end;

	if (!text_starts_with(name, prefix))
		return false;
	long pid = strtol(name + strlen(prefix), &end, 10);

	return *end == '-' && pid != (long)getpid() && pid_has_ended((pid_t)pid);
}
