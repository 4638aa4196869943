/* A clash in words: a problem at each constraint that takes part, and the story of all of them together. */
#pragma once

#include "base/diag.h"
#include "base/error.h"
#include "resolve/asking.h"

/* One declared constraint, or a package in any version, with the first who wants it. */
struct culprit {
	const struct want *want;
	const struct asker *asker;
};

/* A set of them that cannot hold together, and could without any one. */
struct clash {
	struct culprit *items; /* each declared one once, in the database's order */
	size_t item_count;
	struct question q; /* what is left of the question */
	struct search_refusal refusal;
};

/* The same constraint, or with that out of the way, the same package. */
bool clash_same_want(const struct want *one, const struct want *other);
/* True when the text has the name as a word. */
bool clash_mentions(const char *text, const char *name);
bool clash_is_missing(const struct search_refusal *refusal, const char *name);
/* Returns -1, with all of it in `d` and `err`; `all` is the whole question. */
int clash_tell(const struct clash *c, const struct question *all, const struct asking *asking, struct diag *d, struct error *err);
