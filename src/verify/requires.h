/* What wheels themselves say they require, read once each from the store. */
#pragma once

#include "base/arena.h"
#include "lock/lock.h"
#include "python/requirement.h"

struct wheel_requires {
	const char *sha256;
	const char **texts; /* as the wheel says it */
	struct requirement **items;
	size_t count;
};

struct wheels_read {
	struct arena arena;
	struct wheel_requires *wheels; /* in the order they were asked for */
	size_t count;
};

void wheels_read_release(struct wheels_read *w);
/* NULL when the store does not have the wheel, or nothing can be read from it. Requirements that are not valid are left out, as installers do. Valid until the
   next call. */
const struct wheel_requires *wheel_requires(struct wheels_read *w, const struct lock_file *file);
