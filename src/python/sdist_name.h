/* File names of source distributions ("Source distribution format", "Source distribution file name"; PEP 625). */
#pragma once

#include <stdbool.h>

#include "base/arena.h"

struct sdist_name {
	const char *name;    /* canonical */
	const char *version; /* normal form */
};
/* "numpy-1.26.4.tar.gz", or the older ".zip"; false when it is no such name. As packaging.utils.parse_sdist_filename, which takes any text for a name. */
bool sdist_name_parse(struct arena *a, const char *file_name, struct sdist_name *ret);
