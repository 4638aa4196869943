/* Pre-releases that nobody asked for. PEP 440 takes one only where a specifier names one, or where no release satisfies it; uv takes one also where releases do, but
   what they require clashes with others. */
#pragma once

#include "base/error.h"
#include "resolve/asking.h"
#include "resolve/projection.h"
#include "resolve/question.h"

/* What the answer has of such is noted in `a`. It is known of packages that only the database asks for: what other packages say of one is not in the answer.
   Returns how many were not known before; -1: ERR_CANCELLED. */
int prereleases_note(struct asking *a, const struct question *q, const struct search_wish *wish, const struct projection *p, struct error *err);
/* Says in the question which packages are asked for in their releases alone: those noted, where what it says of them leaves a release. */
void prereleases_rule_out(const struct asking *a, struct question *q);
/* A hint for each that the refusal speaks of. */
void prereleases_tell(const struct asking *a, const char *refusal, struct error *err);
