/* What a repository of a registry holds (distribution-spec, "Pull", "Content Discovery", "Content Management"): manifests, small blobs, tags. Nothing that comes is
   believed: bytes are what their digest says or nothing, names are checked before they are used, and an answer that does not end is cut. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "registry/registry.h"

#define REMOTE_INDEX_TYPE "application/vnd.oci.image.index.v1+json"
#define REMOTE_DOCKER_MANIFEST_TYPE "application/vnd.docker.distribution.manifest.v2+json"
#define REMOTE_DOCKER_LIST_TYPE "application/vnd.docker.distribution.manifest.list.v2+json"

/* A repository, and what is spoken to it with. */
struct remote {
	struct registries *all;
	const char *registry, *repository;
};

struct remote_manifest {
	const char *bytes; /* NUL-terminated */
	size_t length;
	const char *digest; /* "sha256:...", of the bytes */
	const char *media_type;
	const char *etag; /* or NULL */
};

/* A manifest or an index by tag or digest. In `a`. ERR_NOT_FOUND; ERR_DIGEST when it is not what the digest, or the registry itself, says; ERR_HTTP when it is of no type
   that we know, also where its own mediaType is another than the registry's word. */
int remote_manifest(const struct remote *at, struct arena *a, const char *name, struct remote_manifest *ret, struct error *err);
/* A blob of this many bytes, into memory: a configuration, a lock. NUL-terminated, in `a`. ERR_NOT_FOUND, ERR_DIGEST. */
int remote_bytes(const struct remote *at, struct arena *a, const char *digest, int64_t size_bytes, const char **ret, struct error *err);

/* What is there under a name. */
struct remote_question {
	const char *repository;
	const char *name;   /* a digest or a tag */
	bool is_blob;       /* `name` is the digest of a blob */
	bool is_there;      /* the answer */
	const char *digest; /* of the manifest that is there; NULL for a blob */
};
/* Many at once, by HEAD; what is not there is no error. `repository` of `at` is not used. Answers live in `a`. */
int remote_ask(const struct remote *at, struct arena *a, struct remote_question *questions, size_t count, struct error *err);

/* The tags of a repository, sorted. In `a`. ERR_NOT_FOUND when there is no such repository; ERR_HTTP when the list does not end, or one is no tag. */
int remote_tags(const struct remote *at, struct arena *a, const char *const **ret, size_t *ret_count, struct error *err);
/* The address of the next page of a list, by its Link header (RFC 8288), as a registry_call takes it; NULL when there is none, also where it leads to another host. In `a`. */
const char *remote_next_page(const struct remote *at, struct arena *a, const char *link);

/* Removes a manifest by its digest, or a tag where the registry can do that. False in *ret_was_there when there is nothing to remove. ERR_HTTP when the registry does not
   delete. */
int remote_delete(const struct remote *at, const char *name, bool *ret_was_there, struct error *err);
