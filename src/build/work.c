#include "build/work.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "io/signals.h"

enum { TICK_MS = 200 };

struct work {
	struct arena *arena;
	struct work_job *const *jobs;
	size_t count;
	struct process_pool *pool;
	const struct work_watch *watch;
	const struct work_places *places; /* or NULL */
	size_t running;                   /* jobs */
	struct error error;               /* of the first failure */
	bool stopping;
};

static void emit(struct work *w, enum work_event_kind kind, const struct work_job *job)
{
	if (w->watch && w->watch->on_event)
		w->watch->on_event(w->watch->context, &(struct work_event){.kind = kind, .job = job});
}

static void forget_lines(struct work_job *job)
{
	for (size_t i = 0; i < WORK_LAST_LINES; i++) {
		free(job->last[i]);
		job->last[i] = NULL;
	}
	job->last_count = 0;
}

/* Engines put the cause at the end of lines that may be very long: of these, the beginning and the end. */
static char *kept_line(const char *text, size_t length)
{
	size_t head = WORK_LINE_MAX / 3, tail = WORK_LINE_MAX - head;

	if (length <= WORK_LINE_MAX)
		return mem_strndup(text, length);
	/* Not in the middle of a character. */
	while (head && ((unsigned char)text[head] & 0xc0) == 0x80)
		head--;
	while (tail && ((unsigned char)text[length - tail] & 0xc0) == 0x80)
		tail--;
	return mem_printf("%.*s ... %.*s", (int)head, text, (int)tail, text + length - tail);
}

static void on_line(void *context, const char *line, size_t length)
{
	struct work_job *job = context;
	struct work *w = job->work;
	struct engine_line read = {.kind = ENGINE_OUTPUT, .text = line, .length = length};

	if (job->kind->read_line)
		job->kind->read_line(line, length, &read);
	if (read.kind == ENGINE_STEP) {
		free(job->step);
		job->step = mem_strndup(read.text, read.length);
		job->step_number = read.number;
		job->step_total = read.total;
		forget_lines(job);
		emit(w, WORK_EVENT_STEP, job);
	} else if (read.kind == ENGINE_OUTPUT && read.length) {
		char **slot = &job->last[job->last_count++ % WORK_LAST_LINES];

		free(*slot);
		*slot = kept_line(read.text, read.length);
	}
	if (w->watch && w->watch->on_event)
		w->watch->on_event(w->watch->context, &(struct work_event){WORK_EVENT_LINE, job, read.text, read.length, read.kind});
}

static size_t first_kept(const struct work_job *job)
{
	return job->last_count - (job->last_count < WORK_LAST_LINES ? job->last_count : WORK_LAST_LINES);
}

/* In the words of its kind, newest line first. */
static bool explain_failure(const struct work_job *job, struct error *err)
{
	autostrbuf struct strbuf text = {0};

	for (size_t i = job->last_count; job->kind->explain && i > first_kept(job); i--) {
		if (!job->kind->explain(job, job->last[(i - 1) % WORK_LAST_LINES], &text))
			continue;
		error_set(err, ERR_ENGINE, "building '%s' (%s) failed: %s\nthe whole log: %s", job->name, job->serves, strbuf_text(&text), job->log);
		return true;
	}
	return false;
}

/* The step, how it ended, the last lines, the log. */
static int tell_failure(const struct work_job *job, int exit_status, int number, struct error *err)
{
	autostrbuf struct strbuf text = {0};
	size_t kept = job->last_count - first_kept(job);

	if (!number && explain_failure(job, err))
		return -1;
	strbuf_printf(&text, "building '%s' (%s) failed", job->name, job->serves);
	if (job->step)
		strbuf_printf(&text, " at step %u of %u, %s", job->step_number, job->step_total, job->step);
	if (number)
		strbuf_printf(&text, "\nit was ended by signal %d (%s)", number, strsignal(number));
	else
		strbuf_printf(&text, "\nexit status %d%s", exit_status, kept ? "; its last lines:" : ", saying nothing");
	if (number && kept)
		strbuf_add(&text, "; its last lines:");
	for (size_t i = first_kept(job); i < job->last_count; i++)
		strbuf_printf(&text, "\n  %s", job->last[i % WORK_LAST_LINES]);
	strbuf_printf(&text, "\nthe whole log: %s", job->log);
	return error_set(err, ERR_ENGINE, "%s", strbuf_text(&text));
}

static void stop_all(struct work *w)
{
	w->stopping = true;
	for (size_t i = 0; i < w->count; i++) {
		if (w->jobs[i]->state == WORK_RUNNING)
			process_pool_stop(w->pool, w->jobs[i]);
	}
}

/* WORK_WAITING: it has to be done again. */
static void end_job(struct work *w, struct work_job *job, enum work_state state)
{
	static const enum work_event_kind kinds[] = {
		[WORK_WAITING] = WORK_EVENT_RETURNED, [WORK_DONE] = WORK_EVENT_DONE, [WORK_FAILED] = WORK_EVENT_FAILED, [WORK_STOPPED] = WORK_EVENT_STOPPED};

	w->running--;
	if (w->places)
		w->places->ended(w->places->context, job, state == WORK_DONE);
	if (job->kind->drop)
		job->kind->drop(job);
	job->state = state;
	job->ended_ms = clock_monotonic_ms();
	emit(w, kinds[state], job);
}

/* Takes the reason from `reason`; only the first counts. */
static void fail_job(struct work *w, struct work_job *job, struct error *reason)
{
	if (!error_is_set(&w->error))
		error_move(&w->error, reason);
	end_job(w, job, WORK_FAILED);
	stop_all(w);
}

static void on_exit_of(void *context, int exit_status, int number)
{
	struct work_job *job = context;
	struct work *w = job->work;
	autoerror struct error reason = {0};

	int left = exit_status == 0 ? job->kind->complete(job, w->arena, &reason) : -1;

	if (left == 0) {
		end_job(w, job, WORK_DONE);
	} else if (left > 0) {
		end_job(w, job, WORK_WAITING);
	} else if (exit_status != 0 && (w->stopping || signals_received())) {
		end_job(w, job, WORK_STOPPED);
	} else if (exit_status != 0 && w->places && w->places->blame(w->places->context, job)) {
		forget_lines(job);
		end_job(w, job, WORK_WAITING);
	} else if (exit_status != 0 && job->kind->again && job->kind->again(job)) {
		forget_lines(job);
		end_job(w, job, WORK_WAITING);
	} else {
		if (exit_status != 0)
			tell_failure(job, exit_status, number, &reason);
		fail_job(w, job, &reason);
	}
}

static void start_job(struct work *w, struct work_job *job)
{
	struct process_job child = {.log_path = job->log, .on_line = on_line, .on_exit = on_exit_of, .context = job};
	autoerror struct error reason = {0};

	w->running++;
	job->work = w;
	job->started_ms = clock_monotonic_ms();
	if (job->kind->prepare(job, w->arena, &child.spec, &reason) < 0 || file_make_parents(job->log, &reason) < 0) {
		fail_job(w, job, &reason);
		return;
	}
	job->state = WORK_RUNNING;
	emit(w, WORK_EVENT_STARTED, job);
	if (process_pool_start(w->pool, &child, &reason) < 0)
		fail_job(w, job, &reason);
}

static bool can_start(const struct work_job *job)
{
	return job->state == WORK_WAITING && (!job->after || job->after->state == WORK_DONE);
}

static struct work_job *next_job(struct work *w, unsigned at_once)
{
	if (w->places)
		return w->places->next(w->places->context);
	for (size_t i = 0; i < w->count && w->running < at_once; i++) {
		if (can_start(w->jobs[i]))
			return w->jobs[i];
	}
	return NULL;
}

static void start_ready(struct work *w, unsigned at_once)
{
	struct work_job *job;

	while (!w->stopping && (job = next_job(w, at_once)))
		start_job(w, job);
}

/* All ran that could; some could not. */
static void look_for_waiting(struct work *w)
{
	for (size_t i = 0; i < w->count && w->places && !w->stopping && !error_is_set(&w->error); i++) {
		if (can_start(w->jobs[i]))
			w->places->refuse(w->places->context, &w->error);
	}
}

static int run_all(struct work *w, unsigned at_once, struct error *err)
{
	autoerror struct error cancelled = {0};

	w->pool = process_pool_new();
	if (w->places)
		w->places->begin(w->places->context, w);
	for (;;) {
		if (signals_received())
			w->stopping = true;
		start_ready(w, at_once);
		if (!w->running)
			break;
		if (process_pool_wait(w->pool, TICK_MS, &cancelled) < 0)
			w->stopping = true;
		if (w->places && !w->stopping)
			w->places->tick(w->places->context);
		emit(w, WORK_EVENT_TICK, NULL);
	}
	process_pool_free(w->pool);
	look_for_waiting(w);
	if (signals_check(err) < 0) {
		error_release(&w->error);
		return -1;
	}
	if (!error_is_set(&w->error))
		return 0;
	error_move(err, &w->error);
	return -1;
}

int work_run(struct arena *a, struct work_job *const *jobs, size_t count, unsigned at_once, const struct work_watch *watch, struct error *err)
{
	struct work w = {.arena = a, .jobs = jobs, .count = count, .watch = watch};

	return run_all(&w, at_once ? at_once : 1, err);
}

int work_run_in(struct arena *a, struct work_job *const *jobs, size_t count, const struct work_places *places, const struct work_watch *watch,
		struct error *err)
{
	struct work w = {.arena = a, .jobs = jobs, .count = count, .watch = watch, .places = places};

	return run_all(&w, 0, err);
}

void work_note(struct work *w, const char *text)
{
	if (w->watch && w->watch->on_event)
		w->watch->on_event(w->watch->context, &(struct work_event){.kind = WORK_EVENT_NOTE, .line = text, .length = strlen(text)});
}

void work_stop_job(struct work *w, struct work_job *job)
{
	process_pool_stop(w->pool, job);
}

struct process_pool *work_pool(struct work *w)
{
	return w->pool;
}

void work_release(struct work_job *const *jobs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		forget_lines(jobs[i]);
		free(jobs[i]->step);
		jobs[i]->step = NULL;
	}
}
