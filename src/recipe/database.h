/* The database: everything the maintainer wrote under recipes/ and containers/, loaded, checked and cross-linked. The structs say what is wanted;
   they know nothing of locks, images or engines. Everything lives in the database's arena. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "io/digest.h"
#include "recipe/layer.h"
#include "recipe/python.h"

/* The interpreter and platform that Python packages are chosen for. */
struct environment {
	const char *python;         /* "3.11" */
	const char *implementation; /* "cpython" */
	const char *os;             /* "linux" */
	const char *machine;        /* "x86_64" */
	const char *libc;           /* "glibc" or "musl" */
	const char *libc_version;   /* "2.36" */
	struct pos pos;
};

/* Of the Python layers of a container, with those of the system below them well under what engines take. */
enum { LAYER_LIMIT_MAX = 110 };

enum base_source { BASE_MMDEBSTRAP, BASE_IMAGE };

struct base {
	const char *name; /* the file's name without .yaml */
	const char *description;
	enum base_source source;
	/* BASE_MMDEBSTRAP */
	const char *suite, *variant;         /* "bookworm", "minbase" */
	const char **components, **packages; /* sorted */
	size_t component_count, package_count;
	/* BASE_IMAGE */
	const char *image; /* "repository@sha256:..." */
	struct pos image_pos;
	const char *python_executable; /* absolute path in the image, "/usr/bin/python3" */
	struct environment environment;
	struct environment *further; /* locked for these too, though not built here */
	size_t further_count;
	struct pos pos;
};

/* "onnxruntime-gpu instead of onnxruntime, in this container". Both are declared packages. */
struct swap {
	struct package *from, *to;
	const char *why;
	struct pos pos;
};

struct container {
	const char *name; /* the folder's name */
	const char *description;
	const char *tag_name; /* the variable that holds its tag in the tag files: ci_cpu for ci-cpu unless said otherwise */
	struct base *base;
	struct layer_use *layers; /* bottom first */
	size_t layer_count;
	struct group **groups; /* as written */
	struct pos *group_pos;
	size_t group_count;
	struct swap *swaps;
	size_t swap_count;
	const char *bytecode; /* of its Python packages: "pip": as pip compiles, "hash": files that are never checked against their source, "none" */
	const char **apt;     /* further Debian packages of this container only */
	size_t apt_count;
	struct pos apt_pos;
	const char **env_names, **env_values;
	size_t env_count;
	const char *workdir, *user; /* or NULL */
	const char *file;           /* "containers/ci-cpu/container.yaml" */
	struct pos pos;
};

struct index {
	const char *alias; /* "default" is the user's own first index */
	const char *url;   /* or NULL: the user's settings give it */
	struct pos pos;
};

/* A buildkitd that builds. */
struct project_worker {
	const char *address;         /* "tcp://10.0.0.5:1234", "unix:///run/buildkit/buildkitd.sock" */
	const char *ca, *cert, *key; /* files on this machine, absolute or in the project, or NULL */
	unsigned jobs;               /* at once; 0: not said */
	struct pos pos;
};

/* What may be one's address. */
bool project_worker_is_address(const char *text);

struct project {
	const char *name;
	const char *repository;  /* what stands before "/<container>" in image names: "lockstep", "registry.example:5000/ci" */
	const char **plain_http; /* "host[:port]" of registries that are spoken to without TLS */
	size_t plain_http_count;
	const char *first_release; /* "v0.1" */
	const char **tag_files;    /* paths in the project, "Jenkinsfile" */
	struct pos *tag_file_pos;
	size_t tag_file_count;
	struct index *indexes; /* in order of preference; at least one */
	size_t index_count;
	const char *stages; /* where stages are kept, "registry.example:5000/team/stages"; or NULL */
	struct project_worker *workers;
	size_t worker_count;
	const char *resolver;      /* "uv" or "pip" */
	const char *venv;          /* where Python packages are installed in images: "/opt/venv" */
	const char *layers;        /* who makes the layers of Python packages: "engine" or "lockstep"; NULL: not said */
	size_t layer_limit;        /* how many layers a container's Python packages are put into at most, when lockstep makes them; 0: not said */
	const char *layer_packing; /* of those: "gzip" or "zstd"; NULL: not said */
	struct pos pos;
};

struct database {
	struct arena arena;
	const char *root; /* the project's folder, absolute */
	struct project project;
	struct package *packages; /* by canonical name */
	size_t package_count;
	struct group *groups; /* by canonical name */
	size_t group_count;
	struct conflict *conflicts;
	size_t conflict_count;
	struct difference *differences;
	size_t difference_count;
	struct waiver *waivers; /* in the order written */
	size_t waiver_count;
	struct build_constraint *build_constraints; /* by canonical name */
	size_t build_constraint_count;
	struct base *bases; /* by name */
	size_t base_count;
	struct layer *layers; /* by name */
	size_t layer_count;
	struct container *containers; /* by name */
	size_t container_count;
	bool without_holds; /* set before it is loaded: a hold that contradicts other constraints of its package is no error */
};

/* Finds the project's root from `start` upward: the nearest folder with recipes/project.yaml. In the arena. ERR_NOT_FOUND, saying how to begin, when there is
   none. */
int database_find_root(struct arena *a, const char *start, char **ret_root, struct error *err);
/* Loads and checks everything under root. All problems of all files go to `d`; returns 0 with a database also when there are errors in it (look at
   d->error_count before using it for more than messages); -1 only when root cannot be read at all. */
int database_load(struct database *db, const char *root, struct diag *d, struct error *err);
void database_release(struct database *db);
#define autodatabase __attribute__((cleanup(database_release)))

struct package *database_package(const struct database *db, const char *canonical); /* NULL: none */
struct group *database_group(const struct database *db, const char *name);
struct container *database_container(const struct database *db, const char *name);

/* Whether the first is declared to overwrite the second; names are canonical, and need not be known. */
bool package_overwrites(const struct database *db, const char *winner, const char *loser);
/* The packages that overwrite others, each after those that it overwrites. In `a`. */
void database_overwriting(struct arena *a, const struct database *db, struct package ***ret, size_t *ret_count);
/* The packages of a container: its groups with their includes expanded, swaps applied; each once, by canonical name. In `a`. */
void container_packages(struct arena *a, const struct container *c, struct package ***ret, size_t *ret_count);
/* The groups of a container with all they include, each once, nearest first. In `a`. */
void container_groups(struct arena *a, const struct container *c, struct group ***ret, size_t *ret_count);
/* A digest over everything that can change this container's lock or image, and over the whole database; equal inputs give equal digests whatever the order
   of files and keys, comments and white space. */
void container_digest(const struct container *c, const struct database *db, char ret_hex[DIGEST_HEX_LENGTH + 1]);
void database_digest(const struct database *db, char ret_hex[DIGEST_HEX_LENGTH + 1]);
