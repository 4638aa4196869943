/* Layers that were made: each once, ever. <cache>/layers/<2 hex>/<key> says of a key which layer it is; the layer itself lies in the store by its digest. Both may be
   deleted at any time; the same bytes are made again. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "layer/layer.h"

/* SHA-256 over everything that can change a layer's bytes: the wheels' own digests (in the order of `request`), how and where each is installed, the time, the form. */
void layer_key(const struct layer_request *request, char ret_hex[DIGEST_HEX_LENGTH + 1]);

/* The layer of the request, if it was made and is there. */
bool layer_known(const struct layer_request *request, struct layer_made *ret);
/* The layer of the request, from the store or made now. *ret_made says which (may be NULL). ERR_INPUT as layer_write(); ERR_BUSY when another process makes it;
   ERR_NOT_FOUND when sources are to be compiled and bytecode_make() was not asked to. */
int layer_take(const struct layer_request *request, struct layer_made *ret, bool *ret_made, struct error *err);
