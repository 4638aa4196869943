/* Pulling blobs into the store (distribution-spec, "Pulling blobs"). Nothing that comes is believed: a blob is what its digest says or nothing, and one that does not end
   is cut. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "registry/registry.h"

struct pull_counts {
	uint64_t received_bytes;
	unsigned received, there;
};

struct pull; /* blobs of one registry that are wanted in the store (fetch/store.h) */
struct pull *pull_new(struct registries *all, const char *registry);
void pull_free(struct pull *p);
/* Asks for one; texts are copied. The same blob twice is asked for once. */
void pull_blob(struct pull *p, const char *repository, const char *digest, int64_t size_bytes);
/* All of them, several at once; what was cut goes on where it was, also what an earlier run began. `counts` moves while it runs. On failure nothing new begins, and
   what came stays. ERR_NOT_FOUND, ERR_DIGEST, ERR_HTTP, ERR_NETWORK, ERR_IO. */
int pull_run(struct pull *p, struct pull_counts *counts, struct error *err);
