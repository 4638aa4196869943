/* A TOML document: a tree or problems, and both with places that are in the text. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/toml.h"

static void must_hold(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}
#define must(condition) must_hold(condition, #condition)

static void check_place(struct pos pos, const char *text, size_t length)
{
	unsigned line = 1;
	const char *start = text, *end = text + length;

	for (; line < pos.line && start < end; line++) {
		const char *newline = memchr(start, '\n', (size_t)(end - start));

		start = newline ? newline + 1 : end;
	}
	must(line == pos.line && pos.column >= 1 && pos.column <= (size_t)(end - start) + 1);
}

static void check_value(const struct value *v, const char *text, size_t length, unsigned depth)
{
	must(depth <= TOML_LIMIT_DEPTH);
	check_place(v->pos, text, length);
	if (v->kind == VALUE_TEXT || v->kind == VALUE_DATETIME)
		must(v->text && !v->text[v->text_length]);
	for (size_t i = 0; i < v->item_count; i++)
		check_value(v->items[i], text, length, depth + 1);
	for (size_t i = 0; i < v->entry_count; i++) {
		check_place(v->entries[i].key_pos, text, length);
		check_value(v->entries[i].value, text, length, depth + 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	autodiag struct diag d = {0};
	const struct value *document = toml_parse(&a, "fuzz.toml", (const char *)bytes, length, &d);

	must((document != NULL) == (d.error_count == 0));
	if (document)
		check_value(document, (const char *)bytes, length, 0);
	for (size_t i = 0; i < d.problem_count; i++)
		check_place(d.problems[i].pos, (const char *)bytes, length);
	return 0;
}
