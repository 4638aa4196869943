#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "engine/ask.h"
#include "engine/buildkit.h"
#include "engine/buildkit_parts.h"
#include "io/json.h"

/* A busy worker, or one far away, may take some seconds. */
enum { WORKER_TIMEOUT_MS = 20 * 1000, SLOTS_MAX = 1000 };
static const char parallelism_key[] = "org.mobyproject.buildkit.worker.max-parallelism";

const char *const *buildkit_question(struct engine *e)
{
	struct words w;

	buildkit_command(e, &w);
	words_add_many(&w, "debug", "workers", "--format", "{{json .}}");
	return w.items;
}

static int ask_workers(struct engine *e, struct value **ret, struct error *err)
{
	autoresult struct process_result result = {0};
	autoerror struct error broken = {0};

	if (process_run(&(struct process_spec){.argv = buildkit_question(e), .timeout_ms = WORKER_TIMEOUT_MS}, &result, err) < 0)
		return -1;
	if (result.exit_status != 0)
		return error_set(err, ERR_ENGINE, "%s", ask_complaint(e->arena, &result));
	if (json_parse(e->arena, "its answer", strbuf_text(&result.out), result.out.length, ret, &broken) < 0 || (*ret)->kind != VALUE_ARRAY ||
	    !(*ret)->item_count)
		return error_set(err, ERR_ENGINE, "it names no worker");
	return 0;
}

int buildkit_ask(struct engine *e, struct error *err)
{
	struct value *ignored;

	return ask_workers(e, &ignored, err);
}

/* As many as it says of itself; 0 when it says nothing. */
static unsigned told_slots(const struct value *workers)
{
	const char *text = value_get_text(value_get(workers->items[0], "labels"), parallelism_key);
	uint64_t count;

	return text && text_to_u64(text, &count) && count && count <= SLOTS_MAX ? (unsigned)count : 0;
}

static void open_worker(struct engine *e, const struct buildkit_address *at, unsigned jobs, struct engine_worker *worker)
{
	autoerror struct error why_not = {0};
	struct value *told = NULL;
	unsigned slots = 0;

	*worker = (struct engine_worker){.engine = {.arena = e->arena}, .address = at->address};
	if (buildkit_open(&worker->engine, at, &why_not) < 0 || ask_workers(&worker->engine, &told, &why_not) < 0)
		worker->gone = arena_strndup(e->arena, why_not.text, strcspn(why_not.text, "\n"));
	else
		slots = told_slots(told);
	worker->slots = at->jobs && slots ? (at->jobs < slots ? at->jobs : slots) : at->jobs ? at->jobs : slots ? slots : jobs;
}

bool buildkit_move(struct engine *e)
{
	for (size_t i = 0; i < e->worker_count; i++) {
		if (e->workers[i].gone)
			continue;
		e->options = e->workers[i].engine.options;
		e->version = e->workers[i].engine.version;
		return true;
	}
	return false;
}

int buildkit_open_workers(struct engine *e, const struct buildkit_address *addresses, size_t count, unsigned jobs, struct error *err)
{
	autostrbuf struct strbuf reasons = {0};

	e->workers = arena_array(e->arena, count, sizeof(*e->workers));
	e->worker_count = count;
	for (size_t i = 0; i < count; i++) {
		open_worker(e, &addresses[i], jobs, &e->workers[i]);
		if (e->workers[i].gone)
			strbuf_printf(&reasons, "\n%s: %s", addresses[i].address, e->workers[i].gone);
		else if (!e->driver)
			*e = (struct engine){.driver = e->workers[i].engine.driver,
					     .program = e->workers[i].engine.program,
					     .version = e->workers[i].engine.version,
					     .options = e->workers[i].engine.options,
					     .storage = e->workers[i].engine.storage,
					     .arena = e->arena,
					     .workers = e->workers,
					     .worker_count = count};
	}
	return e->driver ? 0 : error_set(err, ERR_ENGINE, "none of the workers can be used%s", strbuf_text(&reasons));
}

bool buildkit_lost(const char *line)
{
	static const char *const words[] = {"code = Unavailable",        "connection refused", "connection reset by peer",         "error reading from server",
					    "transport is closing",      "no active session",  "use of closed network connection", "broken pipe",
					    "context deadline exceeded", "failed to dial"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strstr(line, words[i]))
			return true;
	}
	return false;
}
