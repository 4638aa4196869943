/* What the oracles of the newer standards share: questions on stdin, one a line, whose fields are bytes in hexadecimal with a blank behind each; for each one line
   of JSON back. tests/oracle/beside.py is the other end. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "io/json.h"

enum { QUESTION_FIELDS = 256 };

struct question {
	struct arena arena;
	const char *fields[QUESTION_FIELDS]; /* the first is the word; NUL-terminated */
	size_t lengths[QUESTION_FIELDS];
	size_t count;
	struct json_writer w; /* for the answer */
};

struct question_kind {
	const char *word;
	size_t fields; /* at least, the word included */
	void (*ask)(struct question *q);
};

static inline void question_read(struct question *q, const char *line)
{
	while (*line && *line != '\n' && q->count < QUESTION_FIELDS) {
		size_t digits = strcspn(line, " \n");
		char *field = arena_alloc(&q->arena, digits / 2 + 1);

		for (size_t i = 0; i < digits / 2; i++)
			field[i] = (char)(text_hex_digit(line[2 * i]) << 4 | text_hex_digit(line[2 * i + 1]));
		q->fields[q->count] = field;
		q->lengths[q->count++] = digits / 2;
		line += digits + (line[digits] == ' ');
	}
}

static inline int question_main(const struct question_kind *kinds, size_t count)
{
	autofree char *line = NULL;
	size_t capacity = 0;
	autostrbuf struct strbuf answer = {0};

	while (getline(&line, &capacity, stdin) > 0) {
		struct question q = {.w = {.out = &answer, .compact = true}};
		bool known = false;

		question_read(&q, line);
		for (size_t i = 0; i < count && q.count && !known; i++) {
			known = !strcmp(q.fields[0], kinds[i].word) && q.count >= kinds[i].fields;
			if (known)
				kinds[i].ask(&q);
		}
		arena_release(&q.arena);
		if (!known) {
			fprintf(stderr, "not a question: '%s'\n", line);
			return 1;
		}
		fputs(strbuf_text(&answer), stdout);
		strbuf_clear(&answer);
	}
	return 0;
}
