/* What engines have, as their own lists tell it. For the engine files; one that keeps its images in containers-storage is asked as buildah is. */
#pragma once

#include "engine/engine.h"

int docker_list(struct engine *e, struct engine_listing *ret, struct error *err);
/* buildah tells of the containers of podman, too. */
int buildah_list(struct engine *e, struct engine_listing *ret, struct error *err);
int podman_list(struct engine *e, struct engine_listing *ret, struct error *err);
