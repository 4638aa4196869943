#include "io/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "io/terminal.h"

enum { REDRAW_MS = 100, LINE_MS = 5000, SAMPLE_MS = 500, SAMPLES = 12, BAR_CELLS = 24 };

struct progress {
	char *label, *note;
	uint64_t done, total;
	bool in_bytes, is_live;
	int64_t begun_ms, shown_ms;
	/* The rate is over the last few seconds, so that it follows the line and not the history. */
	struct {
		int64_t at_ms;
		uint64_t done;
	} samples[SAMPLES];
	size_t sample_count;
};

struct progress *progress_new(const char *label, uint64_t total, bool in_bytes)
{
	struct progress *p = mem_zero(1, sizeof(*p));

	*p = (struct progress){.label = mem_strdup(label), .total = total, .in_bytes = in_bytes, .is_live = terminal_is_live(stderr)};
	p->begun_ms = p->shown_ms = clock_monotonic_ms();
	return p;
}

static void sample(struct progress *p, int64_t now_ms)
{
	size_t last = p->sample_count - 1;

	if (p->sample_count && now_ms - p->samples[last].at_ms < SAMPLE_MS)
		return;
	if (p->sample_count == SAMPLES) {
		memmove(p->samples, p->samples + 1, (SAMPLES - 1) * sizeof(p->samples[0]));
		p->sample_count--;
	}
	p->samples[p->sample_count].at_ms = now_ms;
	p->samples[p->sample_count++].done = p->done;
}

void progress_set(struct progress *p, uint64_t done, uint64_t total)
{
	p->done = done;
	p->total = total;
	sample(p, clock_monotonic_ms());
}

void progress_note(struct progress *p, const char *text)
{
	autostrbuf struct strbuf safe = {0};

	text_escape(&safe, text, strlen(text), 0);
	free(p->note);
	p->note = strbuf_detach(&safe);
}

static double rate(const struct progress *p, int64_t now_ms)
{
	if (!p->sample_count || now_ms - p->samples[0].at_ms < SAMPLE_MS || p->done < p->samples[0].done)
		return 0;
	return (double)(p->done - p->samples[0].done) * 1000 / (double)(now_ms - p->samples[0].at_ms);
}

static void add_amount(struct strbuf *out, const struct progress *p, uint64_t amount)
{
	if (p->in_bytes)
		text_add_size(out, amount);
	else
		strbuf_printf(out, "%llu", (unsigned long long)amount);
}

static void add_duration(struct strbuf *out, double seconds)
{
	unsigned long whole = seconds < 359999 ? (unsigned long)(seconds + 0.5) : 359999;

	if (whole >= 3600)
		strbuf_printf(out, "%lu h %02lu min", whole / 3600, whole / 60 % 60);
	else if (whole >= 60)
		strbuf_printf(out, "%lu min %02lu s", whole / 60, whole % 60);
	else
		strbuf_printf(out, "%lu s", whole);
}

/* "312 MB of 1.4 GB, 41 MB/s, 27 s left" */
static void add_numbers(struct strbuf *out, const struct progress *p, int64_t now_ms)
{
	double speed = rate(p, now_ms);

	add_amount(out, p, p->done);
	if (p->total) {
		strbuf_add(out, " of ");
		add_amount(out, p, p->total);
	}
	if (speed >= 1 && p->in_bytes) {
		strbuf_add(out, ", ");
		add_amount(out, p, (uint64_t)speed);
		strbuf_add(out, "/s");
	}
	if (speed > 0 && p->total > p->done) {
		strbuf_add(out, ", ");
		add_duration(out, (double)(p->total - p->done) / speed);
		strbuf_add(out, " left");
	}
}

static void draw(const struct progress *p, int64_t now_ms)
{
	autostrbuf struct strbuf first = {0}, second = {0};
	uint64_t share = p->total ? (p->done < p->total ? p->done : p->total) * BAR_CELLS / p->total : 0;

	strbuf_printf(&first, "%s ", p->label);
	if (p->total) {
		strbuf_printf(&first, "[%s", terminal_begin(stderr, COLOR_GREEN));
		strbuf_add_repeat(&first, '#', (size_t)share);
		strbuf_add(&first, terminal_end(stderr));
		strbuf_add_repeat(&first, '.', BAR_CELLS - (size_t)share);
		strbuf_add(&first, "] ");
	}
	add_numbers(&first, p, now_ms);
	strbuf_printf(&second, "  %s%s%s", terminal_begin(stderr, COLOR_DIM), p->note ? p->note : "", terminal_end(stderr));
	const char *lines[] = {strbuf_text(&first), strbuf_text(&second)};

	terminal_block(lines, p->note && *p->note ? 2 : 1);
}

void progress_tick(struct progress *p)
{
	int64_t now_ms = clock_monotonic_ms();

	if (now_ms - p->shown_ms < (p->is_live ? REDRAW_MS : LINE_MS))
		return;
	p->shown_ms = now_ms;
	sample(p, now_ms);
	if (p->is_live) {
		draw(p, now_ms);
		return;
	}
	autostrbuf struct strbuf line = {0};

	strbuf_printf(&line, "%s: ", p->label);
	add_numbers(&line, p, now_ms);
	if (p->note && *p->note)
		strbuf_printf(&line, " (%s)", p->note);
	terminal_line(strbuf_text(&line));
}

void progress_end(struct progress *p)
{
	double seconds = (double)(clock_monotonic_ms() - p->begun_ms) / 1000;
	autostrbuf struct strbuf line = {0};

	strbuf_printf(&line, "%s: ", p->label);
	add_amount(&line, p, p->done);
	strbuf_add(&line, " in ");
	if (seconds < 10)
		strbuf_printf(&line, "%.1f s", seconds);
	else
		add_duration(&line, seconds);
	if (p->in_bytes && seconds > 0.05 && p->done) {
		strbuf_add(&line, ", ");
		text_add_size(&line, (uint64_t)((double)p->done / seconds));
		strbuf_add(&line, "/s");
	}
	if (p->is_live)
		terminal_block(NULL, 0);
	terminal_line(strbuf_text(&line));
	free(p->label);
	free(p->note);
	free(p);
}
