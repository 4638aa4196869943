/* Asks the resolver, and takes only answers whose files can be used: uv looks at Python, system and machine, but neither at the C library nor at the upper bound
   of Requires-Python. What it picks in spite of them is ruled out where it does not fit, and uv is asked again. */
#pragma once

#include <stdint.h>

#include "resolve/projection.h"
#include "resolve/pythons.h"
#include "resolve/question.h"
#include "resolve/search.h"

struct listings;
struct unwanted_prerelease;

struct asking {
	struct search *search;
	struct arena *arena;    /* of the answers */
	struct misfit *misfits; /* known so far, whichever question they were found by; in the uv's arena */
	size_t misfit_count;
	struct listings *listings;            /* or NULL: indexes are not to be asked for their pages */
	struct unwanted_prerelease *unwanted; /* known so far, as misfits are */
	size_t unwanted_count;
	struct pythons pythons;
	int64_t deadline_ms;  /* on the monotonic clock: no answer after it; 0: none */
	int64_t cut_off_unix; /* what uv says that it used; 0: nothing yet */
};

/* 1: answered, and every file fits. 0: refused. -1: as uv_ask() and projection_make(); ERR_NOT_FOUND when version after version does not fit. */
int asking_ask(struct asking *a, const struct question *q, const struct search_wish *wish, struct projection *ret, struct search_refusal *refusal,
	       struct error *err);
/* Begins to search for what will be asked first of a question, and returns after a moment (search_begin()). */
void asking_begin(struct asking *a, const struct question *q, const struct search_wish *wish);
/* "none of its 3 wheels can be used in cp311-...", "it needs Python <3.11, and ... has 3.11" */
void misfit_add_reason(struct strbuf *out, const struct misfit *m);
