/* Locking as commands do it: reads what was locked last, which packages may move, and asks the resolver; shared by lock and bump. */
#pragma once

#include "cmd/command.h"
#include "engine/engine.h"
#include "lock/lock.h"
#include "python/settings.h"
#include "recipe/database.h"
#include "release/release.h"
#include "resolve/resolve.h"

/* The rows of the options table that the functions below read. */
#define RELOCK_OPTIONS                                                                                                                                         \
	{"upgrade", 'U', NULL, false, "take the newest version of everything that the recipes allow"},                                                         \
		{"upgrade-package", 'P', "NAME", true, "take the newest version of this package, and of others only what it needs"},                           \
		{"upgrade-system", 0, NULL, false, "take the Debian packages that their mirrors have now"},                                                    \
	{                                                                                                                                                      \
		"at", 0, "DATE", false, "look only at what was uploaded by the end of this day (UTC), or before this instant; what is newer goes back"         \
	}

/* Zeroed, with `call` and `db` set, is ready; relock_release() in any case. */
struct relock {
	struct command_call *call;
	const struct database *db;
	struct settings settings;
	struct release release; /* the newest; its name is NULL when there is none */
	struct lock working;    /* what `lockstep lock` left, when there is no release to go by */
	struct lock result;
	const struct lock *last; /* what is preferred, or NULL; into release or working */
	const char *last_name;   /* "v0.3", or how else it is called */
	bool without_holds;      /* to be set: as if the database had none; what they hold may move then */
	bool unchanged;          /* the result is the last lock, byte for byte */
	struct engine engine;    /* when something had to be built to learn what it requires; else its driver is NULL */
};

void relock_release(struct relock *r);
#define autorelock __attribute__((cleanup(relock_release)))

/* Reads the settings and the newest release; before there is one, what was locked before. */
int relock_read_last(struct relock *r, struct error *err);
/* EXIT_DONE, or EXIT_USAGE after saying what is wrong with --at. */
int relock_check_use(const struct command_call *call);
/* True when an option asks that something moves. */
bool relock_is_asked(const struct command_call *call);
/* Resolves, with the options of RELOCK_OPTIONS; after relock_read_last(). Problems are printed. */
int relock_resolve(struct relock *r, struct error *err);
