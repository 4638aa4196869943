/* Images in and out of docker's daemon. Of docker.c alone. */
#pragma once

#include "engine/engine.h"

int docker_describe(struct engine *e, const char *tag, struct image *ret, struct error *err);
int docker_save(struct engine *e, const char *tag, const char *folder, struct image *ret, struct error *err);
int docker_common(struct engine *e, const struct image *images, size_t count, size_t *ret, struct error *err);
int docker_load(struct engine *e, const struct image *image, size_t has, const char *tag, const char *temporary, struct error *err);
