/* containers-storage: where buildah and podman keep images, layers and working containers, and what both do alike. Images get in by way of an OCI layout on disk, in
   which layers that are there stand by their diff ids, without a file; the storage finds them by these, and a layer's own id tells what is below it. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "engine/engine.h"
#include "image/image.h"

/* The client's argv for `rest`, with its options, in e->arena. */
const char *const *storage_command(struct engine *e, const char *const *rest);
#define STORAGE_COMMAND(e, ...) storage_command((e), (const char *const[]){__VA_ARGS__, NULL})

/* Asks how files are kept, and where, by a template for `info`; sets storage, storage_driver, options and note. -1 when the storage does not open. */
int storage_settle(struct engine *e, const char *info_format, struct error *err);

int storage_tag(struct engine *e, const char *from, const char *to, struct error *err);
int storage_untag(struct engine *e, const char *tag, struct error *err);
/* True for the client's complaint that there is no such image. */
bool storage_is_unknown(const struct error *err);

/* An image's configuration and manifest, as they were read, become one. `id` is "sha256:..." and the digest of the configuration. */
struct storage_texts {
	const char *id, *config, *manifest;
};
int storage_read_image(struct engine *e, const char *tag, const struct storage_texts *texts, struct image *ret, struct error *err);
/* The texts of an image as files of the storage; the id is set. */
int storage_find_texts(struct engine *e, struct storage_texts *texts, struct error *err);

/* Of struct engine_driver. `push` is the client's argv that writes an image with layers as they are to the place that is put behind it. */
int storage_save(struct engine *e, const char *tag, const char *const *push, const char *folder, struct image *ret, struct error *err);
int storage_load(struct engine *e, const struct image *image, size_t has, const char *tag, const char *temporary, struct error *err);
/* Removes images that loads of processes that are gone left half named. */
int storage_clean(struct engine *e, struct error *err);
