/* What changed between two locks or two releases: one row per package, a version on each side for every container. Compares what locks and snapshots say;
   knows nothing of how it is shown. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "lock/lock.h"

struct release;

/* Weakest first: a row is of the strongest class among its cells. */
enum change_class {
	CHANGE_NONE,
	CHANGE_FILES,      /* same version, other hashes */
	CHANGE_ORIGIN,     /* same version, from another index or address */
	CHANGE_PATCH,      /* upgraded in the third number of the release or behind it */
	CHANGE_MINOR,      /* in the second */
	CHANGE_MAJOR,      /* in the first, or in the epoch */
	CHANGE_UPGRADED,   /* by rules that have no such steps (Debian) */
	CHANGE_DOWNGRADED, /* to a lower version */
	CHANGE_REMOVED,
	CHANGE_ADDED,
	CHANGE_CLASS_COUNT
};
/* "added", "upgraded (minor)"; as JSON has it: "added", "upgraded-minor". */
const char *change_class_name(enum change_class class);
const char *change_class_key(enum change_class class);

struct change_cell {
	const char *container;                       /* for rows of toolchain and archives: the layer */
	const char *old_version, *new_version;       /* NULL: not there; of archives the sha256, all of it */
	const char *old_index, *new_index;           /* of packages; else NULL */
	const char *old_reference, *new_reference;   /* where it is taken from instead of an index (git commit, URL, path); of archives the URL; else NULL */
	const char *old_built_from, *new_built_from; /* digest of the sources, or commit, that lockstep built the wheel from; NULL: it was not built */
	enum change_class class;
};

struct change {
	const char *name;
	enum change_class class;
	bool direct;               /* declared for one of the containers, on either side */
	bool joint;                /* all cells have the same versions */
	struct change_cell *cells; /* by container; only those that have it on one side at least */
	size_t cell_count;
	const char *old_declared, *new_declared; /* the requirement in the database ("onnx>=1.14"), or NULL */
	const char **required_by;                /* names of packages that require it now (before, when it is gone), sorted */
	size_t required_by_count;
};

struct change_list {
	struct change *rows; /* packages: direct ones first; then by name */
	size_t count;
	size_t classes[CHANGE_CLASS_COUNT]; /* rows of each class */
	size_t same_count;                  /* names on both sides without a change */
};

struct change_container {
	const char *name;
	bool old, new;                                 /* is it on that side? */
	const char *old_environment, *new_environment; /* NULL: not there */
	const char **old_groups, **new_groups;         /* only the groups of one side that the other lacks */
	size_t old_group_count, new_group_count;
	const char **old_further, **new_further; /* the same of the environments that it is locked for besides */
	size_t old_further_count, new_further_count;
	bool recipe_changed;                /* its inputs differ */
	size_t package_count, direct_count; /* on the newer side it is on */
	size_t system_count;                /* the same; 0 when only locks are compared */
	const char *old_image, *new_image;  /* image ids, of releases */
};

struct changes {
	const char *old_name, *new_name; /* "v0.1"; old_name NULL: there was nothing before */
	int64_t old_cut_off_unix, new_cut_off_unix;
	bool has_images;                     /* releases were compared: tools and system mean something */
	struct change_container *containers; /* all that were compared, by name */
	size_t container_count;
	struct change_list packages;        /* Python packages of the containers */
	struct change_list further;         /* of environments that are not built, where they move otherwise; a cell is "ci-cpu on cp39-..." */
	struct change_list toolchain;       /* pins of layers; a cell is a layer */
	struct change_list archives;        /* that layers unpack, by file name; a cell is a layer */
	struct change_list tools;           /* what the images' compilers and libraries said */
	struct change_list system_packages; /* Debian packages; of locks, where both sides lock them */
	const char *
		*first_containers; /* those whose Debian packages the newer side locks, and the older does not; every container where there was nothing before,
					       unless releases are compared */
	size_t first_container_count;
	size_t first_deb_count;           /* how many Debian packages these have, all together */
	const char **unlocked_containers; /* those whose Debian packages only the older side locks */
	size_t unlocked_container_count;
};

/* `old` may be NULL: everything is added. `container` restricts it all to one container; NULL: all. The result lives in `a` and points into both locks. */
struct changes *changes_between_locks(struct arena *a, const char *old_name, const struct lock *old, const char *new_name, const struct lock *new,
				      const char *container);
/* As changes_between_locks, with what was seen in the images. */
struct changes *changes_between_releases(struct arena *a, const struct release *old, const struct release *new, const char *container);
/* Whether anything that is installed, or the recipe of a container, differs; of locks also whether Debian packages are locked at all. Image ids and dates alone are
   no difference. */
bool changes_any(const struct changes *changes);
/* Container is on one side only. */
static inline bool change_container_common(const struct change_container *c)
{
	return c->old && c->new;
}
