#include "report/problems.h"

#include "io/json.h"

static void add_number(struct strbuf *out, size_t count, const char *what)
{
	if (count)
		strbuf_printf(out, "%s%zu %s%s", out->length ? ", " : "", count, what, count == 1 ? "" : "s");
}

void problems_add_count(const struct diag *d, struct strbuf *out)
{
	autostrbuf struct strbuf text = {0};

	add_number(&text, d->error_count, "error");
	add_number(&text, d->problem_count - d->error_count, "warning");
	strbuf_add(out, text.length ? strbuf_text(&text) : "no problems");
}

void problems_print(struct diag *d, FILE *out)
{
	diag_print(d, out);
}

static void add_position(struct json_writer *w, const char *key, unsigned number)
{
	if (number)
		json_add_integer(w, key, number);
	else
		json_add_null(w, key);
}

void problems_add_json(struct diag *d, struct strbuf *out)
{
	struct json_writer w = {.out = out};

	diag_sort(d);
	json_begin_object(&w, NULL);
	json_begin_array(&w, "problems");
	for (size_t i = 0; i < d->problem_count; i++) {
		const struct diag_problem *p = &d->problems[i];

		json_begin_object(&w, NULL);
		json_add_text(&w, "file", p->pos.file);
		add_position(&w, "line", p->pos.line);
		add_position(&w, "column", p->pos.line ? p->pos.column : 0);
		json_add_text(&w, "severity", p->severity == DIAG_ERROR ? "error" : "warning");
		json_add_text(&w, "message", p->text);
		json_add_text(&w, "hint", p->hint);
		json_end_object(&w);
	}
	json_end_array(&w);
	json_add_integer(&w, "errors", (int64_t)d->error_count);
	json_add_integer(&w, "warnings", (int64_t)(d->problem_count - d->error_count));
	json_end_object(&w);
}
