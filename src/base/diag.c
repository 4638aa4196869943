#include "base/diag.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"

void diag_release(struct diag *d)
{
	arena_release(&d->arena);
	*d = (struct diag){0};
}

void diag_add_source(struct diag *d, const char *file, const char *text, size_t length)
{
	struct diag_source *source = arena_push(&d->arena, &d->sources, &d->source_count);

	source->file = arena_strdup(&d->arena, file);
	source->text = arena_strndup(&d->arena, text, length);
	source->length = length;
	text_hide_users(source->text, length);
}

/* False when there are too many already; the first that is one too many is replaced by a problem that says so. */
static bool has_room(struct diag *d)
{
	if (d->problem_count < DIAG_KEPT_MAX)
		return true;
	if (d->problem_count == DIAG_KEPT_MAX) {
		struct diag_problem *problem = arena_push(&d->arena, &d->problems, &d->problem_count);

		*problem = (struct diag_problem){.severity = DIAG_ERROR, .order = SIZE_MAX};
		problem->text = arena_printf(&d->arena, "there are more than %d problems; the others are not shown", DIAG_KEPT_MAX);
		d->error_count++;
	}
	return false;
}

__attribute__((format(printf, 4, 0))) static void add(struct diag *d, enum diag_severity severity, struct pos at, const char *format, va_list args)
{
	autostrbuf struct strbuf text = {0};

	d->full = !has_room(d);
	if (d->full)
		return;
	struct diag_problem *problem = arena_push(&d->arena, &d->problems, &d->problem_count);

	strbuf_vprintf(&text, format, args);
	problem->severity = severity;
	problem->pos = at;
	problem->pos.file = arena_strdup_null(&d->arena, at.file);
	problem->text = arena_strdup(&d->arena, strbuf_text(&text));
	text_hide_users(problem->text, text.length);
	problem->order = d->problem_count;
	if (severity == DIAG_ERROR)
		d->error_count++;
}

void diag_error(struct diag *d, struct pos at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(d, DIAG_ERROR, at, format, args);
	va_end(args);
}

void diag_warning(struct diag *d, struct pos at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(d, DIAG_WARNING, at, format, args);
	va_end(args);
}

void diag_hint(struct diag *d, const char *format, ...)
{
	autostrbuf struct strbuf text = {0};
	va_list args;

	va_start(args, format);
	strbuf_vprintf(&text, format, args);
	va_end(args);
	if (!d->problem_count || d->full)
		return;
	d->problems[d->problem_count - 1].hint = arena_strdup(&d->arena, strbuf_text(&text));
	text_hide_users(d->problems[d->problem_count - 1].hint, text.length);
}

static int compare_numbers(size_t a, size_t b)
{
	return (a > b) - (a < b);
}

static int compare(const void *left, const void *right)
{
	const struct diag_problem *a = left, *b = right;
	int order = (a->order == SIZE_MAX) - (b->order == SIZE_MAX);

	if (!order)
		order = strcmp(a->pos.file ? a->pos.file : "", b->pos.file ? b->pos.file : "");
	if (!order)
		order = compare_numbers(a->pos.line, b->pos.line);
	if (!order)
		order = compare_numbers(a->pos.column, b->pos.column);
	return order ? order : compare_numbers(a->order, b->order);
}

static bool same(const struct diag_problem *a, const struct diag_problem *b)
{
	return a->severity == b->severity && !strcmp(a->pos.file ? a->pos.file : "", b->pos.file ? b->pos.file : "") && a->pos.line == b->pos.line &&
	       a->pos.column == b->pos.column && !strcmp(a->text, b->text);
}

void diag_sort(struct diag *d)
{
	size_t kept = 0;

	if (!d->problem_count)
		return;
	qsort(d->problems, d->problem_count, sizeof(*d->problems), compare);
	for (size_t i = 0; i < d->problem_count; i++) {
		if (kept && same(&d->problems[kept - 1], &d->problems[i])) {
			d->error_count -= d->problems[i].severity == DIAG_ERROR;
			continue;
		}
		d->problems[kept++] = d->problems[i];
	}
	d->problem_count = kept;
}

static bool find_line(struct diag_source *s, unsigned line)
{
	if (!s->seen_line || line < s->seen_line) {
		s->seen_line = 1;
		s->seen_offset = 0;
	}
	while (s->seen_line < line) {
		const char *newline = memchr(s->text + s->seen_offset, '\n', s->length - s->seen_offset);

		if (!newline)
			return false;
		s->seen_offset = (size_t)(newline + 1 - s->text);
		s->seen_line++;
	}
	return true;
}

bool diag_line(const struct diag *d, struct pos at, const char **ret_text, size_t *ret_length)
{
	if (!at.file || !at.line)
		return false;
	for (size_t i = 0; i < d->source_count; i++) {
		struct diag_source *s = &d->sources[i];

		if (strcmp(s->file, at.file) != 0)
			continue;
		if (!find_line(s, at.line))
			return false;
		const char *line = s->text + s->seen_offset, *newline = memchr(line, '\n', s->length - s->seen_offset);

		*ret_text = line;
		*ret_length = newline ? (size_t)(newline - line) : s->length - s->seen_offset;
		return true;
	}
	return false;
}

/* Long lines (minified or hostile) are shown around the column only. */
static void print_line(FILE *out, const char *line, size_t length, unsigned column)
{
	enum { WIDTH = 160 };
	size_t at = column && column - 1 <= length ? column - 1 : 0, from = at > WIDTH / 2 && length > WIDTH ? at - WIDTH / 2 : 0;
	size_t shown = length - from > WIDTH ? WIDTH : length - from;
	autostrbuf struct strbuf text = {0}, before = {0};

	while (shown && (line[from + shown - 1] == '\r' || line[from + shown - 1] == ' '))
		shown--;
	text_escape(&text, line + from, shown, TEXT_ESCAPE_KEEP_TAB);
	fprintf(out, "    %s\n", strbuf_text(&text));
	if (!column || column - 1 > length)
		return;
	for (size_t i = from; i < at; i++) {
		autostrbuf struct strbuf one = {0};

		if (line[i] == '\t') {
			strbuf_add_char(&before, '\t');
			continue;
		}
		if (((unsigned char)line[i] & 0xc0) == 0x80)
			continue; /* the continuation of a UTF-8 character takes no cell of its own */
		text_escape(&one, line + i, ((unsigned char)line[i] & 0x80) ? text_utf8_length(line + i, length - i) : 1, 0);
		strbuf_add_repeat(&before, ' ', ((unsigned char)line[i] & 0x80) ? 1 : one.length);
	}
	fprintf(out, "    %s^\n", strbuf_text(&before));
}

void diag_print(struct diag *d, FILE *out)
{
	diag_sort(d);
	for (size_t i = 0; i < d->problem_count; i++) {
		const struct diag_problem *p = &d->problems[i];
		autostrbuf struct strbuf text = {0};
		const char *line;
		size_t length;

		if (p->pos.file) {
			text_escape(&text, p->pos.file, strlen(p->pos.file), 0);
			if (p->pos.line)
				strbuf_printf(&text, ":%u:%u", p->pos.line, p->pos.column ? p->pos.column : 1);
			strbuf_add(&text, ": ");
		}
		strbuf_add(&text, p->severity == DIAG_ERROR ? "error: " : "warning: ");
		text_escape(&text, p->text, strlen(p->text), 0);
		fprintf(out, "%s\n", strbuf_text(&text));
		if (diag_line(d, p->pos, &line, &length))
			print_line(out, line, length, p->pos.column);
		if (p->hint) {
			strbuf_clear(&text);
			text_escape(&text, p->hint, strlen(p->hint), 0);
			fprintf(out, "    %s\n", strbuf_text(&text));
		}
	}
}

void diag_make_strict(struct diag *d)
{
	for (size_t i = 0; i < d->problem_count; i++) {
		d->error_count += d->problems[i].severity == DIAG_WARNING;
		d->problems[i].severity = DIAG_ERROR;
	}
}

int diag_failed(const struct diag *d, struct error *err)
{
	if (!d->error_count)
		return 0;
	return error_set(err, ERR_INPUT, "%zu error%s", d->error_count, d->error_count == 1 ? "" : "s");
}
