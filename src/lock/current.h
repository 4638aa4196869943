/* Which lock counts now: the working lock that 'lockstep lock' wrote, else the newest release's, provided it was made from the database as it is. */
#pragma once

#include "base/diag.h"
#include "base/error.h"
#include "lock/lock.h"
#include "recipe/database.h"

/* *ret_from: the file it was read from, relative to the root; a literal. ERR_NOT_FOUND when there is no lock at all; ERR_INPUT when every lock is older than
   the database, or when one that would count is broken (details in d). The lock must be released either way. */
int lock_current(const struct database *db, struct lock *ret, const char **ret_from, struct diag *d, struct error *err);
/* The same; but where none was made from the database as it is, the newest there is, with *ret_fits false: for commands that only look. */
int lock_newest(const struct database *db, struct lock *ret, const char **ret_from, bool *ret_fits, struct diag *d, struct error *err);
