/* containers-storage: where buildah and podman keep images, layers and working containers, and what both do alike. Images get in by way of an OCI layout on disk, in
   which layers that are there stand by their diff ids, without a file; the storage finds them by these, and a layer's own id tells what is below it. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "engine/ask.h"
#include "engine/engine.h"
#include "engine/words.h"
#include "image/image.h"
#include "io/value.h"

#define STORAGE_COMMAND(e, ...) ask_argv((e), (const char *const[]){__VA_ARGS__, NULL})

/* Of struct engine_driver. `info_format`: the template that has `info` tell how files are kept, and where, and in a line of their own the options of that. */
int storage_probe(struct engine *e, const char *info_format, struct error *err);

/* Adds what takes the network away from the command behind it, where we can. */
void storage_cut_off(struct engine *e, struct words *w);
/* What the client keeps with each working container of a build of ours, and of nobody else's. */
const char *storage_build_mark(struct engine *e);
/* Of struct engine_driver; `begin` is the argv up to "build" and the option with the mark. */
void storage_build(struct engine *e, const char *const *begin, const struct engine_build *build, const char *const **ret_argv,
		   const char *const **ret_environment);
void storage_read_line(const char *line, size_t length, struct engine_line *ret);

int storage_tag(struct engine *e, const char *from, const char *to, struct error *err);
int storage_untag(struct engine *e, const char *tag, struct error *err);
/* True for the client's complaint that there is no such image. */
bool storage_is_unknown(const struct error *err);

/* An image's configuration and manifest, as they were read, become one. `id` is "sha256:..." and the digest of the configuration. */
struct storage_texts {
	const char *id, *config, *manifest;
};
int storage_read_image(struct engine *e, const char *tag, const struct storage_texts *texts, struct image *ret, struct error *err);
/* The storage's own list of its images, in `a`. */
int storage_images(struct engine *e, struct arena *a, struct value **ret, struct error *err);
/* What the storage's files say of an image, without its client, which takes 15 ms and more to start. */
enum storage_word {
	STORAGE_UNSURE, /* nothing: the client has to be asked */
	STORAGE_HAS,
	STORAGE_LACKS,
};
enum storage_word storage_look(struct engine *e, const char *tag, struct image *ret);
/* As inspect() tells of it. */
int storage_tell(struct engine *e, const char *tag, const struct image *image, struct engine_image *ret, struct error *err);
/* The texts of an image as files of the storage; the id is set. */
int storage_find_texts(struct engine *e, struct storage_texts *texts, struct error *err);

/* Of struct engine_driver. `push` is the client's argv that writes an image with layers as they are to the place that is put behind it. */
int storage_save(struct engine *e, const char *tag, const char *const *push, const char *folder, struct image *ret, struct error *err);
int storage_load(struct engine *e, const struct image *image, size_t has, const char *tag, const char *temporary, struct error *err);
/* Removes images that loads of processes that are gone left half named. */
int storage_clean(struct engine *e, struct error *err);
