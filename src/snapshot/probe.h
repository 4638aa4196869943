/* Asks a built image: runs probe.py, which is part of this program, with the image's own system Python, and reads its JSON answer. Nothing is left in the
   image. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "io/json.h"
#include "recipe/database.h"

struct engine;

/* Sends `request` (JSON) to probe.py in a throw-away container of the image. The answer lives in `a`. ERR_ENGINE when it cannot run, says why it failed, or
   answers nonsense. */
int probe_ask(struct arena *a, struct engine *e, const char *image, const struct container *c, const struct strbuf *request, struct value **ret_answer,
	      struct error *err);
/* Writes a layer's probes that hold for the use as an array of {name, files, commands}, options filled in. */
void probe_add_all(struct arena *a, struct json_writer *w, const struct layer_use *use, const struct layer_probe *probes, size_t count);
