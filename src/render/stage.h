/* Stages: a container as the list of Dockerfile stages it is built from, bottom first: its base, one stage for each layer use, its further Debian
   packages, its Python packages, itself. They are a function of the database alone. The committed Dockerfile is their concatenation (dockerfile.h);
   build/ builds each as one job, so a stage that two containers share has the same text in both and is built once. Knows no engine and no lock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"

struct base;
struct container;
struct database;
struct layer_use;
struct package;

enum stage_kind {
	STAGE_BASE,      /* the base; the only one with `from` */
	STAGE_LAYER,     /* one layer use */
	STAGE_APT,       /* Debian packages of this container only; left out where there are none */
	STAGE_PYTHON,    /* the venv with the container's part of the lock, in a system image an empty one; left out where no package is asked for */
	STAGE_CONTAINER, /* environment, user, folder, labels; always the last; in a system image without labels */
};

struct stage {
	enum stage_kind kind;
	const char *name; /* a Dockerfile stage name: "base", "layer-llvm", "apt", "python", "container"; of a system image "venv", "system" */
	const char *from; /* STAGE_BASE: "scratch" or "repository@sha256:..."; else NULL: it stands on the stage before it */
	const char *text; /* the instructions after FROM; ends with a newline; "" for a registry image that needs none */
	/* What it reads of the context folder, .lockstep/contexts/<container>/: */
	const struct base *base_tar;       /* base.tar, the tree of this base; NULL: not used */
	const struct layer_use *layer_use; /* STAGE_LAYER: the use */
	const struct layer_use *wheels;    /* layers/<layer>/ of this use; NULL: not used */
	const struct layer_use *archives;  /* layers/<layer>/archives/ of this use; NULL: not used */
	bool python;                       /* python/ */
	bool origins;                      /* python/origins.json and the program that reads it */
	struct package **overwriting;      /* python/overwriting/<name>.txt of those of these that the container has */
	size_t overwriting_count;
	bool debian; /* debian/<name>/; runs apt, so where that is empty it needs the mirrors (and the secret "ca", behind one) */
};

/* What is known of all containers together: how often each layer use stands on each base. Made once, so that rendering many containers stays linear. */
struct render;
struct render *render_open(struct arena *a, const struct database *db);

/* The stages of a container, bottom first. In `a`. Layer uses are in the order that shares most: those that most containers of the same base have come
   first, then by name, but never before a layer they require. ERR_INPUT when a word of the database cannot be written in a Dockerfile at all (a line break
   in an environment value), naming file and line. */
int render_stages(struct arena *a, const struct render *r, const struct container *c, struct stage **ret, size_t *ret_count, struct error *err);

/* The stages of a container's system image: all of it but its Python packages and its labels, which are put on it without an engine. Those below the venv are the same as
   above, so no toolchain is built twice. */
int render_system_stages(struct arena *a, const struct render *r, const struct container *c, struct stage **ret, size_t *ret_count, struct error *err);
/* The labels of a container, "name=value", NULL-terminated; what the committed Dockerfile has as LABEL. In `a`. */
const char *const *render_labels(struct arena *a, const struct render *r, const struct container *c);

/* Where the project keeps its contexts and what is in one; relative to the project's root and to the context. */
#define RENDER_CONTEXTS ".lockstep/contexts"
#define RENDER_BASE_TAR "base.tar"
#define RENDER_DEBIAN "debian"
#define RENDER_DEBIAN_SEEN "/run/lockstep/debian" /* where a step sees its stage's part of that */
