/* Asks a built image: runs probe.py, which is part of this program, with the image's own system Python, and reads its JSON answer. Nothing is left in the
   image. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "io/json.h"
#include "recipe/database.h"

struct engine;

struct probe_question {
	const struct container *container;
	const char *image;
	struct strbuf request; /* JSON; the caller's */
	struct value *answer;
};

/* Sends each request to probe.py in a throw-away container of its image, several at once. The answers live in `a`. ERR_ENGINE, naming the container, when one cannot
   run, says why it failed, or answers nonsense. */
int probe_ask(struct arena *a, struct engine *e, struct probe_question *questions, size_t count, struct error *err);
/* Writes a layer's probes that hold for the use as an array of {name, files, commands}, options filled in. */
void probe_add_all(struct arena *a, struct json_writer *w, const struct layer_use *use, const struct layer_probe *probes, size_t count);
/* Writes "verify": the verify commands of all layers of a container; gives how many recipes have. */
size_t probe_add_verify(struct arena *a, struct json_writer *w, const struct container *c);
