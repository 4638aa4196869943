/* Sources: releases that have no wheel which fits, and that lockstep builds one of. Nothing of a source is ever run on this machine. uv is told of one by a stub,
   a wheel for every platform that holds its metadata and nothing else, in a folder beside the question; what uv picks of them is turned back into the archive.
   The metadata is what the archive says for certain; where only its build tells, the wheel is built in a container's system stage first, by whoever
   calls the resolver. */
#pragma once

#include "lock/lock.h"
#include "python/sdist.h"
#include "resolve/projection.h"
#include "resolve/resolve.h"
#include "resolve/search.h"

struct source {
	const char *name, *version;
	const char *index, *reference; /* as a pin's */
	struct lock_file archive;
	struct lock_file *wheels; /* those that its index has for some */
	size_t wheel_count;
	const char **build_requires; /* as written, sorted */
	size_t build_require_count;
	struct lock_file *built; /* wheels that were built of it already, by the last lock or to learn its metadata */
	size_t built_count;
	const char *stub; /* path */
};

struct sources {
	struct arena *arena; /* of the resolver: the result copies what it takes */
	struct search *search;
	const struct resolve_options *options;
	const struct lock *last;
	struct source *items;
	size_t count;
	const char **looked_at; /* "name==version" that were listed and are of no use, or offered */
	size_t looked_at_count;
	/* Builds a wheel to learn the metadata of: the lock so far. */
	struct lock *lock;
	const char *folder; /* of the stubs; NULL: none yet */
};

/* The source behind a version that uv picked, or NULL. */
const struct source *sources_find(const struct sources *s, const char *name, const char *version);
/* What was offered last of a package, or NULL. */
const struct source *sources_latest(const struct sources *s, const char *name);
/* Looks for the newest release of a package, not looked at yet, that the question's constraints take and that has an archive, and offers it: *ret_offered. What
   the last lock had comes first. -1 when it cannot be read, or its metadata cannot be learnt. */
int sources_offer(struct sources *s, const struct question *q, const char *name, bool *ret_offered, struct error *err);
/* 1: something more is offered, so that asking again may find an answer; 0: there is no more. First what uv found only archives of, then what was passed over for
   wheels that do not fit. */
int sources_offer_for(struct sources *s, const struct question *q, const struct search_refusal *refusal, const struct misfit *misfits, size_t misfit_count,
		      struct error *err);
struct lock_file source_copy_file(struct arena *a, const struct lock_file *f);
/* What the last lock has as source is preferred as any other version is: it is offered before anything is asked. */
int sources_offer_last(struct sources *s, const struct question *q, struct error *err);
/* What the database takes from one place as source, git or an archive, is built as declared: each bond of the question gets its stub. */
int sources_offer_references(struct sources *s, struct question *q, struct error *err);
/* Gives a pin the archive, its build requirements, and the wheels that were built of it. In `a`. */
void source_fill_pin(struct arena *a, const struct source *source, struct pin *pin);
