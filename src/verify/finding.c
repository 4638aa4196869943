#include "verify/finding.h"

#include <stdarg.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"

void findings_release(struct findings *f)
{
	arena_release(&f->arena);
	*f = (struct findings){0};
}

static bool is_same(const struct finding *a, const struct finding *b)
{
	return text_equal(a->kind, b->kind) && text_equal(a->container, b->container) && text_equal(a->subject, b->subject) && text_equal(a->text, b->text);
}

void findings_add(struct findings *f, const struct finding *item)
{
	struct arena *a = &f->arena;

	for (size_t i = 0; i < f->count; i++) {
		if (is_same(&f->items[i], item))
			return;
	}
	*arena_push(a, &f->items, &f->count) = (struct finding){
		.kind = arena_strdup(a, item->kind),
		.is_warning = item->is_warning,
		.container = arena_strdup_null(a, item->container),
		.subject = arena_strdup(a, item->subject),
		.is_package = item->is_package,
		.expected = arena_strdup_null(a, item->expected),
		.found = arena_strdup_null(a, item->found),
		.text = arena_strdup(a, item->text),
		.pos = {.file = arena_strdup_null(a, item->pos.file), .line = item->pos.line, .column = item->pos.column},
	};
	f->error_count += !item->is_warning;
}

void findings_checked(struct findings *f, const char *format, ...)
{
	autostrbuf struct strbuf text = {0};
	va_list args;

	va_start(args, format);
	strbuf_vprintf(&text, format, args);
	va_end(args);
	f->checked = arena_strdup(&f->arena, strbuf_text(&text));
}
