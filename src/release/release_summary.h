/* What is told of a release in a list of many: from the store where that has it as the text is, which costs no reading of locks; else from the text. */
#pragma once

#include "release/release.h"

struct release_summary {
	const char *name, *previous; /* previous: or NULL */
	int64_t created_unix;
	const char *engine, *engine_version; /* of the first container; or NULL */
	const char **containers;             /* by name */
	size_t container_count, package_count, toolchain_count;
};

/* In `a`. ERR_INPUT for a release whose text was changed by hand, as release_read(). */
int release_summaries(struct arena *a, const char *root, char *const *names, size_t count, struct release_summary **ret, struct error *err);
