/* Layers of engines' images as files in the store, packed, known by their diff ids: taken out of the engine once, when a registry wants them. In <cache>/layers/packed/;
   safe to delete at any time. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "engine/engine.h"
#include "image/image.h"

/* Sets digest, type, size and path of the layers that are kept, by their diff ids, and none of those of the others: what an engine says of packed layers is of its own
   storage. In `a`. */
void keep_find(struct arena *a, struct image *image);
/* Whether every layer is kept. */
bool keep_is_whole(const struct image *image);
/* After keep_find(): takes what is missing out of the engine's image `tag` into the store. `temporary` is a folder of the caller's. In `a`. ERR_ENGINE when the engine has
   another image under the tag by now. */
int keep_layers(struct arena *a, struct engine *e, const char *tag, const char *temporary, struct image *image, struct error *err);
