/* The plan: which stages of which containers there are, each once, with the key of everything that decides what is in it, what is finished already in the
   engine, what has to be built, and why. Builds nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "assemble/stack.h"
#include "build/base.h"
#include "engine/engine.h"
#include "lock/lock.h"
#include "render/stage.h"

struct database;
struct container;
struct record;

enum build_input_kind { INPUT_TREE, INPUT_WHEEL, INPUT_DEB, INPUT_ARCHIVE };

/* Something a stage reads: a wheel or a Debian package of the lock, or the tree of its base. */
struct build_input {
	const char *name, *version; /* "numpy", "1.26.4"; of a tree its name and "" */
	const char *file;           /* where it stands in the context folder, "python/wheels/numpy-....whl" */
	const char *sha256;         /* NULL: a tree that is not made yet */
	uint64_t size_bytes;        /* of a wheel, by the lock */
	enum build_input_kind kind;
	const char *origin; /* of a wheel from one place: its address, which is left beside it where it is installed (PEP 610); else NULL */
};

enum build_state {
	BUILD_FINISHED, /* the engine has its image */
	BUILD_UNNEEDED, /* it has not, but all that stands on it is finished */
	BUILD_WANTED,
};

/* A stage to build: an edge of the plan. Stages with the same key are one job. */
struct build_job {
	const struct stage *stage;
	const char *text;                    /* of the stage, without its comments */
	struct build_job *parent;            /* the stage it stands on, NULL: `from` of the stage */
	const struct container **containers; /* it serves these; the first one's context folder is used */
	size_t container_count;
	struct build_input *inputs; /* by file */
	size_t input_count;
	bool network;       /* it asks mirrors, as its Debian packages are not locked */
	const char *key;    /* 64 hex digits; NULL while a tree below it is not made */
	const char *tag;    /* "localhost/lockstep/<project>/stage:<key>"; NULL with the key */
	const char *serves; /* "ci-cpu, ci-gpu"; of many the first few */
	enum build_state state;
	const char *id;           /* FINISHED: of the image, by the engine's word */
	const char *why;          /* it has to be built; or "up to date" */
	const char **why_details; /* one line each: what changed */
	size_t why_count;
};

/* Who makes the layers of Python packages: pip in a build, or lockstep, which puts them on what the engine builds of the rest. */
enum build_layers { BUILD_LAYERS_ENGINE, BUILD_LAYERS_LOCKSTEP };

/* What is put together of a container: its layers on the image of its last stage. */
struct build_image {
	const struct container *container;
	const char *const *labels;
	int64_t created_unix;
	struct stack_package *packages; /* by name */
	size_t package_count;
	bool is_planned; /* what is below it is known, and so is the rest: */
	struct below below;
	struct stack stack;
	const char *key; /* 64 hex digits */
	const char *tag; /* as a job's */
	enum build_state state;
	bool is_whole;      /* to_registry: all that it needs is in the store, and no engine has to be asked */
	bool built;         /* now */
	const char *digest; /* of its manifest, once it was pushed */
	/* The diff ids of the image that the engine was given before for the container, where that is there and they are of use to it. */
	const char *const *before;
	size_t before_count;
};

struct build_plan {
	struct build_job **jobs; /* a parent always before its children */
	size_t job_count, wanted_count;
	struct base_tree *trees; /* of the bases in use that are made on this machine, by name */
	size_t tree_count, missing_tree_count;
	/* Per container asked for, in their order: */
	const struct container **containers;
	struct build_job **finals; /* the job whose image is the container, or what it is put together on */
	struct build_job *
		*contexts;          /* what its context folder is for: finals, and where lockstep makes the layers, the stage that would install the packages */
	struct build_image *images; /* where lockstep makes the layers; else NULL */
	bool is_offline;            /* every image is whole */
	size_t container_count;
};

struct plan_request {
	const struct database *db;
	const struct lock *lock;
	struct engine *engine;
	const struct container **containers; /* by name, each once */
	size_t container_count;
	const struct record *record; /* of earlier builds, for the reasons */
	struct base_memory *memory;
	bool system_only; /* only what stands under the Python packages */
	enum build_layers layers;
	const struct history *history; /* of the layers; or NULL */
	size_t layer_limit;            /* of a container; 0: the default */
	bool from_images;              /* a Python that compiles is one in its image, though there is one that is kept */
	bool to_registry;              /* images are for a registry: what the engine has of them does not matter, and it need not be open */
};

/* Everything in `a`. Asks the engine which images it has. ERR_NOT_FOUND when the lock lacks a container or a file it needs. */
int build_plan_make(struct arena *a, const struct plan_request *request, struct build_plan *ret, struct error *err);
/* The image of a container of the plan in the engine, or NULL when it is not there. */
const char *build_plan_tag(const struct build_plan *plan, size_t container);
/* What has to be built and why, one line per stage and more for what changed; with a tree that is missing first. */
void build_plan_explain(const struct build_plan *plan, struct strbuf *out);
/* The inputs of a stage of a container, in `a`; for the context folder too. */
int build_inputs(struct arena *a, const struct lock *lock, const struct container *c, const struct stage *stage, const struct base_tree *trees,
		 size_t tree_count, struct build_input **ret, size_t *ret_count, struct error *err);
