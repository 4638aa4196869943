/* Asking and verifying images as commands do it; shared by snapshot, verify and bump. */
#pragma once

#include "base/arena.h"
#include "cmd/command.h"
#include "engine/engine.h"
#include "lock/lock.h"
#include "recipe/database.h"
#include "snapshot/snapshot.h"
#include "verify/verify.h"

/* The containers and, for each, the image that is asked and what it said. Zeroed is valid; inspect_release() in any case. */

struct release;

struct inspect {
	const struct container **containers; /* by name */
	const char **images;
	struct snapshot *snapshots; /* owned */
	size_t count;
	bool verifies; /* the verify commands are run when the images are asked */
	bool is_asked; /* the snapshots are taken */
	struct relation_results results;
};

void inspect_release(struct inspect *i);
#define autoinspect __attribute__((cleanup(inspect_release)))

/* Takes the containers named by the call's arguments, all without any. In the call's arena. */
int inspect_containers(struct inspect *i, struct command_call *call, const struct database *db, struct error *err);
/* After it: finds the image of each: the one given with --image; else the newest release's
   when `lock` is that release's; else the one that was built last from `lock`. ERR_NOT_FOUND, saying what to do, when the engine has no such image. In the
   call's arena. */
int inspect_choose(struct inspect *i, struct command_call *call, const struct database *db, const struct lock *lock, const char *lock_from, struct engine *e,
		   struct error *err);
/* Asks every image; prints a line of progress for each unless quiet. Python layers that `hashed` has, too, are not hashed again; NULL: everything is. */
int inspect_snapshot(struct inspect *i, const struct command_call *call, const struct database *db, struct engine *e, const struct release *hashed,
		     struct error *err);
/* Checks the relations whose bits are in `asked`; those that need images only after inspect_snapshot(), those that need indexes only with `settings`. With
   `probes` also the verify commands of the layer recipes. */
void inspect_verify(struct inspect *i, const struct command_call *call, const struct database *db, const struct lock *lock, struct engine *e, bool probes,
		    struct settings *settings, unsigned asked);
/* Looks into the wheels of these containers, which must be in the store: ERR_CONFLICT when some would overwrite each other's files, as images of them are not what the
   lock says. What else is found is told of on stderr. */
int inspect_wheels(const struct command_call *call, const struct database *db, const struct lock *lock, const struct container **containers, size_t count,
		   struct error *err);
/* Findings of one relation as lines for people. */
void inspect_print(const struct relation_result *r, size_t indent, FILE *out);

/* What a command that asks images does: checks the use of --image, opens the database, calls `ask` with it and with an empty lock to fill, and releases both.
   Returns what `ask` does, or EXIT_USAGE. */
typedef int (*inspect_ask)(struct command_call *call, const struct database *db, struct lock *lock, struct error *err);
int inspect_run(struct command_call *call, inspect_ask ask, struct error *err);
