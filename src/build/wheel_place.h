/* Where a pin is built from source: the environments that have no wheel of it but what is built, and for each the container that lends its system stage. Inside
   build/ only. */
#pragma once

#include "base/arena.h"
#include "lock/lock.h"

struct container;
struct database;

/* An environment that a pin is built for, and what it takes. */
struct wheel_place {
	const struct lock_environment *environment;
	const char *const *tags;
	size_t tag_count;
	const struct container *container; /* lends its system stage */
};

/* The environments in which the pin is built and has no wheel but what is built here; the oldest C library first, as what is built on it runs on newer ones. */
void wheel_places(struct arena *a, const struct database *db, const struct lock *lock, const struct pin *pin, struct wheel_place **ret, size_t *ret_count);
/* Whether a wheel of this name can be installed there. */
bool wheel_place_takes(const struct wheel_place *p, const char *file_name);
