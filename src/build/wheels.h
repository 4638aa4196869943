/* Wheels of what a lock has only as source: where no wheel of a pin fits the environment of a container that has it, one is built, in that container's own system
   stage (base, layers, Debian packages), from the locked archive and with the locked build requirements, without network. It is made once: all containers with
   this environment install the same one, and so do environments that differ only in a newer C library, as it is built on the oldest. Of several containers
   the one with the most layers and Debian packages lends its stage.

   A wheel that was built becomes a file of the pin, with the digest of the archive it was built from and a key: a digest of all that was declared for its build
   (archive, build requirements, stages, environment). While the key is what the lock and the database say, the wheel is the one that is installed. Where the
   store does not hold it, as on another machine, it is built again and must be the same, byte for byte. With another key it is dropped and built anew. */
#pragma once

#include "build/build.h"

struct wheels_request {
	const struct build_request *build; /* which containers, with which engine; its lock is not looked at */
	struct lock *lock;                 /* what is built goes into it; its archives and build requirements must be in the store */
	bool again;                        /* build also what the store has, to see whether it comes out the same */
	/* A backend asks for more than is locked: locks the pin's build requirements anew, now all of these (as written), and fetches them. The pins of the lock
	   may move in memory. */
	int (*require)(void *context, struct lock *lock, const struct pin *pin, const char *const *requirements, size_t count, struct error *err);
	void *context;
};

struct wheels_outcome {
	size_t built;    /* now */
	size_t compared; /* of them those that were locked before, and came out the same */
	bool changed;    /* the lock is another one now */
};

/* Whether anything of the lock is built from source at all. */
bool wheels_are_wanted(const struct lock *lock);
/* ERR_ENGINE when a build fails, with its last lines; ERR_INPUT when what it made is no wheel of this package, version and environment; ERR_DRIFT when a wheel
   came out other than locked, with what differs in it. The project must be locked (open_for_change). */
int wheels_build(struct arena *a, const struct wheels_request *request, struct wheels_outcome *ret, struct error *err);
