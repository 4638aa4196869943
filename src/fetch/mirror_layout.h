/* Where files lie in a mirror folder (`lockstep fetch --mirror DIR`): simple/<package>/<file> for pip, the archive's own paths below it for apt. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "lock/lock.h"

static inline char *mirror_wheel_path(struct arena *a, const char *package, const char *file)
{
	return arena_printf(a, "simple/%s/%s", package, file);
}

/* `apart`: where another file of this path, of another distribution, was there first. */
static inline char *mirror_deb_path(struct arena *a, const struct lock_deb *deb, bool apart)
{
	return apart ? arena_printf(a, "pool/apart/%s/%s", deb->sha256, deb->file) : arena_strdup(a, deb->path);
}

static inline char *mirror_archive_path(struct arena *a, const struct lock_archive *archive)
{
	return arena_printf(a, "archives/%s/%s", archive->sha256, archive->name);
}
