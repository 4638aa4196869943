/* An image of a release that no registry has yet: put together from what the engine says of it, the layers in the store, and those that only the engine has. */
#pragma once

#include "base/error.h"
#include "engine/engine.h"
#include "publish/shelf.h"

/* Sets image->image, with its configuration and a file for every layer that the registry lacks, and its digest. `temporary` is a folder of the caller's. ERR_NOT_FOUND when the
   engine has no such image, ERR_DRIFT when it has another one under the name. */
int assembled_take(struct shelf *s, struct shelf_image *image, struct engine *e, const char *temporary, struct error *err);
