/* What a check found, one at a time: for people a line, for programs what was expected and what is there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"

struct finding {
	const char *kind;      /* a word: "missing", "constraint", "yanked" */
	bool is_warning;       /* worth knowing, but the relation holds all the same */
	const char *container; /* or NULL: about several, or the whole lock */
	const char *subject;   /* the package (canonical); a file, a marker or a probe where it is about no package */
	bool is_package;
	const char *expected, *found; /* "<2" and "2.1.0"; or NULL */
	const char *text;             /* goes on behind the subject; one line, or several for the output of a probe */
	struct pos pos;               /* of the line of recipes/ that asks for it; no file where that is not known */
};

/* Zeroed is empty. Owns copies of all texts. */
struct findings {
	struct arena arena;
	struct finding *items;
	size_t count, error_count; /* errors: those that are no warnings */
	const char *checked;       /* what was looked at: "41 declared packages of 3 containers"; NULL when nothing was */
};

void findings_release(struct findings *f);
/* Adds a copy, unless the same stands there already. */
void findings_add(struct findings *f, const struct finding *item);
/* Sets `checked`. */
void findings_checked(struct findings *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
