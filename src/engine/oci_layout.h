/* A folder of images in the OCI image layout (image-spec, image-layout.md): where lockstep keeps the images of an engine that keeps none itself. Layers lie in it once,
   by digest; names stand in index.json, which is replaced atomically by one writer at a time. Safe to delete: everything in it can be built again. Knows no engine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "image/image.h"

struct oci_layout {
	struct arena *arena; /* the caller's; what is read lives in it */
	const char *folder;
};

/* Makes the folder where it is missing. */
int oci_layout_open(struct arena *a, const char *folder, struct oci_layout *ret, struct error *err);
/* The image of that name, with the path of each layer that is there. ERR_NOT_FOUND when there is none, or a part of it is gone; a layer may be missing only when the image has a
   repository in a registry, "host/team/stages", which *ret_repository (may be NULL) then is, else NULL. */
int oci_layout_find(const struct oci_layout *l, const char *name, struct image *ret, const char **ret_repository, struct error *err);
/* Puts what a program wrote as another layout, with one image in its index, into this one under `name`. Its configuration and manifest are checked against their digests, its
   layers by size: their writer checked the rest. `repository` as above, or NULL. */
int oci_layout_take(const struct oci_layout *l, const char *other_folder, const char *name, const char *repository, struct error *err);
/* Puts an image with a manifest under `name`. Layers with a path are linked or copied; ERR_NOT_FOUND when one has none and is not there, unless it lies in `repository`. */
int oci_layout_put(const struct oci_layout *l, const struct image *image, const char *name, const char *repository, struct error *err);
/* The names of all images, also of those of which a part is gone; sorted. */
int oci_layout_names(const struct oci_layout *l, const char *const **ret, size_t *ret_count, struct error *err);
/* ERR_NOT_FOUND when there is no `from`. */
int oci_layout_tag(const struct oci_layout *l, const char *from, const char *to, struct error *err);
/* Also removes what no image needs any more. Fine when there is no such name. */
int oci_layout_untag(const struct oci_layout *l, const char *name, struct error *err);
/* Whether a layer of this digest is there. */
bool oci_layout_has(const struct oci_layout *l, const char *digest);
/* Takes what an image of this layout lacks out of another, in `other_folder`. ERR_NOT_FOUND when it has it neither. */
int oci_layout_fill(const struct oci_layout *l, const struct image *image, const char *other_folder, struct error *err);
/* Links the parts of an image into the layout that a program is about to write in `other_folder`, so that it does not write them again. */
int oci_layout_lend(const struct oci_layout *l, const struct image *image, const char *other_folder, struct error *err);
