/* The dependency tree of a container: from its groups down, or from a package up to what wants it. */
#pragma once

#include "base/error.h"
#include "lock/lock.h"
#include "recipe/database.h"
#include "report/report.h"

struct tree {
	const struct lock *lock;
	const char *from;          /* ".lockstep/lock.toml", "v0.2" */
	const struct database *db; /* what the lock was made from, or NULL */
	const struct lock_container *container;
	const char *environment; /* one that the container is locked for; NULL: the one it is built for */
	const char *invert;      /* canonical: who requires it; or NULL */
	size_t depth;            /* levels below the packages that stand outermost; SIZE_MAX: all */
};

/* Appends it as text or JSON, and what other environments of the container have besides. ERR_NOT_FOUND when the container is not locked for `environment`,
   and, with the nearest name or the environments that have it, when `invert` is not there. */
int report_tree(struct arena *a, const struct tree *tree, const struct report_options *options, struct strbuf *out, struct error *err);
