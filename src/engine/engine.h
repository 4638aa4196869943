/* Engines: what builds images and runs commands in them. One file per engine, each a const struct engine; nothing else knows an engine's command line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "io/process.h"

/* An engine that was asked and answered. */
struct engine {
	const struct engine_driver *driver;
	const char *program; /* absolute path of its client */
	const char *version; /* what it says of itself */
	struct arena *arena; /* the caller's; answers live here */
};

struct engine_build {
	const char *dockerfile;    /* path */
	const char *context;       /* folder */
	const char *tag;           /* "localhost/lockstep/..." or "repository/name:tag" */
	const char *const *labels; /* "key=value", NULL-terminated, or NULL */
	const char *ca_file;       /* given to steps as secret id "ca", or NULL */
	bool network;              /* steps may use the host's network */
};

struct engine_image {
	const char *id;      /* the engine's image id, "sha256:..." */
	const char *digest;  /* manifest digest, "sha256:...", or NULL where the engine has none */
	const char *created; /* RFC 3339 */
	int64_t size_bytes;
};

struct engine_driver {
	const char *name; /* "buildah", "docker" */
	/* Asks whether it works here. -1 with the reason, and what to do about it, in err. */
	int (*probe)(struct engine *e, struct error *err);
	/* The argv of a build, for a process_pool; environment additions in *ret_environment (NULL-terminated, may be NULL). In e->arena. */
	int (*build_argv)(struct engine *e, const struct engine_build *build, const char *const **ret_argv, const char *const **ret_environment,
			  struct error *err);
	/* ERR_NOT_FOUND when there is no such image. */
	int (*inspect)(struct engine *e, const char *tag, struct engine_image *ret, struct error *err);
	int (*tag)(struct engine *e, const char *from, const char *to, struct error *err);
	int (*untag)(struct engine *e, const char *tag, struct error *err); /* fine when it is not there */
	/* Runs argv in a throw-away container of the image, no network, input on stdin; collects both streams. 0 when it ran, whatever its exit status. */
	int (*run)(struct engine *e, const char *image, const char *const *argv, const char *input, size_t input_length, struct process_result *ret,
		   struct error *err);
};

extern const struct engine_driver engine_buildah, engine_docker;

/* The engine called `name`, or with NULL the first that works, buildah first (it needs no daemon). ERR_ENGINE says of each why not, and what to do. */
int engine_find(struct arena *a, const char *name, struct engine *ret, struct error *err);
