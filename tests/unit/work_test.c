#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/text.h"
#include "build/work.h"

/* A job that runs a shell script. */
struct script {
	const char *text;
	int prepared, completed, dropped;
	bool refuses; /* complete fails */
};

static int prepare(struct work_job *job, struct arena *a, struct process_spec *ret, struct error *err __attribute__((unused)))
{
	struct script *s = job->subject;
	const char **argv = arena_array(a, 4, sizeof(*argv));

	s->prepared++;
	argv[0] = "sh";
	argv[1] = "-c";
	argv[2] = s->text;
	*ret = (struct process_spec){.argv = argv};
	return 0;
}

static int complete(struct work_job *job, struct arena *a __attribute__((unused)), struct error *err)
{
	struct script *s = job->subject;

	s->completed++;
	return s->refuses ? error_set(err, ERR_FAILED, "it made nothing") : 0;
}

static void drop(struct work_job *job)
{
	((struct script *)job->subject)->dropped++;
}

static const struct work_kind script_kind = {.prepare = prepare, .complete = complete, .drop = drop};

/* What happened, in order: "+a" started, "-a" done, "!a" failed, "~a" stopped; and how many ran at once. */
struct seen {
	struct strbuf text;
	int running, most;
};

static void on_event(void *context, const struct work_event *e)
{
	static const char signs[] = {
		[WORK_EVENT_STARTED] = '+', [WORK_EVENT_DONE] = '-', [WORK_EVENT_FAILED] = '!', [WORK_EVENT_STOPPED] = '~', [WORK_EVENT_TICK] = 0};
	struct seen *s = context;
	char sign = signs[e->kind];

	if (!sign)
		return;
	strbuf_printf(&s->text, "%c%s", sign, e->job->name);
	s->running += sign == '+' ? 1 : -1;
	s->most = s->running > s->most ? s->running : s->most;
}

static int run(struct script *scripts, const int *after, size_t count, unsigned at_once, struct seen *seen, struct error *err)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
	autoarena struct arena a = {0};
	struct work_job all[6] = {0}, *jobs[6];
	struct work_watch watch = {.on_event = on_event, .context = seen};

	for (size_t i = 0; i < count; i++) {
		all[i] = (struct work_job){.kind = &script_kind, .subject = &scripts[i], .name = names[i], .serves = "x", .log = "work.log"};
		all[i].after = after[i] >= 0 ? &all[after[i]] : NULL;
		jobs[i] = &all[i];
	}
	int failed = work_run(&a, jobs, count, at_once, &watch, err);

	work_release(jobs, count);
	return failed;
}

TEST(a_job_waits_for_what_it_stands_on)
{
	struct script scripts[] = {{.text = "sleep 0.2"}, {.text = "true"}, {.text = "true"}};
	struct seen seen = {0};
	autoerror struct error err = {0};

	assert_int_equal(run(scripts, (const int[]){-1, 0, 1}, 3, 4, &seen, &err), 0);
	assert_string_equal(strbuf_text(&seen.text), "+a-a+b-b+c-c");
	strbuf_release(&seen.text);
}

TEST(no_more_run_at_once_than_were_asked_for)
{
	struct script scripts[] = {{.text = "sleep 0.1"}, {.text = "sleep 0.1"}, {.text = "sleep 0.1"},
				   {.text = "sleep 0.1"}, {.text = "sleep 0.1"}, {.text = "sleep 0.1"}};
	struct seen seen = {0};
	autoerror struct error err = {0};

	assert_int_equal(run(scripts, (const int[]){-1, -1, -1, -1, -1, -1}, 6, 3, &seen, &err), 0);
	assert_int_equal(seen.most, 3);
	strbuf_release(&seen.text);
}

TEST(a_failure_stops_the_others_and_starts_nothing_more)
{
	struct script scripts[] = {{.text = "sleep 72.5"}, {.text = "echo why; exit 4"}, {.text = "true"}, {.text = "true"}};
	struct seen seen = {0};
	autoerror struct error err = {0};
	int64_t began_ms = clock_monotonic_ms();

	assert_int_equal(run(scripts, (const int[]){-1, -1, 0, 1}, 4, 2, &seen, &err), -1);
	assert_true(clock_monotonic_ms() - began_ms < 8000);
	assert_string_equal(strbuf_text(&seen.text), "+a+b!b~a");
	assert_string_equal(err.text, "building 'b' (x) failed\nexit status 4; its last lines:\n  why\nthe whole log: work.log");
	/* What was begun is tidied up, what was not is not touched. */
	assert_int_equal(scripts[0].dropped, 1);
	assert_int_equal(scripts[1].dropped, 1);
	assert_int_equal(scripts[2].prepared + scripts[2].dropped, 0);
	strbuf_release(&seen.text);
}

TEST(only_the_last_lines_are_told)
{
	struct script scripts[] = {{.text = "seq 1000; printf '%01000d\\n' 7; exit 1"}};
	struct seen seen = {0};
	autoerror struct error err = {0};

	assert_int_equal(run(scripts, (const int[]){-1}, 1, 1, &seen, &err), -1);
	assert_non_null(strstr(err.text, "its last lines:\n  982\n"));
	assert_true(strlen(err.text) < 1000);
	strbuf_release(&seen.text);
}

TEST(a_job_that_made_nothing_has_failed)
{
	struct script scripts[] = {{.text = "true", .refuses = true}, {.text = "true"}};
	struct seen seen = {0};
	autoerror struct error err = {0};

	assert_int_equal(run(scripts, (const int[]){-1, 0}, 2, 2, &seen, &err), -1);
	assert_string_equal(err.text, "it made nothing");
	assert_string_equal(strbuf_text(&seen.text), "+a!a");
	strbuf_release(&seen.text);
}

TEST(an_exit_status_is_told_when_nothing_was_said)
{
	struct script scripts[] = {{.text = "exit 5"}};
	struct seen seen = {0};
	autoerror struct error err = {0};

	assert_int_equal(run(scripts, (const int[]){-1}, 1, 1, &seen, &err), -1);
	assert_non_null(strstr(err.text, "\nexit status 5, saying nothing\n"));
	strbuf_release(&seen.text);
}

static bool knows_better(const struct work_job *job __attribute__((unused)), const char *line, struct strbuf *out)
{
	if (!text_starts_with(line, "cause: "))
		return false;
	strbuf_printf(out, "it is %s\nmend it", line + strlen("cause: "));
	return true;
}

TEST(a_kind_may_explain_a_failure_in_its_own_words)
{
	static const struct work_kind kind = {.prepare = prepare, .complete = complete, .drop = drop, .explain = knows_better};
	struct script known = {.text = "echo cause: old; echo cause: this; echo other; exit 3"}, unknown = {.text = "echo other; exit 3"};
	struct script *const scripts[] = {&known, &unknown};
	static const char *const told[] = {"building 'job' (all) failed: it is this\nmend it\nthe whole log: log",
					   "building 'job' (all) failed\nexit status 3; its last lines:\n  other\nthe whole log: log"};

	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		autoarena struct arena a = {0};
		autoerror struct error err = {0};
		struct work_job job = {.kind = &kind, .subject = scripts[i], .name = "job", .serves = "all", .log = "log"}, *jobs[] = {&job};

		assert_int_equal(work_run(&a, jobs, 1, 1, NULL, &err), -1);
		assert_string_equal(err.text, told[i]);
		work_release(jobs, 1);
	}
}
