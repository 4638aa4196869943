/* The lock: the exact versions, files and hashes resolved for all containers together. Knows nothing of how it was resolved. Everything lives in its arena.
   Text form: lock.toml (lock_text.h). Every array is sorted as said below, so equal locks are equal bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

/* One file of a pin: a wheel, or an sdist where some environment has no wheel. Identified by its bytes; where it lies is the business of indexes. */
struct lock_file {
	const char *name; /* file name, a plain name, URL-decoded */
	uint64_t size_bytes;
	const char *sha256;     /* 64 hex digits */
	const char *url;        /* where the resolver saw it; never written to lock.toml; NULL in a lock that was read */
	const char *built_from; /* a wheel that lockstep built: the sha256 of the sdist, or the git commit, it was built from; else NULL */
	const char *build_key;  /* with it: a digest of everything declared that it was built with; another one: it has to be built again */
};

/* What a pin requires of another; unless the database waives it, the lock has the other one too, in the same part (packages or toolchain). */
struct lock_edge {
	const char *name;    /* canonical */
	const char *version; /* only where the lock has several versions of `name`; else NULL */
	const char **extras; /* canonical, sorted */
	size_t extra_count;
	const char *marker; /* PEP 508, or NULL */
	const char *extra;  /* this edge exists only with this extra of the requiring pin; NULL: always */
	const char *waived; /* why the database says that it is not required; NULL: it is. The lock need not have the other one */
};

/* One entry: a package at a version. The same version stands in several entries only where containers have it in environments that no one list tells. */
struct pin {
	const char *name;        /* canonical (PEP 503) */
	const char *version;     /* PEP 440 normal form */
	const char *index;       /* alias; NULL with a reference */
	const char **containers; /* sorted; for a toolchain pin empty */
	size_t container_count;
	const char **environments; /* it is in its containers only in these (names, sorted); none: in every environment of theirs */
	size_t environment_count;
	const char *
		reference; /* PEP 610 direct reference: "git+https://host/repo@<commit>", "https://host/x.whl", or a path in the project; NULL: from an index */
	const char **layers; /* for a toolchain pin: the layer uses it belongs to ("cuda{from=wheels,version=13.0}"), sorted; else empty */
	size_t layer_count;
	struct lock_edge *edges; /* by name, version, extra, marker */
	size_t edge_count;
	struct lock_file *files; /* by name; every file an environment of the lock can use */
	size_t file_count;
	const char **build_requires; /* with an sdist: requirements for building its wheel, sorted; what fits them are toolchain pins (pin_build_name()) */
	size_t build_require_count;
};

struct lock_environment {
	const char *name; /* "cp311-linux-x86_64-glibc2.36" */
	const char *python, *implementation, *os, *machine, *libc, *libc_version;
};

struct lock_container {
	const char *name;
	const char *environment; /* name of the lock_environment it is built for */
	const char **further;    /* names of those it is locked for besides, sorted */
	size_t further_count;
	const char *inputs;  /* container_digest() when it was locked */
	const char *debian;  /* its base, and what was asked of apt, as digests (debian/question.h), when its Debian packages are locked; else NULL */
	const char **groups; /* as declared, sorted */
	size_t group_count;
	/* Requirements declared for it ("onnx>=1.14", "xgboost-cpu"), by canonical name; constraints under a marker are further ones of the same name. */
	const char **direct;
	size_t direct_count;
	const char **layers; /* its layer uses, as toolchain pins name them (lock_layer_name()), sorted; locks of lockstep 0.1.0 have none */
	size_t layer_count;
};

/* A Debian package that a base or a layer use installs, as apt resolved it in that base; or one that an image of a registry brings, which has the members from `file` to
   `path` unset: nobody fetches it. */
struct lock_deb {
	const char *name, *version, *architecture; /* "libc6", "2.36-9+deb12u10", "amd64" */
	const char *file;                          /* plain file name, "libc6_2.36-9+deb12u10_amd64.deb" */
	uint64_t size_bytes;
	const char *sha256;
	const char *path;    /* where it lies below its archive's root, "pool/main/g/glibc/libc6_....deb": mirrors differ, this does not */
	const char **stages; /* which base, or which stage of which containers, installs it ("base:debian-bookworm", "ci-cpu/layer-gcc"), sorted */
	size_t stage_count;
};

/* An archive that a step of a layer unpacks. */
struct lock_archive {
	const char *name, *url; /* file name; where the recipe says it is */
	uint64_t size_bytes;
	const char *sha256;
	const char **layers; /* the layer uses that unpack it, as in pins; sorted */
	size_t layer_count;
};

struct lock_tool {
	const char *name, *version; /* what made the lock: lockstep, uv */
};

struct lock {
	struct arena arena;
	const char *project;
	const char *inputs;   /* database_digest() when it was made */
	int64_t cut_off_unix; /* nothing uploaded at or after this was looked at */
	struct lock_tool *tools;
	size_t tool_count;
	struct lock_environment *environments; /* by name */
	size_t environment_count;
	struct lock_container *containers; /* by name */
	size_t container_count;
	struct pin *pins; /* toolchain pins last; by name, version, containers */
	size_t pin_count;
	struct lock_deb *debs; /* by name, architecture, version, sha256 */
	size_t deb_count;
	struct lock_archive *archives; /* by name, sha256 */
	size_t archive_count;
};

void lock_release(struct lock *lock);
/* Puts every array into the order said above (versions by PEP 440, everything else by bytes), as lock_write() expects and lock_parse() demands. */
void lock_sort(struct lock *lock);
/* By name, or NULL. */
const struct lock_container *lock_container(const struct lock *lock, const char *name);
const struct lock_environment *lock_environment(const struct lock *lock, const char *name);
static inline bool pin_is_toolchain(const struct pin *pin)
{
	return pin->layer_count > 0;
}
/* Whether any environment of the container has it; pin_is_in() knows which, pin_is_built_in() whether an image of it does. */
bool pin_in_container(const struct pin *pin, const char *container);
bool pin_is_in(const struct pin *pin, const struct lock_container *container, const char *environment);
bool pin_is_built_in(const struct pin *pin, const struct lock_container *container);
/* The place of the first Debian package of this name, or where it would be. */
size_t lock_first_deb(const struct lock *lock, const char *name);
/* False for one that an image brings. */
static inline bool lock_deb_has_file(const struct lock_deb *deb)
{
	return deb->sha256;
}
/* Whether a container whose Debian packages are locked has this one: it is in it, and what an image brings is not replaced by what a stage installs. */
bool lock_deb_in_container(const struct lock *lock, const struct lock_deb *deb, const struct lock_container *container);
/* Two architectures of which dpkg has one package of a name only: the same, or one is "all". */
bool lock_deb_same_architecture(const char *architecture, const char *other);
/* Whether a Debian package is installed by this base or stage, called as in its `stages`. */
bool lock_deb_in(const struct lock_deb *deb, const char *stage);
/* Whether a toolchain pin is of this layer use, written as lock_layer_name() does. */
bool pin_in_layer(const struct pin *pin, const char *layer_use);
/* The archive of sources that wheels of it are built from, or NULL. */
const struct lock_file *pin_source(const struct pin *pin);
/* What toolchain pins name as their layer when they are there for building this pin's wheel: "sdist:numpy-1.26.4{environment=cp311-...}". In `a`. */
const char *pin_build_name(struct arena *a, const struct pin *pin, const struct lock_environment *environment);
#define PIN_BUILD_PREFIX "sdist:"
/* The version of a pin whose build has yet to tell it; in no lock that is written. */
#define PIN_VERSION_UNKNOWN "0+unknown"
/* False for a lock of lockstep 0.1.0, which does not say which layers its containers have. */
bool lock_knows_layers(const struct lock *lock);
/* The pin of a package in a container as it is built, or NULL. */
const struct pin *lock_pin(const struct lock *lock, const char *container, const char *name);
/* As lock_pin, in an environment that the container is locked for. */
const struct pin *lock_pin_in(const struct lock *lock, const char *container, const char *environment, const char *name);
/* The environments of a container: place 0 is the one it is built for, then the further ones; NULL after the last. */
const char *lock_container_environment(const struct lock_container *container, size_t place);
/* "https://host/a.whl#x" and "git+https://host/r@<commit>" apart: true for the latter, with the commit (in `a`). */
bool lock_reference_is_git(struct arena *a, const char *reference, const char **ret_commit);
/* The one file to install for an environment: the best by its tags (PEP 425), highest build tag; NULL when none fits. */
const struct lock_file *pin_file(const struct pin *pin, const struct lock_environment *environment);
/* As pin_file for many pins of one environment: the tags it takes (wheel.h), made once; then the best file by them. */
void lock_environment_tags(struct arena *a, const struct lock_environment *environment, const char *const **ret_tags, size_t *ret_count);
const struct lock_file *pin_file_by_tags(const struct pin *pin, const char *const *tags, size_t tag_count);
/* The canonical name that a declared requirement begins with ("onnx>=1.14" -> "onnx"). In `a`. */
const char *lock_direct_name(struct arena *a, const char *requirement);
/* The requirement by which `name` (canonical) was declared for the container, the one without a marker where there are several; or NULL. */
const char *lock_direct(const struct lock_container *container, const char *name);
/* True when `name` was declared for the container, false when it is there because something requires it. */
bool lock_is_direct(const struct lock_container *container, const char *name);
/* How a layer use is written in a lock: "cuda{from=wheels,version=13.0}", options by name; "gcc" when it has none. In `a`. */
struct layer_use;
const char *lock_layer_name(struct arena *a, const struct layer_use *use);
