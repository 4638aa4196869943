/* Fetching as commands do it: the files of a lock from the indexes, its Debian packages from the archives that this machine's apt knows. */
#pragma once

#include "cmd/command.h"
#include "fetch/fetch.h"
#include "lock/lock.h"
#include "recipe/database.h"

/* Everything the lock's containers install on this machine, into the store. Warns on stderr of mirror folders that LOCKSTEP_MIRROR names and that are not there. */
int fetching_run(const struct command_call *call, const struct database *db, const struct lock *lock, const struct settings *settings,
		 const struct fetch_options *options, struct fetch_result *ret, struct error *err);
/* The lock's parts are looked at a second time, by what the wheels in the store say themselves (resolve_check_closure()); problems are printed. */
int fetching_check_closed(const struct lock *lock, struct error *err);
/* The next of the mirror folders ("DIR:DIR", NULL: none) that is not there, in `a`; NULL when there is no more. *folders moves behind it. */
const char *fetching_missing_mirror(struct arena *a, const char **folders);
