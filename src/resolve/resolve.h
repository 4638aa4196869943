/* Database -> lock. A resolver (uv, or pip) searches, once for all containers together; this module writes its question, reads its answer, and takes each
   container's part from it (resolver.h tells how). Knows nothing of images, files on disk other than its own temporary folder, or how a lock is written down. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/error.h"
#include "lock/lock.h"
#include "python/settings.h"
#include "recipe/database.h"

/* Zeroed: keep what the last lock has wherever that is possible, and look at everything that is there now. */
struct resolve_options {
	bool upgrade_all;
	bool without_holds;                                   /* as if the database had none */
	const char *const *upgrade_packages;                  /* canonical names, NULL-terminated, or NULL: these may move, and what they drag along */
	int64_t cut_off_unix;                                 /* nothing uploaded at or after this is looked at; 0: what uv's own settings say, else now */
	void (*on_progress)(void *context, const char *text); /* what is being done, in a few words; or NULL */
	/* A package that is at several versions, as is declared or within one container, where they are, and why no one version will do; or NULL */
	void (*on_split)(void *context, const char *text);
	void *context;
	/* For what has to be built from source; either may be NULL: then nothing is. `have` puts a pin's one file, an archive, into reach, and gives its path; the
	   tree of a git reference gets its size and digest by that. `build`
	   builds a wheel of the pin, whose archive is there, for an environment of `lock` (which has environments, containers and toolchains so far), to
	   learn what it requires: the wheel, and where it lies; the pin gets the build requirements that turned up. Both take `context`. */
	int (*have)(void *context, struct pin *pin, const char **ret_path, struct error *err);
	int (*build)(void *context, const struct lock *lock, struct pin *pin, struct lock_file *ret_wheel, const char **ret_path, struct error *err);
};

/* Resolves everything that the database asks for. `last` (or NULL) is preferred version by version. When the result has exactly its pins and no cut-off
   is asked for, its cut-off date is kept, so that nothing that has not changed looks changed. The built-in address of the default index is added to the settings when it is needed. Needs the
   project's `.lockstep` folder to itself (the project lock). -1: ERR_CONFLICT, ERR_NOT_FOUND or ERR_INPUT with the places in the database in `clash`;
   ERR_NETWORK or ERR_HTTP, naming the index by its alias, when one cannot be asked; ERR_CANCELLED. `clash` may hold warnings after success: releases passed
   over because no file of theirs can be used. */
int resolve_lock(const struct database *db, struct settings *settings, const struct lock *last, const struct resolve_options *o, struct lock *ret,
		 struct diag *clash, struct error *err);

/* Locks anew what builds a pin of a lock that has an archive: its build requirements become these (as written), in `lock`, for every environment that it is built
   in. As resolve_lock(). */
int resolve_build(const struct database *db, struct settings *settings, const struct lock *last, const struct resolve_options *o, struct lock *lock,
		  const struct pin *pin, const char *const *requirements, size_t count, struct diag *clash, struct error *err);

/* Reads the files that problems are in, so that the lines in question can be shown. */
void resolve_add_sources(const struct database *db, struct diag *d);

/* Where the file with a digest lies, or NULL (it is then left out of the check). Lives until the next call. */
typedef const char *(*resolve_lookup)(void *context, const char *sha256);
/* Checks each container's part of a lock, and each toolchain's, without the resolver's word: every Requires-Dist of every fetched wheel that holds in the
   environment (PEP 508), with the extras asked for, must be satisfied inside it, and so must Requires-Python; and it must
   be of the package and version that its file name says. ERR_DRIFT, with each gap as a problem in `d`;
   ERR_INPUT for a broken wheel. */
int resolve_check_closure(const struct lock *lock, resolve_lookup lookup, void *context, struct diag *d, struct error *err);
