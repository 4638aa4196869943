/* The working lock: what 'lockstep lock' leaves for the commands that follow. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "lock/lock.h"

#define WORKING_LOCK ".lockstep/lock.toml"
#define WORKING_URLS ".lockstep/urls.json"

/* Writes .lockstep/lock.toml and .lockstep/urls.json (sha256 -> where the resolver saw the file), each atomically; a file that says this already is not
   touched. *ret_changed (may be NULL): whether the lock's bytes did change. Files without an address are left out of urls.json. */
int working_lock_write(const char *root, const struct lock *lock, bool *ret_changed, struct error *err);
