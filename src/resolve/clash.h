/* Why there is no answer, in the database's words: the smallest set of wishes that cannot hold together, found by asking again with fewer. */
#pragma once

#include <stdint.h>

#include "base/diag.h"
#include "base/error.h"
#include "resolve/asking.h"

/* `q` was refused with `refusal`. Adds a problem at each constraint involved and returns -1 with the whole story in err: ERR_NOT_FOUND when a package or version
   does not exist, ERR_HTTP when an index knows no package at all, else ERR_CONFLICT. Takes limit_ms at most, and says so when that was not enough to be sure. */
int clash_explain(struct asking *asking, const struct question *q, const struct search_refusal *refusal, int64_t limit_ms, struct diag *d, struct error *err);
