/* Manifests and indexes as a registry's client sees them (image-spec, manifest.md and image-index.md): which blobs and manifests they name, and what they are about. And
   the manifests of artifacts, which belong to an image: a lock, a snapshot. Knows no network. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"

#define MANIFEST_EMPTY_TYPE "application/vnd.oci.empty.v1+json"
#define MANIFEST_EMPTY_BYTES "{}"
#define MANIFEST_EMPTY_DIGEST "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

struct value;

struct descriptor {
	const char *media_type;
	const char *digest; /* "sha256:<64 hex>" */
	int64_t size_bytes;
	const char *artifact_type; /* of a manifest in an index; or NULL */
};

struct manifest {
	bool is_index;
	struct descriptor config; /* digest NULL for an index */
	struct descriptor *items; /* of the layers, or of an index's manifests */
	struct value **values;    /* the same, as they stand in the text */
	size_t item_count;
	const char *artifact_type; /* or NULL */
	const char *subject;       /* digest of the manifest that it belongs to, or NULL */
};

/* Texts live in `a`. ERR_INPUT names `what` and what is wrong: no JSON, a digest that is none, a size that cannot be. */
int manifest_read(struct arena *a, const char *what, const char *text, size_t length, struct manifest *ret, struct error *err);

/* The type that an index of referrers gives for it: its artifact type, else that of its configuration; or NULL. */
const char *manifest_artifact_type(const struct manifest *m);

/* Whether a media type is that of an index, or of docker's manifest list. */
bool manifest_is_index(const char *media_type);

struct artifact_file {
	const char *name; /* as the file would be called */
	const char *media_type;
	const char *bytes;
	size_t length;
	const char *digest; /* of the bytes */
};

/* The manifest of an artifact: an image manifest with an empty configuration, which `subject` says it belongs to. The same bytes every time. `created`, RFC 3339, or NULL. */
void manifest_write_artifact(const char *artifact_type, const struct artifact_file *files, size_t count, const struct descriptor *subject, const char *created,
			     struct strbuf *out);
/* An index of the values of other indexes and of some more: what a registry without a referrers API keeps under a tag. */
void manifest_write_index(struct value *const *values, size_t value_count, const struct descriptor *more, size_t more_count, struct strbuf *out);
