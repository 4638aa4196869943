/* A tar archive that comes through a pipe, its files written one by one into one folder under names of ours: what the archive calls them reaches no file system. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "io/digest.h"
#include "io/process_pipe.h"

struct unpacked {
	const char *name;   /* as it stands there */
	const char *target; /* of a link, symbolic or hard, as it stands there; else NULL */
	const char *path;   /* of the file; NULL for a link, and for what is larger than the limit */
	int64_t size_bytes;
	char sha256[DIGEST_HEX_LENGTH + 1]; /* where there is a path */
};

/* Every file and link. `limit_bytes`: of a file that is written; 0: none. Texts in `a`. ERR_INPUT when it is no tar archive, `from` its writer. */
int unpack_from(struct arena *a, struct process_pipe *from, const char *folder, int64_t limit_bytes, struct unpacked **ret, size_t *ret_count,
		struct error *err);
