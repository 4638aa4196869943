/* What belongs to an image of a release and is published beside it: the lock of all containers, and the snapshot of this one (what `pip freeze` said in it, and its part of
   release.json). */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "publish/shelf.h"
#include "registry/push.h"
#include "registry/referrers.h"

#define ARTIFACT_LOCK "application/vnd.lockstep.lock.v1+toml"
#define ARTIFACT_SNAPSHOT "application/vnd.lockstep.snapshot.v1+json"

enum { ARTIFACT_COUNT = 2, ARTIFACT_FILES_MAX = 2 };

struct artifact {
	const char *type;
	struct artifact_file files[ARTIFACT_FILES_MAX];
	size_t file_count;
	struct referrer referrer; /* its manifest, and the image's that it belongs to */
};

/* Those of an image whose manifest is found. The same bytes for the same release. In the shelf's arena. */
int artifacts_make(struct shelf *s, const struct shelf_image *image, struct artifact ret[ARTIFACT_COUNT], struct error *err);
/* The blobs of one, in its repository. */
void artifacts_push_blobs(const struct artifact *artifact, struct push *p);
