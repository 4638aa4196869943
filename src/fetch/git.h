/* Trees of git repositories at a full commit, by git as a child, as archives in the store. No hook, filter or attribute of the repository runs or counts, no
   prompt is answered, submodules stay empty. The archive is made of what the commit says alone, so the same commit gives the same bytes everywhere. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "io/digest.h"

/* Puts the tree of "git+<address>@<commit>[#subdirectory=...]" into the store, all of it in one folder, "<name>-<12 digits>". What was made before is not fetched again.
   ERR_NETWORK when the repository cannot be had, ERR_NOT_FOUND when it has no such commit, ERR_INPUT when the reference is none. */
int git_archive(struct arena *a, const char *reference, const char *name, char ret_sha256[DIGEST_HEX_LENGTH + 1], uint64_t *ret_size, struct error *err);
