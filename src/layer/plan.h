/* Which wheels of a container go into which layer, and in which order. A layer is written and sent anew when one of its wheels moves, so what is large stands alone, and
   what is put together is what costs least together: seldom moved, small, or moved in the same releases. Engines know a layer by all that lies below it, so what is
   large and seldom moves lies low. A plan goes on from the one before: a layer of which nothing moved stays as it is unless the limit leaves nothing better. The same
   question has the same answer on any machine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum { LAYER_PLAN_DEFAULT = 60, LAYER_PLAN_MAX = 110, LAYER_PLAN_HISTORY = 64 };

struct layer_package {
	const char *name; /* canonical; each once */
	uint64_t size_bytes;
	uint64_t moved; /* bit i: it moved in the release i before this one (0: the newest that there is); being new is no move */
	unsigned seen;  /* in how many of the newest releases without a gap it was, at most LAYER_PLAN_HISTORY; 0: it is new */
	bool moves_now; /* its file, or anything else that its layer is made of, is another than in the plan before; no matter when it was not in that */
};

/* A layer of the plan before: the packages that were in it, in any order, those that are gone too. */
struct layer_before {
	const char **names;
	size_t name_count;
};

struct layer_question {
	const struct layer_package *packages;
	size_t count;
	const struct layer_before *before; /* from the lowest to the highest; none: there is no plan before */
	size_t before_count;
	size_t limit; /* at most so many layers; at least 1 */
};

struct layer_group {
	size_t *packages; /* indexes, by name */
	size_t count;
	uint64_t size_bytes;
	bool is_kept;    /* it was in the plan before and nothing in it moves: its layer is the same */
	const char *why; /* in a few words, for people */
};

/* The layers of the question's packages, from the lowest to the highest. In `a`; names are not copied. */
void layer_plan(struct arena *a, const struct layer_question *question, struct layer_group **ret, size_t *ret_count);
