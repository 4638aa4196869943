/* BuildKit by address: what tells one buildkitd from another, and several of them as one engine. The driver is engine_buildkit. */
#pragma once

#include "engine/engine.h"

struct buildkit_address {
	const char *address;         /* "unix:///run/buildkit/buildkitd.sock", "tcp://10.0.0.5:1234" */
	const char *ca, *cert, *key; /* paths of files, for TLS; or NULL */
	unsigned jobs;               /* builds at once; 0: not said */
};

/* Asks the buildkitd at that address, as probe() does with the one that BUILDKIT_HOST names. e->arena is set. */
int buildkit_open(struct engine *e, const struct buildkit_address *at, struct error *err);
/* Its images alone, which lie on this machine, whatever became of the buildkitd that built them: nothing can be built or run by it. False when there are none. e->arena is
   set. */
bool buildkit_open_images(struct engine *e);
/* An engine whose builds run at all of these addresses, so many at once where neither the address nor the worker itself says how many. One that cannot be used is named in its
   `gone`; ERR_ENGINE names each when there is no other. */
int buildkit_open_workers(struct engine *e, const struct buildkit_address *addresses, size_t count, unsigned jobs, struct error *err);
/* Whether it answers: 0, or -1 with its complaint. */
int buildkit_ask(struct engine *e, struct error *err);
/* The argv of that question, for a process_pool. */
const char *const *buildkit_question(struct engine *e);
/* Whether a line of a build that failed tells that the connection to buildkitd broke. */
bool buildkit_lost(const char *line);
/* The engine itself goes on at a worker that is there; false when there is none. */
bool buildkit_move(struct engine *e);
