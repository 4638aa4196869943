/* Layers that an engine gave, as files in the store: packed once and for all, so that a registry can be given them at any time. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "io/digest.h"

struct packed {
	char sha256[DIGEST_HEX_LENGTH + 1]; /* of the gzip file in the store */
	uint64_t size_bytes;
};

/* Puts the layer at `path`, a tar archive or that packed by gzip, into the store. `diff_id` is what the engine says of it: ERR_DIGEST when it is another one. */
int pack_layer(const char *path, const char *diff_id, struct packed *ret, struct error *err);
