/* A release's images in a registry: where each lies, which manifest it is, and whether that is the image that was released. What publish, promote and pull-image begin with. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "image/image.h"
#include "registry/remote.h"
#include "release/release.h"

struct database;

struct shelf_image {
	const struct snapshot *snapshot;
	struct remote at;   /* of its repository */
	const char *tag;    /* "registry/team/ci-cpu:v0.1": what the engine and the Jenkinsfile call it */
	const char *digest; /* of its manifest by lockfiles/published.json, or as found; NULL: not known */
	bool is_found;      /* the manifest was read: */
	struct image image; /* manifest, layers and config_digest; no configuration */
};

/* The images of a release, in the order of its containers. */
struct shelf {
	struct arena *arena;
	const char *root;
	const struct release *release;
	struct shelf_image *images;
	size_t count;
};

/* Of a release of the project, or of one container of it. No registry is asked. ERR_INPUT when 'repository' of recipes/project.yaml names no registry. In `a`. */
int shelf_open(struct arena *a, const struct database *db, const struct release *release, const char *container, struct registries *all, struct shelf *ret,
	       struct error *err);

/* Finds the manifest in the store or in the registry: by its digest where that is known, else by the release's tag. False in is_found when there is none. ERR_DIGEST when
   what was published is another image than the one that was released. */
int shelf_find(struct shelf *s, struct shelf_image *image, struct error *err);
/* As shelf_find() for all, and ERR_NOT_FOUND, with what to do, when one is not there. */
int shelf_find_all(struct shelf *s, struct error *err);

/* Keeps small bytes, a manifest or a configuration, in the store. */
int shelf_keep_bytes(const char *digest, const char *bytes, size_t length, struct error *err);
