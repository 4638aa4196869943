/* What the reviewer's commands share: finding releases and containers by name, and printing a report. */
#pragma once

#include "cmd/command.h"
#include "recipe/database.h"
#include "release/release.h"
#include "report/report.h"

/* ERR_NOT_FOUND, with the nearest name, when neither lock has the container; `b` may be NULL. */
int reading_check_container(const char *container, const struct release *a, const struct release *b, struct error *err);
/* The options a call asks for, coloured as stdout can show. */
struct report_options reading_options(const struct command_call *call);

/* A lock to be looked at, with the database where that is what it was made from. Zeroed is valid; reading_lock_release() in any case. */
struct reading_lock {
	const struct lock *lock;
	const char *from;            /* "v0.2", ".lockstep/lock.toml" */
	const struct database *made; /* NULL: recipes/ say something else by now, or cannot be read */
	struct release release;
	struct lock current;
	struct database db;
};
void reading_lock_release(struct reading_lock *r);
#define autoreading __attribute__((cleanup(reading_lock_release)))
/* The release that --release names; else the lock that counts now, and where recipes/ changed since, the newest there is: a note on stderr says so. */
int reading_lock(struct command_call *call, struct reading_lock *ret, struct error *err);
/* The container of a lock; NULL with ERR_NOT_FOUND and the nearest name when it has none of that name. */
const struct lock_container *reading_container(const struct reading_lock *r, const char *name, struct error *err);
#define READING_RELEASE_OPTION                                                                                                                                 \
	{                                                                                                                                                      \
		"release", 'r', "RELEASE", false, "look at this release: v0.2, or latest; else at what is locked now"                                          \
	}
