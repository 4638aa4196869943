#include "report/build_display.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "io/terminal.h"

enum { DRAW_EVERY_MS = 100 };

static void add_duration(struct strbuf *out, int64_t ms)
{
	if (ms < 9950)
		strbuf_printf(out, "%.1f s", (double)ms / 1000);
	else if (ms < 600 * 1000)
		strbuf_printf(out, "%lld s", (long long)(ms + 500) / 1000);
	else
		strbuf_printf(out, "%lld min", (long long)(ms + 30000) / 60000);
}

static void add_safe(struct strbuf *out, const char *text, size_t length)
{
	text_escape(out, text, length, 0);
}

static void add_job(struct strbuf *out, const struct work_job *job)
{
	add_safe(out, job->name, strlen(job->name));
	strbuf_add(out, " (");
	add_safe(out, job->serves, strlen(job->serves));
	strbuf_add_char(out, ')');
}

/* "layer-llvm (ci-cpu, ci-gpu)  12 s  2/4  Setting up llvm-16-dev" */
static void add_live_line(struct strbuf *out, const struct work_job *job)
{
	const char *last = job->last_count ? job->last[(job->last_count - 1) % WORK_LAST_LINES] : job->step ? job->step : "";

	strbuf_add(out, "  ");
	add_job(out, job);
	strbuf_printf(out, "  %s", terminal_begin(stderr, COLOR_DIM));
	add_duration(out, clock_monotonic_ms() - job->started_ms);
	if (job->step)
		strbuf_printf(out, "  %u/%u", job->step_number, job->step_total);
	strbuf_add(out, "  ");
	text_escape(out, last, strlen(last), TEXT_ESCAPE_KEEP_TAB);
	strbuf_add(out, terminal_end(stderr));
}

static void draw(struct build_display *d, bool now)
{
	int64_t at_ms = clock_monotonic_ms();

	if (!terminal_is_live(stderr) || (!now && at_ms - d->drawn_ms < DRAW_EVERY_MS))
		return;
	autofree char **lines = mem_zero(d->running_count + 1, sizeof(*lines));

	for (size_t i = 0; i < d->running_count; i++) {
		struct strbuf line = {0};

		add_live_line(&line, d->running[i]);
		lines[i] = strbuf_detach(&line);
		for (char *p = lines[i]; *p; p++)
			*p = *p == '\t' ? ' ' : *p;
	}
	terminal_block((const char *const *)lines, d->running_count);
	for (size_t i = 0; i < d->running_count; i++)
		free(lines[i]);
	d->drawn_ms = at_ms;
}

static void begin(struct build_display *d, const struct work_job *job)
{
	if (d->running_count == d->running_room) {
		d->running_room = d->running_room ? 2 * d->running_room : 8;
		d->running = mem_resize(d->running, d->running_room, sizeof(*d->running));
	}
	d->running[d->running_count++] = job;
}

static void end(struct build_display *d, const struct work_job *job)
{
	for (size_t i = 0; i < d->running_count; i++) {
		if (d->running[i] != job)
			continue;
		memmove(d->running + i, d->running + i + 1, (d->running_count - i - 1) * sizeof(*d->running));
		d->running_count--;
		return;
	}
}

static void print_state(const char *word, enum terminal_color color, const struct work_job *job, const char *joint)
{
	autostrbuf struct strbuf line = {0};

	strbuf_printf(&line, "%s%-8s%s ", terminal_begin(stderr, color), word, terminal_end(stderr));
	add_job(&line, job);
	if (!joint && job->place_name) {
		strbuf_add(&line, " on ");
		add_safe(&line, job->place_name, strlen(job->place_name));
	}
	if (joint) {
		strbuf_printf(&line, " %s ", joint);
		add_duration(&line, job->ended_ms - job->started_ms);
	}
	terminal_line(strbuf_text(&line));
}

static void print_output(const struct work_event *e)
{
	autostrbuf struct strbuf line = {0};

	add_safe(&line, e->job->name, strlen(e->job->name));
	strbuf_add(&line, " | ");
	text_escape(&line, e->line, e->length, TEXT_ESCAPE_KEEP_TAB);
	terminal_line(strbuf_text(&line));
}

static void print_note(const struct work_event *e)
{
	autostrbuf struct strbuf line = {0};

	strbuf_add(&line, "note: ");
	add_safe(&line, e->line, e->length);
	terminal_line(strbuf_text(&line));
}

static void on_event(void *context, const struct work_event *e)
{
	struct build_display *d = context;

	if (d->quiet)
		return;
	switch (e->kind) {
	case WORK_EVENT_STARTED:
		begin(d, e->job);
		if (!terminal_is_live(stderr))
			print_state("building", COLOR_NONE, e->job, NULL);
		break;
	case WORK_EVENT_DONE:
		end(d, e->job);
		print_state("built", COLOR_GREEN, e->job, "in");
		break;
	case WORK_EVENT_FAILED:
		end(d, e->job);
		print_state("failed", COLOR_RED, e->job, "after");
		break;
	case WORK_EVENT_STOPPED:
		end(d, e->job);
		print_state("stopped", COLOR_YELLOW, e->job, "after");
		break;
	case WORK_EVENT_RETURNED:
		end(d, e->job);
		print_state("returned", COLOR_YELLOW, e->job, "after");
		break;
	case WORK_EVENT_NOTE:
		print_note(e);
		break;
	case WORK_EVENT_LINE:
		if (d->verbose && e->line_kind != ENGINE_CHATTER)
			print_output(e);
		break;
	case WORK_EVENT_STEP:
	case WORK_EVENT_TICK:
		break;
	}
	draw(d, e->kind != WORK_EVENT_LINE && e->kind != WORK_EVENT_TICK);
}

struct work_watch build_display_watch(struct build_display *d)
{
	return (struct work_watch){.on_event = on_event, .context = d};
}

void build_display_release(struct build_display *d)
{
	terminal_block(NULL, 0);
	free(d->running);
	*d = (struct build_display){0};
}
