/* Requires-Python of the files that were picked, to its whole extent: uv holds to its lower bound only. It is read from the metadata that stands beside a file in
   its index (PEP 658), once, and kept in the cache by the file's hash; what the last lock has in the same environment is not asked for. Where an index has none
   nothing is known before the file itself is fetched, and then the check of what was fetched says it. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "python/settings.h"
#include "resolve/projection.h"
#include "resolve/question.h"

struct pythons {
	const struct settings *settings;
	const struct lock *last; /* or NULL */
	struct known_python **known;
	size_t known_count;
	struct http *http;
	struct arena arena;
};

/* Adds a misfit for every pin whose file does not take the Python of an environment that it would be installed in. ERR_CANCELLED; an index that does not answer is
   no error. */
int pythons_check(struct pythons *p, const struct question *q, struct projection *projection, struct error *err);
/* What a file itself said, for who asks next: a lock that holds it is mended by locking again. */
void pythons_remember(const char *sha256, const char *requires_python);
void pythons_release(struct pythons *p);
