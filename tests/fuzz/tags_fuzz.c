/* A Jenkinsfile, and the same bytes as a file of lines: every token and every candidate lies inside, in order. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "release/groovy.h"
#include "release/tags_find.h"

static void must_hold(bool truth, const char *what)
{
	if (truth)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}
#define must(condition) must_hold(condition, #condition)

static void check_finds(const struct tag_finds *finds, size_t length)
{
	for (size_t i = 0; i < finds->candidate_count; i++) {
		const struct tag_candidate *c = &finds->candidates[i];

		must(c->name_length && c->name_offset + c->name_length <= c->offset && c->offset + c->length <= length);
	}
	for (size_t i = 0; i < finds->hidden_count; i++)
		must(finds->hidden[i].offset + finds->hidden[i].length <= length);
}

static void check_tokens(const struct groovy *g, size_t length)
{
	for (size_t i = 0; i < g->token_count; i++) {
		const struct groovy_token *t = &g->tokens[i];

		must(t->length && t->offset + t->length <= length);
		must(!i || t[-1].offset < t->offset);
		if (t->kind == GROOVY_TEXT)
			must(t->inner_offset > t->offset && t->inner_offset + t->inner_length < t->offset + t->length);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	autoarena struct arena a = {0};
	/* Exactly as long as it is, so that reading past the end is seen. */
	char *text = memcpy(malloc(length ? length : 1), bytes, length);
	struct tag_finds finds;
	struct groovy g;
	const char *why;
	size_t offset;

	if (groovy_scan(&a, text, length, &g, &offset, &why)) {
		check_tokens(&g, length);
		must(tags_find_groovy(&a, text, length, &finds, &offset, &why));
		check_finds(&finds, length);
	} else {
		must(offset < length && *why);
	}
	tags_find_lines(&a, text, length, &finds);
	check_finds(&finds, length);
	free(text);
	return 0;
}
