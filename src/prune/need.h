/* What is needed by what: things that may go, what refers to them, and why each stays. Pure: asks nobody, removes nothing. A key is a text that a thing is referred to
   by, "image:tiny/ci-a:v0.1"; what it means is its maker's matter. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* Texts live as long as whoever made them. */
struct need_thing {
	const char **keys;
	size_t key_count;
	const char **refers; /* keys that are referred to where the thing itself stays */
	size_t refer_count;
	bool is_young; /* it stays for its own sake */
	bool stays;
	const char *why; /* it stays; NULL when it goes, or only because it is young */
};

/* Zeroed is valid and empty. */
struct needs {
	struct arena arena;
	struct need_reference *references; /* by key */
	struct need_thing **things;
	size_t thing_count;
};
void needs_release(struct needs *n);

/* A new thing, in the arena of `n`; it stays where it is. */
struct need_thing *needs_add(struct needs *n, bool is_young);
void need_key(struct needs *n, struct need_thing *thing, const char *key);
void need_refers(struct needs *n, struct need_thing *thing, const char *key);
/* Something that is there for good refers to `key`. The first reason counts. Both texts are copied. */
void needs_refer(struct needs *n, const char *key, const char *why);
/* The reason why `key` is needed as far as that is known, or NULL. */
const char *needs_why(const struct needs *n, const char *key);
/* Sets `stays` and `why` of every thing: what is young stays, and what has a key that is referred to, by needs_refer() or by a thing that stays. */
void needs_decide(struct needs *n);
