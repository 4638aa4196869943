/* What was published: lockfiles/published.json says of each release which manifest a container's image has in registries. Committed with the release, so that whoever pulls or
   promotes it gets those bytes and no others. Names no address. */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

#define PUBLISHED_FILE "lockfiles/published.json"

struct published_image {
	const char *release, *container;
	const char *digest; /* "sha256:..." of the manifest */
};

/* Everything in the arena it was read into. */
struct published {
	struct published_image *images; /* by release, as releases follow each other, and container */
	size_t count;
};

/* A project that has published nothing has no file. ERR_INPUT when it holds anything else. */
int published_read(struct arena *a, const char *root, struct published *ret, struct error *err);
/* NULL: not published. */
const char *published_digest(const struct published *p, const char *release, const char *container);
/* Adds or replaces what is said of these. The caller holds the project's lock. */
int published_note(const char *root, const struct published_image *images, size_t count, struct error *err);
