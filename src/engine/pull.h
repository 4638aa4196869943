/* Why an image could not be fetched from its registry, read from what an engine wrote: the same few causes in the words of buildah, docker and BuildKit. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

struct engine;

/* When `line` tells why `image` ("registry/repository@digest") could not be fetched, adds the cause and, on a line of its own, what to do about it to `out`.
   False when it tells of nothing known. */
bool pull_explain(const struct engine *e, const char *image, const char *line, struct strbuf *out);
