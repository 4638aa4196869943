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

enum constraint_kind { CONSTRAINT_LOOSE, CONSTRAINT_RANGE, CONSTRAINT_EXACT, CONSTRAINT_CARET };

enum condition_kind { CONDITION_MARKER, CONDITION_CONTAINER, CONDITION_LAYER };

/* `when:` of a constraint: it holds only there. */
struct condition {
	enum condition_kind kind;
	const char *marker;                /* MARKER: PEP 508, valid */
	const struct container *container; /* CONTAINER */
	const char *layer, *option;        /* LAYER: "cuda"; the option whose value is compared, its version */
	const char *specifier;             /* LAYER: PEP 440 (">=12"), or "" for: the layer is there */
	struct pos pos;
};

/* What a package's version may be, with the reason. */
struct constraint {
	enum constraint_kind kind;
	const char *specifier;  /* PEP 440 ("" when loose; "==2.17.7" when exact; ">=1.2.3,<2" for "^1.2.3"), valid */
	const char *why, *link; /* or NULL */
	struct condition *when; /* all must hold */
	size_t when_count;
	struct pos pos; /* of the specifier, or of the package when loose */
};

/* A constraint kept only because moving on is work, apart from what cannot work. */
struct hold {
	const char *specifier;          /* PEP 440 */
	const char *why, *owner, *link; /* link: or NULL */
	const char *review;             /* "2026-12-01": past it, somebody has to look at it again */
	struct pos pos;
};

/* A package that comes from one place, not from an index. */
enum reference_kind { REFERENCE_GIT, REFERENCE_URL, REFERENCE_PATH };
struct reference {
	enum reference_kind kind;
	const char *url;          /* GIT, URL: without credentials */
	const char *commit;       /* GIT: 40 or 64 hex digits */
	const char *subdirectory; /* GIT: or NULL */
	const char *sha256;       /* URL; PATH: NULL, it is read */
	const char *path;         /* PATH: inside the project, relative to its root */
	struct pos pos;
};

/* "What `package` says it requires of `required` is not true": the requirement is left out, in the lock and in every check. */
struct waiver {
	const char *package, *required; /* canonical */
	const char *specifier;          /* the versions of `package` it is said of; "" for all */
	const char *why;
	const char *review; /* as a hold's */
	struct pos pos;
};

struct package {
	const char *name;      /* as written */
	const char *canonical; /* PEP 503 */
	struct group **groups; /* it is in these */
	size_t group_count;
	const char **extras; /* canonical, sorted */
	size_t extra_count;
	struct constraint constraint;   /* the unconditional one: LOOSE when there is none */
	struct constraint *constraints; /* those with a condition, in the order written; they hold beside the first */
	size_t constraint_count;
	struct hold *hold;           /* or NULL */
	struct reference *reference; /* or NULL: from an index */
	const char *index;           /* alias of the only index it may come from, or NULL */
	struct pos pos;              /* of its key */
};

struct group {
	const char *name;        /* PEP 735 name as written */
	const char *canonical;   /* PEP 503; unique */
	const char *description; /* or NULL */
	struct group **includes;
	size_t include_count;
	struct package **packages; /* declared in this group itself, by canonical name */
	size_t package_count;
	struct pos pos;
};

/* Groups that cannot be in one container. */
struct conflict {
	struct group **groups;
	size_t group_count;
	const char *why;
	struct pos pos;
};

/* "This package may be at different versions in these containers", declared; anything else that differs is an error. */
struct difference {
	struct package *package; /* NULL when `canonical` is no declared package (a transitive one) */
	const char *canonical;
	struct container **containers; /* none: all */
	size_t container_count;
	const char *why;
	struct pos pos;
};

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

struct layer_option {
	const char *name, *description;
	const char **choices; /* allowed values, or none */
	size_t choice_count;
	const char *pattern_name; /* "version", "word" or "path": what a value must look like where there are no choices */
	const char *otherwise;    /* the default, or NULL: must be given */
	struct pos pos;
};

/* Runs only where an option of the use has this value. */
struct layer_condition {
	const char *option, *value;
};

enum step_kind {
	STEP_APT,    /* words: Debian packages */
	STEP_WHEELS, /* words: PEP 508 requirements, locked as toolchain files; the content of `target` in site-packages goes to `path` */
	STEP_RUN,    /* words: one argv, run without a shell */
	STEP_LINK,   /* path -> target (symbolic link, replaced if there) */
	STEP_FILE,   /* path, content, mode */
	STEP_ENV,    /* name, value; ${...} of options, and $PATH-like references to earlier ENV as ${env:NAME} */
};

struct layer_step {
	enum step_kind kind;
	struct layer_condition *conditions; /* all must hold */
	size_t condition_count;
	const char **words;
	size_t word_count;
	const char *path, *target, *content; /* LINK: path -> target; FILE: path, content; WHEELS: path, and target or NULL for all of site-packages */
	unsigned mode;                       /* FILE: 0644 or 0755 */
	const char *name, *value;            /* ENV */
	const char *why;                     /* printed as a comment, or NULL */
	struct pos pos;
};

/* A command asked of the built image: verify (must exit 0) or snapshot (first line of output is recorded). */
struct layer_probe {
	const char *name; /* "llvm-config", "compiles a kernel for two architectures" */
	struct layer_condition *conditions;
	size_t condition_count;
	const char **file_names, **file_contents; /* written into an empty folder that is the working folder */
	size_t file_count;
	const char ***commands; /* argv arrays, NULL-terminated, run in order */
	size_t command_count;
	struct pos pos;
};

struct layer {
	const char *name; /* the file's name without .yaml */
	const char *description;
	struct layer_option *options;
	size_t option_count;
	const char **requires; /* names of layers that must stand below it */
	size_t require_count;
	struct layer_step *steps;
	size_t step_count;
	struct layer_probe *verify, *snapshot;
	size_t verify_count, snapshot_count;
	bool unread; /* its file has no form that could be read, so nothing is known of it */
	struct pos pos;
};

/* A layer recipe in a container, with a value for each of its options (same order). */
struct layer_use {
	struct layer *layer;
	const char **values;
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
	const char **apt; /* further Debian packages of this container only */
	size_t apt_count;
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

struct project {
	const char *name;
	const char *repository;    /* what stands before "/<container>" in image names: "lockstep", "registry.example:5000/ci" */
	const char *first_release; /* "v0.1" */
	const char **tag_files;    /* paths in the project, "Jenkinsfile" */
	struct pos *tag_file_pos;
	size_t tag_file_count;
	struct index *indexes; /* in order of preference; at least one */
	size_t index_count;
	const char *resolver; /* "uv" or "pip" */
	const char *venv;     /* where Python packages are installed in images: "/opt/venv" */
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
	struct waiver *waivers;
	size_t waiver_count;
	struct constraint *build_constraints; /* what builds of sdists may use: `package` of each says which */
	const char **build_packages;          /* canonical, same order */
	size_t build_constraint_count;
	struct base *bases; /* by name */
	size_t base_count;
	struct layer *layers; /* by name */
	size_t layer_count;
	struct container *containers; /* by name */
	size_t container_count;
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

/* The packages of a container: its groups with their includes expanded, swaps applied; each once, by canonical name. In `a`. */
void container_packages(struct arena *a, const struct container *c, struct package ***ret, size_t *ret_count);
/* The groups of a container with all they include, each once, nearest first. In `a`. */
void container_groups(struct arena *a, const struct container *c, struct group ***ret, size_t *ret_count);
/* A text of a layer recipe with ${option} replaced by the use's value and $${ by ${. ${env:NAME}, which only values of STEP_ENV may hold, stays as it is (and
   such values hold no $${, so there is no doubt). In `a`. */
const char *layer_use_expand(struct arena *a, const struct layer_use *use, const char *text);
bool layer_use_holds(const struct layer_use *use, const struct layer_condition *conditions, size_t count);
/* A digest over everything that can change this container's lock or image, and over the whole database; equal inputs give equal digests whatever the order
   of files and keys, comments and white space. */
void container_digest(const struct container *c, const struct database *db, char ret_hex[DIGEST_HEX_LENGTH + 1]);
void database_digest(const struct database *db, char ret_hex[DIGEST_HEX_LENGTH + 1]);
