/* What pip_search.py answers, run by run, joined into one answer of the form that uv gives. */
#pragma once

#include "base/error.h"
#include "io/value.h"
#include "lock/environment.h"
#include "resolve/question.h"
#include "resolve/search.h"
#include "resolve/uv_lock.h"

/* One search: an environment, and askers of which no two are in conflict. Environments that differ in their C library only have the same markers, so they get
   the same versions: what all of them can use. */
struct pip_run {
	const struct lock_environment *environment;
	const struct lock_environment **others; /* with its markers */
	size_t other_count;
	struct environment_values values;
	size_t *askers, asker_count; /* places in the question */
};

/* ERR_FAILED when the answer is not of the form that is known. Everything lives in the arena of `uv`. */
int pip_answer_read(struct search *search, const struct question *q, const struct pip_run *runs, size_t run_count, const struct value *answer,
		    struct uv_lock *ret, struct error *err);
