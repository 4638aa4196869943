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
	const char *invert; /* canonical: who requires it; or NULL */
	size_t depth;       /* levels below the packages that stand outermost; SIZE_MAX: all */
};

/* Appends it as text or JSON. ERR_NOT_FOUND, with the nearest name, when `invert` is not in the container. */
int report_tree(struct arena *a, const struct tree *tree, const struct report_options *options, struct strbuf *out, struct error *err);
