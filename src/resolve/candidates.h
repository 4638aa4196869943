/* Which versions of a package could serve all who need it, by what its index has: with files for every environment, within every constraint that names it. What is
   left of them is a question to the resolver; what is not needs none. And the record of why packages are at several versions all the same. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "resolve/asking.h"
#include "resolve/listing.h"

/* A package at several versions, and why no one version will do: "no version that the constraints allow has a file for all of ...". */
struct split {
	const char *name, *why;
};

struct splits {
	struct arena *arena;
	struct split *items;
	size_t count;
};
/* Replaces what is known of the package. Texts are copied. */
void splits_add(struct splits *s, const char *name, const char *why);
const struct split *splits_find(const struct splits *s, const char *name); /* NULL: none */

struct candidate_places {
	const struct lock_environment **items;
	size_t count;
};

struct candidates {
	const char **versions; /* those of the last lock first, else newest first */
	size_t count;
	bool is_known;   /* false: there is no page to read, so nothing is known */
	const char *why; /* known, and there is none: what stands against it */
};

/* For the package of `pins`, which are all of its name in an answer to `q`. `last` (or NULL) is the lock whose versions come first. Everything in `a`. They serve
   all environments in which the answer has it; with `only`, these environments, which may be none. */
int candidates_find(struct arena *a, struct listings *listings, const struct asking *asking, const struct question *q, const struct lock *last,
		    const struct pin *pins, size_t pin_count, const struct candidate_places *only, struct candidates *ret, struct error *err);
