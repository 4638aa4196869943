/* Many layers at once: those that were made are taken from the store, the sources of the others compiled, and they are made in children of this process, one a core. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "layer/interpreter.h"
#include "layer/layer.h"

enum layer_event { LAYER_BEGUN, LAYER_KEPT, LAYER_MADE };

struct layer_taking {
	unsigned at_once;                  /* layers; 0: as many as there are cores for us */
	const struct layer_runner *runner; /* of the image's Python; NULL where no request has bytecode */
	/* For progress, may be NULL: `request` is an index; `layer` is NULL for LAYER_BEGUN. */
	void (*on_event)(void *context, size_t request, enum layer_event event, const struct layer_made *layer);
	void *context;
};

/* The layer of each request, in the order of the requests. Waits where another process makes one of them. -1 with the first that failed; those that were made are
   kept all the same. ERR_CANCELLED after a signal. */
int layer_take_all(const struct layer_request *requests, size_t count, const struct layer_taking *how, struct layer_made *ret, struct error *err);
