/* OCI layers made of wheels, without unpacking them to disk and without compressing again (image-spec, "Image Layer Filesystem Changeset"). The same wheels with the
   same request give the same bytes on any machine: sorted, owner 0, one time for all, every parent folder with the same header. One pass, in little memory; the CRC
   of every member is checked before the layer is anything. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "io/digest.h"
#include "layer/install.h"

/* The format of what is made: goes into the key of a layer, and counts up when the bytes change. */
#define LAYER_FORM "2"

struct bytecode;

struct layer_wheel {
	const char *path;   /* of the .whl */
	const char *sha256; /* of it; for the key of a layer */
	struct install_options options;
	/* Wheels of the same image, in whichever layer, whose files are there instead of this one's where both own a path: those of this one are left out. */
	const struct layer_wheel *const *overwritten_by;
	size_t overwritten_by_count;
};

enum layer_packing {
	LAYER_GZIP, /* every engine reads it; the wheels' own streams */
	LAYER_ZSTD  /* packed anew: smaller and faster to unpack; the bytes depend on the version of libzstd, and so does the key */
};

struct layer_request {
	const struct layer_wheel *wheels;
	size_t wheel_count;
	const struct install_place *place;
	int64_t modified_unix;           /* of every file; SOURCE_DATE_EPOCH, or what stands for it */
	const struct bytecode *bytecode; /* how sources are compiled (layer/bytecode.h), or NULL */
	enum layer_packing packing;
};

struct layer_made {
	char digest[DIGEST_HEX_LENGTH + 1];  /* of the packed file */
	char diff_id[DIGEST_HEX_LENGTH + 1]; /* of the tar archive in it */
	uint64_t packed_bytes, plain_bytes;  /* of both */
	uint64_t installed_bytes;            /* of the files */
	size_t file_count;
};

/* Writes the layer to `fd`, which `path` names in messages. ERR_INPUT names the wheel, the member and the reason, also where two wheels have one file: *ret is then
   untouched, and what was written is to be thrown away. */
int layer_write(const struct layer_request *request, int fd, const char *path, struct layer_made *ret, struct error *err);
