/* The halves of the relation "declared within lock", which share what they look at. Only they use this. */
#pragma once

#include "lock/environment.h"
#include "verify/requires.h"
#include "verify/verify.h"

/* One container, in one of its environments at a time. */
struct declared {
	const struct verification *v;
	struct arena *a;
	struct wheels_read *wheels;
	struct findings *ret;
	const struct container *container;
	const struct lock_container *part;
	struct package **packages; /* declared for it, swaps applied */
	size_t package_count, total;
	const struct lock_environment *environment;
	size_t place; /* of the environment: 0 is the one that is built */
	struct environment_values values;
	const char *const *tags;
	size_t tag_count;
	bool *needed; /* by place among the lock's pins: some environment needs it */
};

/* " for cp39-linux-..." in an environment that is not the one built, else ""; in d->a. */
const char *declared_elsewhere(const struct declared *d);

/* closed.c: from what is declared on, everything that is required is there, at a version that is taken. */
void declared_check_closed(struct declared *d);
/* After the last environment: pins that none of them needs. */
void declared_check_needed(struct declared *d);
/* Debian packages that no container needs. Fails as system_chains(). */
int declared_check_debian(const struct verification *v, struct findings *ret, struct error *err);
/* Toolchain pins of layer uses, and of builds, that no container has. */
void declared_check_layers(const struct verification *v, struct findings *ret);
