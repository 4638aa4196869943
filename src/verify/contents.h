/* What is in the wheels of the lock, each read once from the store. Only the checks of files use this. */
#pragma once

#include "base/arena.h"
#include "lock/lock.h"
#include "python/wheel_contents.h"

struct wheel_read {
	const char *sha256;
	bool has_files, has_objects;
	struct wheel_contents contents;
};

struct contents {
	struct arena arena;
	struct wheel_read **wheels;
	size_t count;
};

void contents_release(struct contents *c);
#define autocontents __attribute__((cleanup(contents_release)))
/* The files a wheel installs; NULL when the store does not have it, or it cannot be read. */
const struct wheel_contents *contents_files(struct contents *c, const struct lock_file *file);
/* Its shared objects; kept in the cache too, as large wheels take seconds. */
const struct wheel_contents *contents_objects(struct contents *c, const struct lock_file *file);
