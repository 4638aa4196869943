/* Waivers, and packages that overwrite others, of the database that a lock has no use for. */
#pragma once

#include "base/diag.h"
#include "lock/lock.h"
#include "recipe/database.h"

/* Warns of each waiver whose package the lock has not, or not at one of its versions: what it says is of no use any more, or its name is misspelt. Whether the
   package does require what is waived is known once its files are there (resolve_check_closure). */
void waivers_check(const struct database *db, const struct lock *lock, struct diag *d);
/* Warns of each declaration that a package overwrites another (package_overwrites()) where no container has both. */
void overwrites_check(const struct database *db, const struct lock *lock, struct diag *d);
