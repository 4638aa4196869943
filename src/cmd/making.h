/* Building wheels from source as commands do it: what the resolver wants to have, and what a build wants before its Python stages; shared by lock, build and
   bump. */
#pragma once

#include "build/wheels.h"
#include "cmd/command.h"
#include "lock/lock.h"
#include "python/settings.h"
#include "recipe/database.h"

struct making {
	struct command_call *call;
	const struct database *db;
	struct settings *settings;
	struct engine *engine;
	const struct container **containers; /* as a build_request's */
	size_t container_count;
	unsigned at_once;
	bool again; /* also what the store has */
	/* making_one(): locks the Debian packages of a lock, so that its stages are those that are built later; or NULL. */
	int (*lock_system)(void *context, struct lock *lock, struct error *err);
	void *context;
};

/* Puts the archive of a pin, its one file, into the store; that of a git reference gets its size and digest; its path is in the call's arena. */
int making_fetch(const struct making *m, struct pin *pin, const char **ret_path, struct error *err);
/* Builds what the lock has only as source, and writes the working lock when that changed it. What is to be built from must be in the store. */
int making_wheels(const struct making *m, struct lock *lock, struct wheels_outcome *ret, struct error *err);
/* True when the store has a wheel that was built of the pin; it and its path are then as making_one() gives them. */
bool making_has(const struct making *m, const struct pin *pin, struct lock_file *ret_wheel, const char **ret_path);
/* Builds a wheel of a pin that is not in the lock yet, for an environment of a container that asks for it by name, else of the one with the most in it, to learn what it requires. As resolve_options.build. */
int making_one(const struct making *m, const struct lock *lock, struct pin *pin, struct lock_file *ret_wheel, const char **ret_path, struct error *err);
