/* A snapshot: what is installed in a built image, asked of the image itself. Everything lives in its arena. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

struct engine;
struct container;
struct database;

struct installed_package {
	const char *name;            /* canonical */
	const char *version;         /* as its metadata says */
	const char *installer;       /* "pip", or NULL */
	const char *direct_url;      /* PEP 610: the url, of git "git+<url>@<commit>[#subdirectory=...]"; NULL: it came from an index or a folder by name */
	const char *metadata_sha256; /* of METADATA, to tell the same version from another origin */
	const char *record_sha256;   /* of the sorted RECORD entries that a wheel brings; see wheel_record_digest() */
	const char *altered;         /* first file that is not what RECORD says, or NULL; never in a release */
	bool editable;
};

struct installed_system_package {
	const char *name, *version, *architecture; /* dpkg */
};

/* "nvcc" = "13.0.88", "glibc" = "2.36", "libstdc++" = "6.0.30"; by name. */
struct installed_tool {
	const char *name, *version;
};

struct installed_marker {
	const char *name, *value; /* the eleven of PEP 508; by name */
};

/* Something of Python's that no installed package accounts for: outside the virtual environment and dpkg, or a file in it that no RECORD names. */
struct installed_stray {
	const char *path, *text; /* text: "is installed outside the virtual environment, ..." */
};

/* A file that two installed packages say is theirs. */
struct installed_shadow {
	const char *path, *first, *second; /* packages: canonical */
	bool same;                         /* both say the same hash */
};

/* A layer of its Python packages, where lockstep makes them: told by who put the image together, not asked of it. */
struct installed_layer {
	const char **packages; /* canonical, sorted */
	size_t package_count;
	const char *digest, *diff_id; /* 64 hex digits: of the packed layer, and of the archive in it */
	uint64_t size_bytes;          /* packed */
	const char *why;              /* it is a layer of its own, in a few words */
};

struct snapshot {
	struct arena arena;
	const char *container;
	const char *engine, *engine_version;
	const char *image_id, *image_digest; /* digest may be NULL */
	struct installed_marker *markers;
	size_t marker_count;
	struct installed_package *packages; /* by name */
	size_t package_count;
	struct installed_system_package *system_packages; /* by name, architecture */
	size_t system_count;
	struct installed_tool *tools;
	size_t tool_count;
	const char **freeze; /* the lines of `pip freeze --all`, sorted, comments before what they are of */
	size_t freeze_count;
	struct installed_stray *strays; /* by path; never in a release */
	size_t stray_count;
	struct installed_shadow *shadows; /* by path, first; never in a release */
	size_t shadow_count;
	const char **libraries; /* names of CUDA libraries that the loader finds outside the virtual environment, sorted; never in a release */
	size_t library_count;
	struct installed_layer *layers; /* from the lowest to the highest; none: an engine installed the packages */
	size_t layer_count;
	const char *verified; /* what its layers' verify commands gave, as JSON, where they were asked for at the same time; else NULL; never in a release */
};

void snapshot_release(struct snapshot *s);
/* An image that is asked. */
struct snapshot_question {
	const char *image;
	const struct container *container;
	/* The container in a release, whose files were all hashed then: where the engine says that the image has a Python layer of it, the files in that are not hashed
	   again. NULL: all are. */
	const struct snapshot *released;
	bool verifies; /* the verify commands of its layers are run too, after all else, in the same throw-away container */
};

/* Asks the images, several at once; `snapshots` are zeroed, and released by the caller in any case. ERR_ENGINE when one cannot be run or answers nonsense. */
int snapshot_take(struct snapshot *snapshots, struct engine *e, const struct snapshot_question *questions, size_t count, const struct database *db,
		  struct error *err);
const struct installed_package *snapshot_package(const struct snapshot *s, const char *name);
