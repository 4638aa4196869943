/* Images that were put together, straight to their registry: what is there is not sent, and no engine sees them. Several at once; the tags, last. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "image/image.h"
#include "registry/push.h"

struct image_push {
	const char *name; /* of the container, for messages */
	const char *registry, *repository, *tag;
	const struct image *image; /* with its manifest; every layer a file */
	bool was_there;            /* the answer: the tag was on this image already */
};

/* All images of one registry. `counts` moves while it runs. ERR_HTTP, ERR_NETWORK, ERR_IO, ERR_DIGEST. */
int image_push_all(struct arena *a, struct registries *all, struct image_push *pushes, size_t count, struct push_counts *counts, struct error *err);
