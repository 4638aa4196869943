/* Why there is no answer, in the database's words: the smallest set of wishes that cannot hold together, found by asking again with fewer. */
#pragma once

#include <stdint.h>

#include "base/diag.h"
#include "base/error.h"
#include "resolve/projection.h"
#include "resolve/uv.h"

/* `q` was refused with `refusal`; `misfits` are versions that were ruled out before because no file of theirs can be used. Adds a problem at each constraint
   involved and returns -1 with the whole story in err: ERR_NOT_FOUND when a package or version does not exist, ERR_HTTP when an index knows no package at all,
   else ERR_CONFLICT. Takes limit_ms at most, and says so when that was not enough to be sure. */
int clash_explain(struct uv *uv, const struct question *q, const struct uv_refusal *refusal, const struct misfit *misfits, size_t misfit_count,
		  int64_t limit_ms, struct diag *d, struct error *err);
