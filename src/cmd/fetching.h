/* Fetching as commands do it: the files of a lock from the indexes, its Debian packages from the archives that this machine's apt knows. */
#pragma once

#include "cmd/command.h"
#include "fetch/fetch.h"
#include "lock/lock.h"
#include "recipe/database.h"

int fetching_run(const struct command_call *call, const struct database *db, const struct lock *lock, const struct settings *settings,
		 const struct fetch_options *options, struct fetch_result *ret, struct error *err);
