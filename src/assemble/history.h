/* What earlier releases say of a container's Python packages: how they lay in layers, which wheels they were, how often they moved. What a plan of layers goes on from. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "layer/plan.h"

struct history_package {
	const char *name;   /* canonical */
	const char *sha256; /* of its wheel in the newest release; NULL: it was not in that */
	uint64_t moved;     /* as layer_package */
	unsigned seen;
};

struct history_container {
	const char *name;
	struct history_package *packages; /* by name */
	size_t package_count;
	struct layer_before *layers; /* of the newest release, from the lowest to the highest; none: it has no plan */
	size_t layer_count;
};

struct history {
	struct history_container *containers; /* by name */
	size_t container_count;
};

/* NULL: unknown. */
const struct history_container *history_container(const struct history *h, const char *name);
const struct history_package *history_package(const struct history_container *c, const char *name);
