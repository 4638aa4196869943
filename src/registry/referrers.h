/* Artifacts that belong to an image (distribution-spec, "Listing Referrers" and "Pushing Manifests with Subject"): by the registry's API, or where it has none, in an index
   under the tag "sha256-<hex>" of the same repository, which every writer merges into. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "registry/manifest.h"
#include "registry/remote.h"

/* Those of the manifest `digest`, sorted by digest; `type` chooses by artifact type, NULL: all. In `a`. None is no error. */
int referrers_list(const struct remote *at, struct arena *a, const char *digest, const char *type, struct descriptor **ret, size_t *ret_count,
		   struct error *err);

/* The manifest of an artifact on its way. */
struct referrer {
	const char *repository, *subject; /* the digest that it belongs to */
	struct descriptor self;           /* of the manifest, with its artifact type */
	const char *bytes;
	bool is_there; /* it was pushed before: it only has to be in the list */
};
/* Pushes many, whose blobs are there, and sees to it that they are listed, as each registry lists them. `repository` of `at` is not used. */
int referrers_push(const struct remote *at, const struct referrer *items, size_t count, struct error *err);

/* Makes the index under the fallback tag name these manifests, which must be there; what others wrote into it stays. A writer that came in between is seen, and merged
   with. *ret_changed (may be NULL): they were not all in it. ERR_HTTP when what has that tag is no index. */
int referrers_merge(const struct remote *at, const char *subject, const struct descriptor *items, size_t count, bool *ret_changed, struct error *err);
/* Takes these out of it; after they were deleted. Fine where they are not in it. */
int referrers_drop(const struct remote *at, const char *subject, const char *const *digests, size_t count, struct error *err);

/* "sha256-<hex>". In `a`. */
const char *referrers_tag(struct arena *a, const char *digest);
