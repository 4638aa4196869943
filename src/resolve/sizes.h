/* Sizes that an index does not give on its pages (PEP 503 has no place for them): taken from the last lock, else asked of the files' server. */
#pragma once

#include "base/error.h"
#include "lock/lock.h"
#include "python/settings.h"

/* Fills the size of every file that has none. ERR_NETWORK or ERR_HTTP, naming the file, when its server does not say. */
int sizes_fill(struct lock *lock, const struct lock *last, const struct settings *settings, struct error *err);
