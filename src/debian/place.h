/* One place that packages come from, a suite with its components for one machine: what apt would install on what is installed there, with the versions that a
   lock has. Opened when it is asked the first time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "debian/apt_root.h"
#include "lock/lock.h"

struct access;
struct base;
struct image;
struct system_step;

/* A package of the last lock that its archives no longer have, while the store does. */
struct place_local {
	const struct lock_deb *deb;
	struct deb_record record;
};

struct place {
	struct arena *arena;
	const struct base *base;
	const struct image *image; /* what the base has, where that is an image of a registry; else NULL */
	const struct access *access;
	const struct lock_deb **kept; /* versions that are not to move */
	size_t kept_count;
	struct place_local *locals;
	size_t local_count;
	struct apt_root root;
	bool is_open;
};

/* After `arena`, `base`, `image`, `access` and `kept` were set; fine when it is open. */
int place_open(struct place *p, struct error *err);
void place_close(struct place *p);

/* The record of a package of the last lock: from the archives, else from the store. ERR_NOT_FOUND, saying what to do, when neither has it. */
int place_find(struct place *p, const struct lock_deb *deb, struct deb_record *ret, struct error *err);

/* What the base installs, as mmdebstrap does it: what is essential first, the rest on top. Adds to the list. */
int place_resolve_base(struct place *p, struct deb_record **list, size_t *count, struct diag *d, struct error *err);
/* What a step installs on what is in the list, and on what an image has; adds to it. What an image has it may replace, but not take away. */
int place_resolve_step(struct place *p, const struct system_step *step, struct deb_record **list, size_t *count, struct diag *d, struct error *err);
