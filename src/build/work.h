/* Work: jobs that are one child process each, with dependencies, run several at a time. Emits events, prints nothing. Knows no engine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "engine/engine.h"
#include "io/process.h"

enum work_state { WORK_WAITING, WORK_RUNNING, WORK_DONE, WORK_FAILED, WORK_STOPPED };

struct work;
struct work_job;

/* What a kind of job is made of. */
struct work_kind {
	/* The child to start; also everything that must be on disk for it. In `a`. */
	int (*prepare)(struct work_job *job, struct arena *a, struct process_spec *ret, struct error *err);
	/* After it exited with 0: checks and keeps what it made. 1: it has to be made again, otherwise. */
	int (*complete)(struct work_job *job, struct arena *a, struct error *err);
	/* After it exited with another status: whether it is to be made again, otherwise. May be NULL. */
	bool (*again)(struct work_job *job);
	/* Always, at the end of a job that was prepared. May be NULL. */
	void (*drop)(struct work_job *job);
	void (*read_line)(const char *line, size_t length, struct engine_line *ret); /* NULL: all is output */
	/* Whether a line of a job that failed tells why, in words that are clearer than its last lines; then it adds those to `out`. May be NULL. */
	bool (*explain)(const struct work_job *job, const char *line, struct strbuf *out);
};

enum { WORK_LAST_LINES = 20, WORK_LINE_MAX = 400 };

struct work_job {
	const struct work_kind *kind;
	void *subject;
	const char *name;       /* "layer-llvm" */
	const char *serves;     /* "ci-cpu, ci-gpu" */
	const char *log;        /* path */
	struct work_job *after; /* must be done first, or NULL */
	void *place;            /* where it runs, settled by work_places; NULL: here */
	const char *place_name; /* for people, or NULL */
	enum work_state state;
	int64_t started_ms, ended_ms; /* clock_monotonic_ms() */
	char *step;                   /* the instruction it is at, or NULL; owned */
	unsigned step_number, step_total;
	char *last[WORK_LAST_LINES]; /* a ring of the last lines of the current step; owned */
	size_t last_count;           /* lines ever put into it */
	struct work *work;
};

enum work_event_kind {
	WORK_EVENT_STARTED,
	WORK_EVENT_STEP,
	WORK_EVENT_LINE,
	WORK_EVENT_DONE,
	WORK_EVENT_FAILED,
	WORK_EVENT_STOPPED,
	WORK_EVENT_RETURNED, /* its place is gone; it waits for another */
	WORK_EVENT_NOTE,     /* `line` tells of a place */
	WORK_EVENT_TICK
};

struct work_event {
	enum work_event_kind kind;
	const struct work_job *job; /* NULL: NOTE, and TICK, which comes a few times a second for clocks to move */
	const char *line;           /* LINE, as the child wrote it: for text_escape(); NOTE */
	size_t length;
	enum engine_line_kind line_kind;
};

struct work_watch {
	void (*on_event)(void *context, const struct work_event *event);
	void *context;
};

/* Where jobs run, when that is in more than one place. All are called between callbacks of the pool, or in them. */
struct work_places {
	void *context;
	/* Called first. */
	void (*begin)(void *context, struct work *w);
	/* A job that starts now, its place settled; NULL: none before something ends. */
	struct work_job *(*next)(void *context);
	/* A job that ended otherwise than with 0, or was stopped by work_stop_job(): whether its place is to blame, so that it waits for another. */
	bool (*blame)(void *context, struct work_job *job);
	/* It is done, or runs no more. */
	void (*ended)(void *context, struct work_job *job, bool well);
	/* Some times a second. May start children of its own, and stop jobs. */
	void (*tick)(void *context);
	/* Jobs wait, none runs and none may start: why. */
	int (*refuse)(void *context, struct error *err);
};
void work_note(struct work *w, const char *text);
void work_stop_job(struct work *w, struct work_job *job);
struct process_pool *work_pool(struct work *w);

/* Runs all jobs, at most `at_once` at a time, in their order as far as dependencies allow. When one fails the others are stopped, and err tells of the first:
   its step, its last lines, its log. What was done stays done. */
int work_run(struct arena *a, struct work_job *const *jobs, size_t count, unsigned at_once, const struct work_watch *watch, struct error *err);
/* The same in places, which say themselves how many run at a time. */
int work_run_in(struct arena *a, struct work_job *const *jobs, size_t count, const struct work_places *places, const struct work_watch *watch,
		struct error *err);
/* Frees what the jobs own; the jobs themselves are the caller's. */
void work_release(struct work_job *const *jobs, size_t count);
