/* The archives that layers unpack, as a lock has them: a recipe says their addresses and digests, only their sizes have to be asked for. */
#pragma once

#include "base/error.h"
#include "lock/lock.h"
#include "python/settings.h"
#include "recipe/database.h"

/* Fills `archives` of a lock. `last` (or NULL) knows sizes already. ERR_NETWORK or ERR_HTTP when one cannot be asked for. */
int archives_lock(const struct database *db, const struct settings *settings, const struct lock *last, struct lock *ret, struct error *err);
