/* A container's own Python, kept outside of its image: the few files of it that compiling takes, byte for byte, in a folder of their own below <cache>/pythons/. There it
   runs in a moment and without an engine, cut off from the network and from everything else of this machine, as a user who owns nothing. Known by who it is
   (struct interpreter), and only kept where it says the same of itself there as in its image. Safe to delete at any time. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "layer/interpreter.h"

/* Whether it is kept, and this process may run it: only root may. */
bool kept_python_is_there(const struct interpreter *i);
/* Runs it. It must be there. ERR_ENGINE when it does not run, and when there is a source that it cannot compile: that is for the image itself to say. In `a`. */
struct layer_runner *kept_python_runner(struct arena *a, const struct interpreter *i);
/* Takes it out of an image that `image` runs programs in. What cannot be kept is not tried again; that is no error. ERR_CANCELLED. */
int kept_python_take(const struct layer_runner *image, const struct interpreter *i, struct error *err);
