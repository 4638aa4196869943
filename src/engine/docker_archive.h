/* The archive that `docker load` reads and `docker save` writes (moby, image/spec/v1.2): configurations, layers as archives in it, and a manifest.json that names
   them. The daemon looks for each layer by those below it before it opens its file, so an archive may leave out what it has. Knows no daemon. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "image/image.h"
#include "io/process_pipe.h"
#include "io/unpack.h"

/* Writes the archive of an image whose lowest `has` layers are left out. */
int docker_archive_write(struct process_pipe *to, const struct image *image, size_t has, const char *tag, struct error *err);

/* An archive's one image, with config and layers; with `with_layers` each has its file, named by its digest in `folder`, where nothing else stays. ERR_INPUT names what is wrong;
   ERR_DIGEST when a layer is not what the configuration says. */
int docker_archive_read(struct arena *a, struct process_pipe *from, const char *folder, bool with_layers, struct image *ret, struct error *err);
