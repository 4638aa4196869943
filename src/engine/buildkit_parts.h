/* What the files of the BuildKit engine share. Inside engine/ only. */
#pragma once

#include "engine/engine.h"
#include "engine/oci_layout.h"
#include "engine/words.h"

/* Begins an argv of buildctl. */
void buildkit_command(struct engine *e, struct words *w);
/* Where its images are. */
int buildkit_layout(struct engine *e, struct oci_layout *ret, struct error *err);
/* Where a build of this process writes what becomes the image `tag`. */
const char *buildkit_made(struct engine *e, const char *tag);
/* "key=value" as a field of CSV: so buildctl reads lists of options, which may have commas in them. */
const char *buildkit_csv(struct engine *e, const char *key, const char *value);
/* What every build has; its images are given with buildkit_add_image(). */
void buildkit_begin(struct engine *e, struct words *w, const char *dockerfile, const char *context, bool network);
/* An image that stands in the layout: the frontend finds it there under its name, and its layers reach buildkitd as far as it lacks them; or in a registry, if `repository`. */
void buildkit_add_image(struct engine *e, struct words *w, const char *name, const struct image *image, const char *repository);
/* A build whose result is of no use but here: its Dockerfile stands in `folder`, which is its context too. `image` is the one of that name, or NULL; output NULL: none. */
int buildkit_build_here(struct engine *e, const char *folder, const char *name, const struct image *image, const char *repository, const char *output,
			struct process_result *ret, struct error *err);
int buildkit_write_dockerfile(struct engine *e, const char *folder, const char *text, struct error *err);
void buildkit_drop_tree(const char *folder);
/* The image of that name, and the repository that its layers lie in, where they lie in one. */
int buildkit_find(struct engine *e, const char *tag, struct image *ret, const char **ret_repository, struct error *err);

/* Of images that lie in a registry: */
extern const struct engine_direct buildkit_direct;
const char *buildkit_metadata(struct engine *e, const char *tag);
const char *buildkit_push_output(struct engine *e, const struct engine_push *push);
/* Whether a layer of it lies only there. */
bool buildkit_is_elsewhere(const struct image *image, const char *repository);
/* Fetches what the image lacks here. */
int buildkit_bring(struct engine *e, const char *tag, const struct image *image, const char *repository, struct error *err);
/* The same for an image that is to stand on others that lie elsewhere. */
int buildkit_bring_below(struct engine *e, const struct oci_layout *l, const struct image *image, struct error *err);

/* Of the driver: */
int buildkit_describe(struct engine *e, const char *tag, struct image *ret, struct error *err);
int buildkit_pull(struct engine *e, const char *image, struct error *err);
int buildkit_run(struct engine *e, const char *image, const char *const *argv, const char *input, size_t input_length, struct process_result *ret,
		 struct error *err);
int buildkit_wake(struct engine *e, struct error *err);
int buildkit_take_files(struct engine *e, const char *image, const char *const *paths, const char *folder, struct engine_files **ret, size_t *ret_count,
			struct error *err);
