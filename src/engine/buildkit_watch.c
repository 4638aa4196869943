#include "engine/buildkit_watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "engine/ask.h"
#include "engine/buildkit.h"
#include "io/signals.h"

enum { PATIENCE_OTHERWISE_MS = 90 * 1000, PATIENCE_MAX_MS = 24 * 3600 * 1000, SILENCES_MIN = 2, TICK_MS = 200, SAID_MAX_BYTES = 256 * 1024, TRIES_MAX = 3 };

int64_t buildkit_patience_ms(void)
{
	const char *text = getenv("LOCKSTEP_WORKER_PATIENCE_MS");
	uint64_t ms;

	return text && text_to_u64(text, &ms) && ms && ms <= PATIENCE_MAX_MS ? (int64_t)ms : PATIENCE_OTHERWISE_MS;
}

/* ---- a pulse ---- */

/* So that more than one question has to stay without an answer. */
static int64_t interval_ms(void)
{
	return buildkit_patience_ms() / 4;
}

void buildkit_pulse_begin(struct buildkit_pulse *p)
{
	p->heard_ms = p->asked_ms = clock_monotonic_ms();
	p->silences = 0;
}

bool buildkit_pulse_is_due(const struct buildkit_pulse *p)
{
	return !p->asking && clock_monotonic_ms() - p->asked_ms >= interval_ms();
}

struct process_spec buildkit_pulse_question(struct engine *e)
{
	return (struct process_spec){.argv = buildkit_question(e), .timeout_ms = interval_ms()};
}

void buildkit_pulse_end(struct buildkit_pulse *p, bool answered)
{
	p->asking = false;
	p->asked_ms = clock_monotonic_ms();
	p->silences = answered ? 0 : p->silences + 1;
	if (answered)
		p->heard_ms = p->asked_ms;
}

bool buildkit_pulse_is_lost(const struct buildkit_pulse *p)
{
	/* Where we did not get to ask, as when this machine slept, time alone says nothing. */
	return p->silences >= SILENCES_MIN && clock_monotonic_ms() - p->heard_ms > buildkit_patience_ms();
}

/* ---- a call ---- */

struct call {
	struct engine *engine;
	struct process_pool *pool;
	struct buildkit_pulse pulse;
	struct process_result result;
	bool ended, is_silent;
};

static void on_line(void *context, const char *line, size_t length)
{
	struct call *c = context;

	/* Its end tells why it failed. */
	if (c->result.err_out.length + length > SAID_MAX_BYTES)
		strbuf_clear(&c->result.err_out);
	strbuf_add_bytes(&c->result.err_out, line, length);
	strbuf_add_char(&c->result.err_out, '\n');
}

static void on_end(void *context, int exit_status, int number)
{
	struct call *c = context;

	c->result.exit_status = exit_status;
	c->result.signal = number;
	c->ended = true;
}

static void on_answer(void *context, int exit_status, int number __attribute__((unused)))
{
	buildkit_pulse_end(context, exit_status == 0);
}

static void watch(struct call *c)
{
	autoerror struct error ignored = {0};
	const struct process_job question = {.spec = buildkit_pulse_question(c->engine), .on_exit = on_answer, .context = &c->pulse};

	if (buildkit_pulse_is_due(&c->pulse))
		c->pulse.asking = process_pool_start(c->pool, &question, &ignored) == 0;
	if (c->is_silent || !buildkit_pulse_is_lost(&c->pulse))
		return;
	c->is_silent = true;
	process_pool_stop(c->pool, c);
}

static int run(struct call *c, const char *const *argv, struct error *err)
{
	const struct process_job job = {.spec = {.argv = argv}, .on_line = on_line, .on_exit = on_end, .context = c};
	autoerror struct error cancelled = {0};

	if (process_pool_start(c->pool, &job, err) < 0)
		return -1;
	buildkit_pulse_begin(&c->pulse);
	while (!c->ended) {
		if (process_pool_wait(c->pool, TICK_MS, &cancelled) == 0 && !c->ended)
			watch(c);
	}
	return signals_check(err);
}

static const char *why_lost(struct call *c)
{
	autoerror struct error why_not = {0};

	if (c->is_silent)
		return "it does not answer";
	if (c->result.exit_status == 0 || !buildkit_lost(strbuf_text(&c->result.err_out)))
		return NULL;
	if (buildkit_ask(c->engine, &why_not) == 0)
		return "";
	return arena_strndup(c->engine->arena, why_not.text, strcspn(why_not.text, "\n"));
}

int buildkit_call(struct engine *e, const char *const *argv, struct process_result *ret, const char **ret_why, struct error *err)
{
	struct call c = {.engine = e, .pool = process_pool_new()};
	int failed = run(&c, argv, err);

	process_pool_free(c.pool);
	if (failed) {
		process_result_release(&c.result);
		return -1;
	}
	*ret_why = why_lost(&c);
	*ret = c.result;
	return *ret_why ? BUILDKIT_LOST : BUILDKIT_ENDED;
}

/* The worker that the engine itself is at. */
static struct engine_worker *own_worker(struct engine *e)
{
	for (size_t i = 0; i < e->worker_count; i++) {
		if (!e->workers[i].gone && e->workers[i].engine.options == e->options)
			return &e->workers[i];
	}
	return NULL;
}

bool buildkit_go_on(struct engine *e, const char *why, unsigned *tries)
{
	struct engine_worker *worker = own_worker(e);

	if (!*why)
		return (*tries)++ < TRIES_MAX;
	if (!worker)
		return false;
	worker->gone = why;
	bool moves = buildkit_move(e);
	const struct engine_worker *next = own_worker(e);

	if (e->on_note)
		e->on_note(e->note_context, arena_printf(e->arena, "worker %s is gone (%s); what it was asked %s%s", worker->address, why,
							 moves ? "goes to " : "goes nowhere: no other is left", next ? next->address : ""));
	return moves;
}
