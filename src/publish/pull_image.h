/* A published image brought into an engine, or into a folder as an OCI layout (image-spec, image-layout.md): only the layers that are missing are pulled. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "engine/engine.h"
#include "publish/shelf.h"
#include "registry/pull.h"

struct pull_image_outcome {
	const struct shelf_image *image;
	bool was_there; /* the engine had it */
	size_t has;     /* layers that the engine had, the lowest ones */
	struct pull_counts counts;
	uint64_t total_bytes; /* of the blobs that are wanted */
};

/* Into the engine, under the tag of the release. `releases`, newest first, are names whose images the engine may have, so that their layers need not come again. `ret` moves
   while it runs. ERR_DRIFT when the engine has another image afterwards than the one that was released. */
int pull_image_load(struct shelf *s, struct engine *e, const char *const *releases, size_t release_count, struct pull_image_outcome *ret, struct error *err);
/* Into a new folder. ERR_INPUT when something is there. */
int pull_image_layout(struct shelf *s, const char *folder, struct pull_image_outcome *ret, struct error *err);
