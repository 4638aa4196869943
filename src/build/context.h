/* Context folders: .lockstep/contexts/<container>/, what a container's Dockerfile reads. Hard links into the store where that is possible. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "build/plan.h"

/* The folder of a container, absolute. In `a`. */
const char *context_folder(struct arena *a, const char *root, const struct container *c);
/* Makes or replaces the folder, all at once, when it does not hold exactly the inputs of `final` and of what that stands on. All trees must be made and all
   files be in the store (ERR_NOT_FOUND names the one that is not). */
int context_prepare(struct arena *a, const char *root, const struct container *c, const struct build_job *final, const struct build_plan *plan,
		    struct error *err);
