#include "build/spread.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "build/schedule.h"
#include "engine/buildkit.h"
#include "engine/buildkit_watch.h"
#include "recipe/database.h"

enum { ROUND_MAX = 64, RETRIES_MAX = 3 };
/* Where nothing was measured. */
static const double seconds_otherwise = 30, bytes_otherwise = 50e6, bytes_per_second = 100e6;

/* A worker, as it is asked from time to time whether it is still there. */
struct place {
	struct spread *spread;
	size_t number;
	struct engine_worker *worker;
	struct buildkit_pulse pulse; /* while it has a job */
};

struct spread {
	struct arena *arena;
	struct engine *engine;
	const struct spread_job *jobs;
	size_t count;
	/* The schedule's jobs: first the stages that are there already and that others stand on, then `jobs`. */
	struct schedule schedule;
	const struct build_job **finished;
	size_t finished_count;
	unsigned *retries; /* per job */
	struct place *places;
	struct schedule_choice round[ROUND_MAX]; /* what starts now */
	size_t round_count, round_next;
	struct work *work;
	int64_t began_ms;
};

struct engine *spread_engine(const struct work_job *work, struct engine *engine)
{
	return work->place ? &((struct engine_worker *)work->place)->engine : engine;
}

static double now_s(const struct spread *s)
{
	return (double)(clock_monotonic_ms() - s->began_ms) / 1000;
}

/* ---- what is known ---- */

static size_t image_bytes(struct spread *s, const struct build_job *job)
{
	autoerror struct error ignored = {0};
	struct engine_image image;

	return job && job->tag && s->engine->driver->inspect(s->engine, job->tag, &image, &ignored) == 0 ? (size_t)image.size_bytes : 0;
}

static const struct record_stage *recorded(const struct record *r, const struct engine *e, const struct build_job *job)
{
	return job && r ? record_find(r, job->containers[0]->name, job->stage->name, e->driver->name) : NULL;
}

static size_t worker_at(const struct spread *s, const char *address)
{
	for (size_t i = 0; address && i < s->engine->worker_count; i++) {
		if (!strcmp(s->engine->workers[i].address, address))
			return i;
	}
	return SCHEDULE_NONE;
}

/* A stage that is there already: whole, with all below it. */
static size_t add_finished(struct spread *s, const struct build_job *job)
{
	for (size_t i = 0; i < s->finished_count; i++) {
		if (s->finished[i] == job)
			return i;
	}
	*arena_push(s->arena, &s->finished, &s->finished_count) = job;
	return s->finished_count - 1;
}

static bool is_made_now(const struct spread *s, const struct build_job *job)
{
	for (size_t i = 0; i < s->count; i++) {
		if (s->jobs[i].makes == job)
			return true;
	}
	return false;
}

static size_t parent_of(struct spread *s, const struct spread_job *job)
{
	if (!job->below)
		return SCHEDULE_NONE;
	for (size_t i = 0; i < s->count; i++) {
		if (s->jobs[i].makes == job->below)
			return s->finished_count + i;
	}
	return add_finished(s, job->below);
}

static void fill_job(struct spread *s, const struct record *record, size_t i)
{
	const struct record_stage *before = recorded(record, s->engine, s->jobs[i].makes);

	s->schedule.jobs[s->finished_count + i] = (struct schedule_job){
		.parent = parent_of(s, &s->jobs[i]),
		.seconds = before && before->seconds > 0 ? before->seconds : seconds_otherwise,
		.bytes = before && before->bytes > 0 ? (double)before->bytes : bytes_otherwise,
		.worker = SCHEDULE_NONE,
	};
}

static void fill_finished(struct spread *s, const struct record *record, size_t i)
{
	const struct record_stage *before = recorded(record, s->engine, s->finished[i]);
	bool same = before && text_equal(before->key, s->finished[i]->key);

	s->schedule.jobs[i] = (struct schedule_job){.parent = SCHEDULE_NONE,
						    .bytes = (double)image_bytes(s, s->finished[i]),
						    .state = SCHEDULE_DONE,
						    .worker = same ? worker_at(s, before->worker) : SCHEDULE_NONE};
}

static void fill(struct spread *s, const struct record *record)
{
	struct engine *e = s->engine;

	for (size_t i = 0; i < s->count; i++) {
		if (s->jobs[i].below && !is_made_now(s, s->jobs[i].below))
			add_finished(s, s->jobs[i].below);
	}
	s->schedule.job_count = s->finished_count + s->count;
	s->schedule.jobs = arena_array(s->arena, s->schedule.job_count + 1, sizeof(*s->schedule.jobs));
	s->schedule.workers = arena_array(s->arena, e->worker_count, sizeof(*s->schedule.workers));
	s->schedule.worker_count = e->worker_count;
	s->schedule.bytes_per_second = bytes_per_second;
	s->retries = arena_array(s->arena, s->count + 1, sizeof(*s->retries));
	s->places = arena_array(s->arena, e->worker_count, sizeof(*s->places));
	for (size_t i = 0; i < s->finished_count; i++)
		fill_finished(s, record, i);
	for (size_t i = 0; i < s->count; i++)
		fill_job(s, record, i);
	for (size_t i = 0; i < e->worker_count; i++) {
		s->schedule.workers[i] = (struct schedule_worker){.slots = e->workers[i].slots, .alive = !e->workers[i].gone};
		s->places[i] = (struct place){.spread = s, .number = i, .worker = &e->workers[i]};
	}
}

/* ---- handing out ---- */

static void begin(void *context, struct work *w)
{
	((struct spread *)context)->work = w;
}

static struct work_job *next(void *context)
{
	struct spread *s = context;

	if (s->round_next == s->round_count) {
		s->round_next = 0;
		s->round_count = schedule_next(&s->schedule, now_s(s), s->round, ROUND_MAX);
	}
	if (s->round_next == s->round_count)
		return NULL;
	const struct schedule_choice *choice = &s->round[s->round_next++];
	struct work_job *work = s->jobs[choice->job - s->finished_count].work;

	schedule_start(&s->schedule, choice, now_s(s));
	work->place = &s->engine->workers[choice->worker];
	work->place_name = s->engine->workers[choice->worker].address;
	return work;
}

static size_t number_of(const struct spread *s, const struct work_job *work)
{
	size_t i = 0;

	while (s->jobs[i].work != work)
		i++;
	return i;
}

static void ended(void *context, struct work_job *work, bool well)
{
	struct spread *s = context;
	size_t i = number_of(s, work), job = s->finished_count + i;

	/* What it adds is known now. */
	if (well && s->jobs[i].makes) {
		size_t below = image_bytes(s, s->jobs[i].below), all = image_bytes(s, s->jobs[i].makes);

		s->schedule.jobs[job].bytes = all > below ? (double)(all - below) : 0;
	}
	schedule_end(&s->schedule, job, well);
	/* A round that was planned before may place jobs at a worker that is gone since. */
	s->round_count = s->round_next = 0;
}

/* ---- workers that go ---- */

static void say(struct spread *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct spread *s, const char *format, ...)
{
	autostrbuf struct strbuf text = {0};
	va_list args;

	va_start(args, format);
	strbuf_vprintf(&text, format, args);
	va_end(args);
	work_note(s->work, strbuf_text(&text));
}

static bool is_at(const struct spread_job *job, const struct place *p)
{
	return job->work->state == WORK_RUNNING && job->work->place == p->worker;
}

/* `ended`: a job of it that needs no stopping any more, or NULL. */
static void lose(struct place *p, const struct work_job *ended, const char *why)
{
	struct spread *s = p->spread;
	size_t running = 0;

	if (p->worker->gone)
		return;
	p->worker->gone = arena_strndup(s->arena, why, strcspn(why, "\n"));
	schedule_lose(&s->schedule, p->number);
	for (size_t i = 0; i < s->count; i++)
		running += is_at(&s->jobs[i], p);
	say(s, "worker %s is gone (%s); what it was building, %zu job%s, goes to others", p->worker->address, p->worker->gone, running, text_plural(running));
	for (size_t i = 0; i < s->count; i++) {
		if (is_at(&s->jobs[i], p) && s->jobs[i].work != ended)
			work_stop_job(s->work, s->jobs[i].work);
	}
	buildkit_move(s->engine);
	s->round_count = s->round_next = 0;
}

/* In its last lines. */
static bool tells_of_loss(const struct work_job *work)
{
	for (size_t i = 0; i < WORK_LAST_LINES; i++) {
		if (work->last[i] && buildkit_lost(work->last[i]))
			return true;
	}
	return false;
}

static bool blame(void *context, struct work_job *work)
{
	struct spread *s = context;
	autoerror struct error why_not = {0};
	size_t i = number_of(s, work);
	struct engine_worker *worker = work->place;
	struct place *p = &s->places[worker - s->engine->workers];

	if (worker->gone)
		return true;
	if (!tells_of_loss(work))
		return false;
	if (buildkit_ask(&worker->engine, &why_not) < 0) {
		lose(p, work, why_not.text);
		return true;
	}
	if (s->retries[i]++ >= RETRIES_MAX)
		return false;
	say(s, "worker %s lost '%s' and answers again; it is built once more", worker->address, work->name);
	return true;
}

static void on_answer(void *context, int exit_status, int signal __attribute__((unused)))
{
	struct place *p = context;

	buildkit_pulse_end(&p->pulse, exit_status == 0);
}

/* One that is only cut off says nothing more, and its build waits for ever. */
static void tick(void *context)
{
	struct spread *s = context;

	for (size_t i = 0; i < s->engine->worker_count; i++) {
		struct place *p = &s->places[i];
		autoerror struct error ignored = {0};

		if (p->worker->gone)
			continue;
		if (!s->schedule.workers[i].running) {
			buildkit_pulse_begin(&p->pulse);
		} else if (buildkit_pulse_is_lost(&p->pulse)) {
			lose(p, NULL, "it does not answer");
		} else if (buildkit_pulse_is_due(&p->pulse)) {
			const struct process_job question = {.spec = buildkit_pulse_question(&p->worker->engine), .on_exit = on_answer, .context = p};

			p->pulse.asking = process_pool_start(work_pool(s->work), &question, &ignored) == 0;
		}
	}
}

static int refuse(void *context, struct error *err)
{
	const struct spread *s = context;
	autostrbuf struct strbuf reasons = {0};

	for (size_t i = 0; i < s->engine->worker_count; i++)
		strbuf_printf(&reasons, "\n%s: %s", s->engine->workers[i].address, s->engine->workers[i].gone ? s->engine->workers[i].gone : "takes no job");
	return error_set(err, ERR_ENGINE, "no worker is left to build%s", strbuf_text(&reasons));
}

int spread_run(struct arena *a, struct engine *engine, const struct record *record, const struct spread_job *jobs, size_t count, const struct work_watch *watch,
	       struct error *err)
{
	struct spread s = {.arena = a, .engine = engine, .jobs = jobs, .count = count, .began_ms = clock_monotonic_ms()};
	struct work_places places = {&s, begin, next, blame, ended, tick, refuse};
	struct work_job **work = arena_array(a, count + 1, sizeof(*work));

	for (size_t i = 0; i < count; i++)
		work[i] = jobs[i].work;
	fill(&s, record);
	schedule_begin(&s.schedule);
	for (size_t i = 0; i < s.finished_count; i++) {
		if (s.schedule.jobs[i].worker != SCHEDULE_NONE)
			schedule_hold(&s.schedule, i, s.schedule.jobs[i].worker);
	}
	int failed = work_run_in(a, work, count, &places, watch, err);

	schedule_release(&s.schedule);
	return failed;
}
