/* Rendered files: containers/<name>/Dockerfile for every container and containers/docker-bake.json. A function of the database alone: the same database gives
   the same bytes everywhere. */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "render/stage.h"

/* docker-bake.json: group "default", one target for each container, tags with the variable LOCKSTEP_RELEASE. From the project's root, after `lockstep build`
   has made the contexts: `docker buildx bake -f containers/docker-bake.json`. Appends to out. */
void render_bake(const struct database *db, struct strbuf *out);

/* How every Dockerfile that lockstep made begins. */
#define DOCKERFILE_MARK "# Made by 'lockstep render'."

struct rendered_file {
	const char *path; /* relative to the project's root: "containers/ci-cpu/Dockerfile" */
	const char *text;
	size_t length;
	const char *container; /* its name; NULL for docker-bake.json */
};

/* All of them, by path. In `a`. */
int render_files(struct arena *a, const struct database *db, struct rendered_file **ret, size_t *ret_count, struct error *err);
