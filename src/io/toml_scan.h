/* The inside of the TOML reader, shared by its files only: where it is in the text, and the tokens (TOML 1.0, "String" to "Local Time"). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/strbuf.h"
#include "io/value.h"

enum { TOML_KEY_CACHE = 64 };

struct toml_key {
	const char *text; /* in the arena */
	size_t length;
	struct pos pos;
};

/* A reader at work. Every function that can fail returns false after one toml_fail(). */
struct toml {
	struct arena *a;
	struct diag *d;
	const char *file;
	const char *text, *end, *at;
	const char *line_start;
	unsigned line;
	bool failed;       /* a problem of form: reading has stopped */
	bool source_known; /* the diag has the text */
	size_t value_count;
	struct strbuf scratch;
	struct {
		const char *text;
		size_t length;
	} keys[TOML_KEY_CACHE]; /* bare keys seen lately: most files repeat a few */
};

struct pos toml_pos(const struct toml *t, const char *at);
/* Reports a problem of form at a place on the current line; returns false. */
bool toml_fail(struct toml *t, const char *at, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Reports a problem that does not stop the reading. */
void toml_problem(struct toml *t, struct pos at, const char *format, ...) __attribute__((format(printf, 3, 4)));

void toml_skip_blanks(struct toml *t);
/* Blanks, then a comment if there is one. */
bool toml_skip_comment(struct toml *t);
/* Blanks, comments and line ends. */
bool toml_skip_lines(struct toml *t);
bool toml_newline(struct toml *t);

/* One part of a key: bare or quoted. */
bool toml_scan_key(struct toml *t, struct toml_key *ret);
/* Any of the four kinds of string; `t` stands on its first quote. */
bool toml_scan_string(struct toml *t, const char **ret_text, size_t *ret_length);
/* A truth value, number or date-time; fills all of `v` but its place. */
bool toml_scan_scalar(struct toml *t, struct value *v);
