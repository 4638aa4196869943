/* Promoting a release: its images, with all that belongs to them, under another tag or in another repository, by digest. Nothing is pulled. */
#pragma once

#include "base/error.h"
#include "publish/shelf.h"
#include "registry/copy.h"

/* Where to: a tag in the repositories they lie in, or "registry/path" that takes the place of the project's repository, with a tag or with the release's. */
struct promote_target {
	const char *registry, *path; /* NULL: where they are */
	const char *tag;
};

/* "stable", "registry.example/team" or "registry.example/team:stable". ERR_INPUT when it is none of them. */
int promote_parse(struct arena *a, const char *text, const char *release, struct promote_target *ret, struct error *err);

struct promote_image {
	const struct shelf_image *image;
	const char *repository; /* it goes to */
	const char *reference;  /* "registry/path/ci-cpu:stable" */
	bool was_there;         /* the tag named it already */
};

struct promote_outcome {
	struct promote_image *images; /* as the shelf's */
	size_t count;
	struct copy_counts copied;
	bool changed;
};

/* Tags move last, when every image is there. With `dry_run` it is only looked at. ERR_NOT_FOUND when the release is not published. */
int promote_run(struct shelf *s, const struct promote_target *to, bool dry_run, struct promote_outcome *ret, struct error *err);
