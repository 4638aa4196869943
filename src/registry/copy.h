/* Copying images by digest, within a registry or from one to another, with the artifacts that belong to them. Blobs of the same registry are mounted, others go from one
   registry into the other through memory; nothing comes to the disk. Tags are not touched. */
#pragma once

#include "base/error.h"
#include "registry/push.h"
#include "registry/remote.h"

struct copy_counts {
	struct push_counts blobs;
	unsigned manifests, manifests_there;
};

struct copy; /* several images to one registry */
struct copy *copy_new(struct registries *all, const char *registry);
void copy_free(struct copy *c);
/* Asks for the manifest or index `digest` with everything it names and everything that belongs to it. Texts are copied. */
void copy_add(struct copy *c, const struct remote *from, const char *repository, const char *digest);
/* All of them; a manifest is there only when what it names is. `counts` moves while it runs. ERR_NOT_FOUND, ERR_DIGEST, ERR_HTTP, ERR_NETWORK, ERR_INPUT. */
int copy_run(struct copy *c, struct copy_counts *counts, struct error *err);
