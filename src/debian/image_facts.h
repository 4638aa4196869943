/* Taking what counts for apt out of an image, checking it, and writing it down: a folder with architectures, sources, left-out, status (each text), and keys/,
   trusted.gpg.d/, preferences.d/. Inside debian/ only; image.h reads it. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

struct engine;

/* `folder` stands there when all of it does. ERR_INPUT for an image that says what no dpkg and no apt would. */
int image_facts_take(struct engine *e, const char *image, const char *folder, struct error *err);
/* Of a stanza of dpkg's status: the package is there, and not only its settings. */
bool image_facts_is_installed(struct arena *a, const char *stanza);
