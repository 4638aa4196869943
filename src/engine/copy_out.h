/* Files taken out of a container that was never started, by "CLIENT cp CONTAINER:PATH -", as docker and podman have it. */
#pragma once

#include "engine/engine.h"

/* As take_files() of struct engine_driver. A complaint with one of the texts `not_there` (NULL-terminated) says that a path is not there. */
int copy_out(struct engine *e, const char *container, const char *const *paths, const char *const *not_there, const char *folder, struct engine_files **ret,
	     size_t *ret_count, struct error *err);
