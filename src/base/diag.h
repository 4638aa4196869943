/* Problems in files the user wrote. Readers report and go on, so that one run shows every problem; the command prints them sorted by file,
   line and column, each with its line and a caret. Knows no domain and prints nothing by itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"

/* A place in a file. `file` lives as long as whoever made it (an arena, a literal); line and column count from 1, columns in bytes.
   line 0: the whole file. file NULL: no place at all. */
struct pos {
	const char *file;
	unsigned line, column;
};

enum diag_severity { DIAG_ERROR, DIAG_WARNING };

struct diag_problem {
	enum diag_severity severity;
	struct pos pos;
	char *text;   /* one line, lower case, no full stop */
	char *hint;   /* what to do ("did you mean 'numpy'?"), or NULL */
	size_t order; /* as reported; keeps the sort stable; SIZE_MAX stands last */
};

struct diag_source {
	char *file, *text;
	size_t length;
	size_t seen_line, seen_offset; /* the line last asked for, from 1: the next is most often after it */
};

/* Nobody reads more, and memory must not grow with what is wrong. */
enum { DIAG_KEPT_MAX = 10000 };

/* Owns copies of everything it is given, with the users and passwords of addresses overwritten. Keeps DIAG_KEPT_MAX problems; one more says that there are
   others. Zeroed is valid and empty. */
struct diag {
	struct arena arena;
	struct diag_problem *problems;
	size_t problem_count, error_count;
	bool full; /* the problem reported last was not kept */
	struct diag_source *sources;
	size_t source_count;
};

void diag_release(struct diag *d);
#define autodiag __attribute__((cleanup(diag_release)))

/* Remember a file's text so that its lines can be shown under a problem. */
void diag_add_source(struct diag *d, const char *file, const char *text, size_t length);
void diag_error(struct diag *d, struct pos at, const char *format, ...) __attribute__((format(printf, 3, 4)));
void diag_warning(struct diag *d, struct pos at, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Adds a hint to the problem reported last. */
void diag_hint(struct diag *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Sort by file, line, column, then as reported; drop exact repetitions. */
void diag_sort(struct diag *d);
/* The line of source `at` is in, or false when the file's text is not known. *ret points into the diag. */
bool diag_line(const struct diag *d, struct pos at, const char **ret_text, size_t *ret_length);
/* Prints all problems, sorted, as "file:line:column: error: text", the line and a caret, and the hint. Control bytes are escaped. */
void diag_print(struct diag *d, FILE *out);
/* Makes errors of all warnings reported so far. */
void diag_make_strict(struct diag *d);
/* -1 with an ERR_INPUT error that counts the errors when there are any, else 0. */
int diag_failed(const struct diag *d, struct error *err);
