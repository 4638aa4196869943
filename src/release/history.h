/* What the releases of a project say of how its Python packages lay in layers and moved: what a plan of layers goes on from (assemble/history.h). */
#pragma once

#include "assemble/history.h"
#include "release/release.h"

/* `newest` is the newest release, or NULL: then it is read, where there is one. Brings the store up to date, which knows the older ones. Everything in `a`. */
int release_history(struct arena *a, const char *root, const struct release *newest, struct history *ret, struct error *err);
/* For each of these layers (digests) of a container the oldest release that has it, or NULL. In `a`. */
int release_layers_since(struct arena *a, const char *root, const char *container, const char *const *digests, size_t count, const char ***ret,
			 struct error *err);
