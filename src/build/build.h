/* Builds containers: makes missing base trees, plans, prepares contexts, runs the jobs in the engine. Goes on where an earlier run ended. Emits events,
   prints nothing. Wants every file of the lock in the store. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "build/plan.h"
#include "build/work.h"
#include "registry/push.h"

struct build_request {
	const struct database *db;
	const struct lock *lock;
	struct engine *engine;
	const struct container **containers; /* by name, each once; none: all */
	size_t container_count;
	unsigned at_once;               /* jobs; 0: 2 */
	const char *ca_file;            /* for steps behind a company's certificates; NULL: what SSL_CERT_FILE, pip's or uv's settings say */
	bool fresh_bases;               /* make base trees again, for what their mirrors have now */
	const struct work_watch *watch; /* or NULL */
	enum build_layers layers;
	const struct history *history; /* of the layers; or NULL */
	struct base_memory *memory;    /* of those who plan several times; or NULL */
	/* Where lockstep makes the layers: called before any is made, to look whether the wheels can be in a container together; or NULL. */
	int (*check_wheels)(void *context, struct error *err);
	void *check_context;
	/* Where lockstep makes the layers: images go to their registry, not to the engine. That may then be closed (engine_is_open()), and is opened by this when it is needed
	   after all. */
	struct registries *registries;
	int (*open_engine)(void *context, struct engine *e, struct error *err);
	void *open_context;
};

struct built_image {
	const struct container *container;
	const char *tag; /* "localhost/lockstep/<project>/stage:<key>" */
	const char *key;
	bool built;                /* now; false: it was there */
	const char *digest;        /* of its manifest, when it was pushed; else NULL */
	const struct stack *stack; /* its Python layers, taken, where lockstep makes them; else NULL */
};

struct build_outcome {
	struct built_image *images; /* in the order asked for */
	size_t image_count;
	size_t built_count; /* jobs done now, trees too */
	struct push_counts pushed;
};

/* What would be built. Makes nothing. *ret in `a`. */
int build_plan_of(struct arena *a, const struct build_request *request, struct build_plan *ret, struct error *err);
/* Everything returned lives in `a`. ERR_ENGINE tells of the step that failed. The project must be locked (open_for_change). */
int build_containers(struct arena *a, const struct build_request *request, struct build_outcome *ret, struct error *err);
