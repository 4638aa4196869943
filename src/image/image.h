/* Images outside of any engine (OCI image-spec: config.md, manifest.md): what one is made of, and new ones made by putting layers on top. Bytes that were read stay as
   they were read, so that digests hold. Knows no registry, no engine and no wheel. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

#define IMAGE_MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define IMAGE_INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define IMAGE_CONFIG_TYPE "application/vnd.oci.image.config.v1+json"
#define IMAGE_LAYER_TAR "application/vnd.oci.image.layer.v1.tar"
#define IMAGE_LAYER_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
#define IMAGE_LAYER_ZSTD "application/vnd.oci.image.layer.v1.tar+zstd"
/* What docker's schema 2 calls the same. */
#define IMAGE_DOCKER_MANIFEST_TYPE "application/vnd.docker.distribution.manifest.v2+json"
#define IMAGE_DOCKER_INDEX_TYPE "application/vnd.docker.distribution.manifest.list.v2+json"

enum { IMAGE_DIGEST_LENGTH = 71, IMAGE_TEXT_MAX_BYTES = 4 << 20 }; /* "sha256:" and 64 digits; of a configuration or a manifest, as other readers have it */

struct image_layer {
	const char *digest;     /* "sha256:<64 hex>" of the file as it is kept and sent; NULL while only the engine has it */
	const char *diff_id;    /* "sha256:<64 hex>" of the tar archive in it; NULL while no configuration was read */
	const char *media_type; /* one of OCI's, also where a manifest has docker's name for it; NULL with digest */
	int64_t size_bytes;     /* of the file */
	const char *path;       /* the file; NULL: it is not on this machine as a file */
	const char *created_by; /* for the history of a layer that is put on top: what it is, "lockstep: numpy 1.26.4"; or NULL */
};

/* All texts live in the arena that made it. */
struct image {
	const char *config;        /* the JSON, NUL-terminated; NULL while only a manifest was read */
	size_t config_length;      /* known with config_digest */
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

/* True for "sha256:" and 64 lower-case hex digits: the one algorithm that is in use. */
bool image_is_digest(const char *text);

/* How a layer's file is packed, by its first bytes: IMAGE_LAYER_GZIP, _ZSTD or _TAR. */
const char *image_type_of_file(const char *path);

/* Reads a configuration: sets config, config_digest and layers with their diff_ids; what else *ret had is gone. ERR_INPUT names `name` and what is wrong: no JSON, no
   rootfs, a diff id that is none, a history of more layers than there are. Unknown fields are kept. The text is copied into `a`. */
int image_read_config(struct arena *a, const char *name, const char *text, size_t length, struct image *ret, struct error *err);
/* Reads a manifest (OCI, or docker's schema 2) into manifest, digest, media_type and the layers' digests, types and sizes. *ret must have been read by
   image_read_config(), whose configuration must be the one that the manifest names, with as many layers; or be zeroed: then the layers are made, and config_digest and
   config_length are those of the configuration that is to be read: image_read_config() into another struct, then the manifest again. ERR_INPUT as above. */
int image_read_manifest(struct arena *a, const char *name, const char *text, size_t length, struct image *ret, struct error *err);
/* The image `below` with `top` on it: the same bytes every time. `below` needs its configuration; the new one has a manifest (OCI's) when every layer has a digest.
   ERR_INPUT when `below` has what no configuration of this kind can go on with. In `a`. */
int image_make(struct arena *a, const struct image *below, const struct image_top *top, struct image *ret, struct error *err);
/* The manifest (OCI's) of an image by its config_digest and its layers' digests, types and sizes. In `a`. */
const char *image_manifest_text(struct arena *a, const struct image *image);
/* Gives an image with a configuration, whose layers all have digests now, its manifest (OCI's). In `a`. */
int image_set_manifest(struct arena *a, struct image *image, struct error *err);
