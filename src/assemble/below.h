/* System images: what the engine built of a container, below its Python layers. What was asked of one once is kept by its key, so that layers are made and images put
   together without asking again, and where all of its layers are kept too, without the engine. In <cache>/layers/; safe to delete at any time. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "engine/engine.h"
#include "image/image.h"

struct interpreter;
struct layer_runner;

struct below {
	const char *key;                       /* of the last of its stages */
	const struct interpreter *interpreter; /* its Python: where it installs to and who it is; NULL: it has no virtual environment */
	struct image image;                    /* of its layers those that are kept have a digest, a type, a size and a path */
};

/* What is kept of it. False when that is nothing, or not readable. In `a`. */
bool below_recall(struct arena *a, const char *key, struct below *ret);
/* Asks the engine what its image `tag` is made of, and, once for a key, the Python at `python` in it (NULL: it has none) where it installs to; keeps the answers.
   Of the `id` that the engine just gave it, or NULL, nothing is asked that is kept. ERR_ENGINE; ERR_NOT_FOUND when there is no such image. In `a`. */
int below_ask(struct arena *a, struct engine *e, const char *tag, const char *id, const char *key, const char *python, struct below *ret, struct error *err);
/* Runs programs of an image, for layer/. The engine and the tag must live as long as `a`. */
struct layer_runner *below_runner(struct arena *a, struct engine *e, const char *tag);
/* Whether every layer is kept as a file, so that no engine is needed to push it. */
bool below_is_kept(const struct below *b);
/* Takes the layers out of the engine's image into the store, packed, those that are not there yet. `temporary` is a folder of the caller's. In `a`. */
int below_keep(struct arena *a, struct engine *e, const char *tag, const char *temporary, struct below *b, struct error *err);
