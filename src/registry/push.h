/* Pushing blobs and manifests (distribution-spec, "Push"): what is there is not sent, what another repository of the registry has is mounted, what was cut goes on where
   the registry says it stands. A tag moves only with its manifest, and only when everything the manifest names was accepted. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "registry/registry.h"
#include "registry/remote.h"

struct push_blob {
	const char *digest; /* "sha256:<64 hex>" */
	int64_t size_bytes;
	const char *path;            /* the file that holds it; NULL: it must be in `from`, or in the repository */
	const char *bytes;           /* or the bytes, instead of a file */
	const struct remote *source; /* or the repository that it is read from on the way, of this or of another registry */
	const char *from;            /* another repository of the registry that may have it; or NULL */
};

struct push_counts {
	uint64_t sent_bytes, wanted_bytes; /* move while blobs are sent; the second: of all that are not there */
	unsigned sent, mounted, there;
};

struct push; /* several images to one registry */
struct push *push_new(struct registries *all, const char *registry);
void push_free(struct push *p);
/* Asks for a blob to be in a repository. Texts and bytes stay with the caller until push_free(). The same blob twice is asked for once; in several repositories it is
   sent to one, and mounted in the others. */
void push_blob(struct push *p, const char *repository, const struct push_blob *blob);
/* All blobs, at once; on failure nothing goes on. ERR_HTTP, ERR_NETWORK, ERR_IO, ERR_DIGEST. */
int push_run(struct push *p, struct push_counts *counts, struct error *err);

/* A manifest on its way. */
struct push_manifest {
	const char *repository;
	const char *name; /* its digest, or a tag */
	const char *media_type;
	const char *bytes;
	size_t length;
	bool has_subject; /* the answer: the registry keeps the list of referrers itself */
};
/* Many at once: those that name each other go in calls of their own. ERR_DIGEST when the registry says that it keeps another one. */
int push_manifests(struct registries *all, const char *registry, struct push_manifest *items, size_t count, struct error *err);
