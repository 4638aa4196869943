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
/* An image that stands in the layout: the frontend finds it there under its name, and its layers reach buildkitd as far as it lacks them. */
void buildkit_add_image(struct engine *e, struct words *w, const char *name, const struct image *image);

/* Of the driver: */
int buildkit_describe(struct engine *e, const char *tag, struct image *ret, struct error *err);
int buildkit_pull(struct engine *e, const char *image, struct error *err);
int buildkit_run(struct engine *e, const char *image, const char *const *argv, const char *input, size_t input_length, struct process_result *ret,
		 struct error *err);
int buildkit_take_files(struct engine *e, const char *image, const char *const *paths, const char *folder, struct engine_files **ret, size_t *ret_count,
			struct error *err);
