/* Layer recipes: toolchains and other system parts that containers put on their base. A part of the database; read it by recipe/database.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"

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
	STEP_APT,     /* words: Debian packages */
	STEP_WHEELS,  /* words: PEP 508 requirements, locked as toolchain files; the content of `target` in site-packages goes to `path` */
	STEP_RUN,     /* words: one argv, run without a shell */
	STEP_LINK,    /* path -> target (symbolic link, replaced if there) */
	STEP_FILE,    /* path, content, mode */
	STEP_ENV,     /* name, value; ${...} of options, and $PATH-like references to earlier ENV as ${env:NAME} */
	STEP_ARCHIVE, /* a tar archive: `target` is its address, `content` the sha256, unpacked into `path` without the first `mode` parts of its names */
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

/* A text of a layer recipe with ${option} replaced by the use's value and $${ by ${. ${env:NAME}, which only values of STEP_ENV may hold, stays as it is (and
   such values hold no $${, so there is no doubt). In `a`. */
const char *layer_use_expand(struct arena *a, const struct layer_use *use, const char *text);
bool layer_use_holds(const struct layer_use *use, const struct layer_condition *conditions, size_t count);
