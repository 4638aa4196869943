/* Images outside of any engine (OCI image-spec: config.md, manifest.md): what one is made of, and new ones made by putting layers on top. Bytes that were read stay as
   they were read, so that digests hold. Knows no registry, no engine and no wheel. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

#define IMAGE_MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define IMAGE_CONFIG_TYPE "application/vnd.oci.image.config.v1+json"
#define IMAGE_LAYER_TAR "application/vnd.oci.image.layer.v1.tar"
#define IMAGE_LAYER_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
#define IMAGE_LAYER_ZSTD "application/vnd.oci.image.layer.v1.tar+zstd"

struct image_layer {
	const char *digest;  /* "sha256:<64 hex>" of the file as it is kept and sent; NULL while only the engine has it */
	const char *diff_id; /* "sha256:<64 hex>" of the tar archive in it */
	const char *media_type;
	int64_t size_bytes;     /* of the file */
	const char *path;       /* the file; NULL: it is not on this machine as a file */
	const char *created_by; /* for the history of a layer that is put on top: what it is, "lockstep: numpy 1.26.4"; or NULL */
};

/* All texts live in the arena that made it. */
struct image {
	const char *config; /* the JSON, NUL-terminated */
	size_t config_length;
	const char *config_digest; /* "sha256:..."; what docker and containers-storage call the image's id */
	const char *manifest;      /* NULL while a layer has no digest */
	size_t manifest_length;
	const char *digest; /* of the manifest, or NULL with it */
	const char *media_type;
	struct image_layer *layers; /* bottom first */
	size_t layer_count;
};

/* What a new image has that the one below has not. */
struct image_top {
	const struct image_layer *layers; /* with everything but `path` set */
	size_t layer_count;
	const char *const *labels; /* "key=value", NULL-terminated; they replace those of the same key; or NULL */
	int64_t created_unix;
};

/* Reads a configuration: sets config, config_digest and layers with their diff_ids. ERR_INPUT names `name` and what is wrong: no JSON, no rootfs, a diff id that is none.
   Unknown fields are kept. The text is copied into `a`. */
int image_read_config(struct arena *a, const char *name, const char *text, size_t length, struct image *ret, struct error *err);
/* Reads a manifest (OCI, or docker's schema 2) into manifest, digest, media_type and the layers' digests, types and sizes, which must be as many as the configuration that was
   read before has; *ret must have been read by image_read_config(), or be zeroed: then only the layers and config_digest are set. ERR_INPUT as above. */
int image_read_manifest(struct arena *a, const char *name, const char *text, size_t length, struct image *ret, struct error *err);
/* The image `below` with `top` on it: the same bytes every time. `below` needs its configuration. In `a`. */
int image_make(struct arena *a, const struct image *below, const struct image_top *top, struct image *ret, struct error *err);
