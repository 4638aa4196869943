/* The compiled sources of wheels (.pyc), made by the container's own Python, as pip's --compile makes them. Each source is compiled once for a wheel, a place, an
   interpreter and a mode, ever: what was made lies in the store, as a zip archive of the files that are then installed with the wheel, and <cache>/bytecode/ knows it
   by key.

   What build/ does: once per system image interpreter_ask(), whose answer it keeps; for the layers that layer_known() does not know bytecode_make(), which runs the
   image's Python by way of a layer_runner; then layer_take(). Or layer_take_all(), which does all of it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "layer/interpreter.h"
#include "layer/layer.h"

enum bytecode_mode {
	BYTECODE_PIP, /* with the time and the size of the source, as pip leaves them to Python */
	BYTECODE_HASH /* with the hash of the source, never checked against it (PEP 552) */
};

/* How a container's sources are compiled. Two layers that differ in it differ in their key. */
struct bytecode {
	enum bytecode_mode mode;
	const char *identity; /* of the interpreter */
};

/* "pip", "hash"; false for "none" and any other word. */
bool bytecode_mode_read(const char *word, enum bytecode_mode *ret);

/* The archive of a wheel of the request, in the store; NULL when it was not made yet. In `a`. */
const char *bytecode_find(struct arena *a, const struct layer_request *request, const struct layer_wheel *wheel);

/* Compiles the sources of all wheels of these requests that need it, many in one run of the image's Python, whose memory and ours stay small: what is too much for
   one run is done in several. What a Python cannot compile is left out, as pip does it. ERR_INPUT names the wheel and the source that is broken, or that ended the
   compiler; ERR_ENGINE when the image's Python cannot be run or answers nonsense. */
int bytecode_make(const struct layer_request *requests, size_t count, const struct layer_runner *runner, struct error *err);

/* For keys: everything of this program's that can change what is made. */
const char *bytecode_form(void);
