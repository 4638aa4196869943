/* Each asker's part of uv's answer: what its wishes reach, markers and extras evaluated for its environments. No second search, so all askers agree by
   construction. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/error.h"
#include "lock/lock.h"
#include "resolve/question.h"
#include "resolve/uv_files.h"
#include "resolve/uv_lock.h"

/* A version of a package that cannot be used in some environment that needs it. */
struct misfit {
	const char *name, *version;
	const struct asker *asker; /* the first one found */
	const struct lock_environment *environment;
	size_t file_count;           /* how many there are, none of which fits */
	const char *requires_python; /* the file that fits otherwise does not take the environment's Python; NULL: none fits */
};

/* A package that is bound to one place, and was taken from elsewhere. */
struct stray {
	const char *name;
	const struct lock_environment *environment;
	const char *said; /* the sentence for people */
};

struct projection {
	struct pin *pins;
	size_t pin_count;
	struct misfit *misfits; /* when there are any, the pins are of no use */
	size_t misfit_count;
	struct stray *strays; /* the same */
	size_t stray_count;
};

/* The pins live in `a`; edges name the version they lead to always. ERR_CONFLICT when an environment would get a package twice; ERR_NOT_FOUND for a file
   without a SHA-256. */
int projection_make(struct arena *a, const struct question *q, const struct uv_lock *answer, const struct uv_indexes *indexes, struct projection *ret,
		    struct error *err);
