/* Which wheels of a container go into which layer. A layer is written and sent anew when one of its wheels moves, so what is large stands alone, and what is put together
   is what costs least together: seldom moved, small, or moved in the same releases. A plan goes on from the one before: what stands where it stood stays. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum { LAYER_PLAN_DEFAULT = 60, LAYER_PLAN_MAX = 110, LAYER_PLAN_HISTORY = 64 };

struct layer_package {
	const char *name; /* canonical; each once */
	uint64_t size_bytes;
	uint64_t moved;     /* bit i: it moved in the release i before this one (0: the newest) */
	const char *before; /* any word that packages of one layer of the plan before share; NULL: it was in none */
	bool moves_now;     /* its file is another than in the plan before: the layer is written anew in any case */
};

struct layer_group {
	size_t *packages; /* indexes, by name */
	size_t count;
	uint64_t size_bytes;
	const char *why; /* in a few words, for people */
};

/* At most `limit` groups (at least 1) of `count` packages; `releases` of history are known (at most LAYER_PLAN_HISTORY). Sorted by their first package's name. In `a`. */
void layer_plan(struct arena *a, const struct layer_package *packages, size_t count, size_t limit, unsigned releases, struct layer_group **ret,
		size_t *ret_count);
