/* Publishing a release: its images to the project's registry, then what belongs to them, then, when all of that is there, the tags. What is there is not sent; a run that is
   stopped leaves no tag behind that does not name a whole image, and the next one goes on. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "engine/engine.h"
#include "publish/shelf.h"
#include "registry/push.h"

enum publish_state {
	PUBLISH_THERE,  /* all of it was there already */
	PUBLISH_SENT,   /* now */
	PUBLISH_WANTED, /* it would be sent: only looked at */
};

struct publish_image {
	const struct shelf_image *image;
	enum publish_state state;
	const char *artifacts[2]; /* digests of the manifests of its lock and its snapshot; NULL while its own is not known */
};

struct publish_request {
	struct registries *all;
	bool dry_run;
	bool replace; /* the release's tags may be moved from other images */
	/* Asked for at most once, when an image is nowhere but in an engine. */
	struct engine *(*find_engine)(void *context, struct error *err);
	void *context;
};

struct publish_outcome {
	struct publish_image *images; /* as the shelf's */
	size_t count;
	struct push_counts blobs;
	bool changed; /* something was sent, or would be */
};

/* The caller holds the project's lock. `ret` moves while it runs. ERR_CONFLICT when a tag of the release names another image and `replace` is not set. */
int publish_run(struct shelf *s, const struct publish_request *request, struct publish_outcome *ret, struct error *err);
