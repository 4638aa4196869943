/* The part of a mirror folder that apt reads: an archive of the Debian packages that a lock needs, pool/ and dists/<suite>/ with Packages and Release. It is not
   signed, so apt wants [trusted=yes]. */
#pragma once

#include "base/error.h"
#include "fetch/simple_index.h"
#include "lock/lock.h"
#include "recipe/database.h"

/* Puts every Debian package of the lock, all of which are in the store, below `folder`, and writes the lists of their suites, which keep what they named before.
   Adds to the counts. */
int pool_write(const struct database *db, const struct lock *lock, const char *folder, struct mirror_counts *ret, struct error *err);
