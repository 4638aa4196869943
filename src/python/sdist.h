/* Source distributions (PEP 517, 518, 621, 625, 643): what can be known of one without running anything of it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

struct sdist {
	const char *name, *version;  /* canonical, normal form; version NULL: only its build tells */
	const char *metadata;        /* core metadata that its wheel will have: name, version, requirements; NULL: only its build tells */
	size_t metadata_length;      /* bytes */
	const char **build_requires; /* [build-system] requires, as written; what PEP 517 says where there is none */
	size_t build_require_count;
	const char *build_backend; /* "setuptools.build_meta"; what PEP 517 says where there is none */
	const char **backend_path; /* folders of the project that it is in */
	size_t backend_path_count;
};

/* Whether a file name is one of an sdist of this package and version, "name-version.tar.gz", ".zip", or ".tar" as lockstep makes them of trees of
   git; old ones write both in other forms than the normal one. */
bool sdist_is_of(struct arena *a, const char *file_name, const char *name, const char *version);
/* Looks through the archive at `path`, in messages `file_name` (NULL: as the path says), whose project is in its one folder, or in `subdirectory` of that (or NULL). `name`, `version` (or NULL): what it is said
   to be. Its metadata is known when PKG-INFO is of form 2.2 and calls no requirement dynamic (PEP 643), or when pyproject.toml says them all (PEP 621).
   ERR_INPUT when it is none, could leave its folder when it is unpacked (io/tarball.h), or is of another name or version than said. */
int sdist_read(struct arena *a, const char *path, const char *file_name, const char *subdirectory, const char *name, const char *version, struct sdist *ret,
	       struct error *err);
