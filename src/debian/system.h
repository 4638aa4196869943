/* Database -> the Debian packages of a lock. apt resolves them, as it would in each base and in each stage on it, from the archives that this machine's apt
   knows, or that a base's image names; this module asks, checks what it answers, and keeps what the last lock has. Builds nothing. */
#pragma once

#include <stdbool.h>

#include "base/diag.h"
#include "base/error.h"
#include "lock/lock.h"
#include "recipe/database.h"

struct engine;

struct system_options {
	bool upgrade;                                                             /* take what the archives have now, whatever the last lock has */
	int (*open_engine)(void *context, struct engine *ret, struct error *err); /* finds the one that images are asked through */
	void *open_context;
	const char *ca_file;                                  /* certificates for mirrors where apt names none; or NULL */
	void (*on_progress)(void *context, const char *text); /* what is being done, in a few words; or NULL */
	void *context;
};

/* Fills `debs` of a lock whose containers are there, and `debian` of these. What was asked before and is answered in `last` (or NULL) is taken from there, without
   asking apt; what is new is resolved with the versions that `last` has. ERR_CONFLICT, ERR_NOT_FOUND or ERR_INPUT with places in the database in `d` when apt
   refuses; ERR_NETWORK when no mirror answers; ERR_NOT_FOUND without apt; as image_read() where an image is to be asked. Nothing is locked where LOCKSTEP_SYSTEM_PACKAGES is "unlocked". */
int system_lock(const struct database *db, const struct lock *last, const struct system_options *o, struct lock *ret, struct diag *d, struct error *err);
/* Every container whose Debian packages can be locked is; true also where nothing is to be locked. */
bool system_is_complete(const struct database *db, const struct lock *lock);
/* The Debian packages of a container are locked. */
bool system_is_locked(const struct lock *lock, const char *container);
