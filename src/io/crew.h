/* The same work for many things at once, each in a child of this process that says on a pipe what came of it. For work that itself waits for other programs. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

/* Does item `number` in a child; what it adds to `out` is what the parent gets. Memory that it changes is the child's own. */
typedef int (*crew_work)(void *context, size_t number, struct strbuf *out, struct error *err);

/* Does items 0..count, at most `at_once` at a time (0: as many as there are cores, at least two), into outs[0..count), which the caller releases in any case. -1 with the
   first that failed; the others are then asked to stop, and waited for. ERR_CANCELLED after a signal. */
int crew_run(crew_work work, void *context, size_t count, unsigned at_once, struct strbuf *outs, struct error *err);
