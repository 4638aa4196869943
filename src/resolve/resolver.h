/* One call of resolve_lock() or resolve_build(): what its parts share. Inside resolve/ only. */
#pragma once

#include "resolve/asking.h"
#include "resolve/candidates.h"
#include "resolve/listing.h"
#include "resolve/question.h"
#include "resolve/resolve.h"
#include "resolve/source.h"
#include "resolve/search.h"

struct resolver {
	struct arena scratch;
	const struct database *db;
	const struct lock *last;
	const struct resolve_options *options;
	struct search search;
	struct asking asking;
	struct sources sources;
	struct environments environments; /* in the arena of the result, which they become a part of */
	struct question containers;       /* what all of them want */
	struct listings listings;
	struct splits splits;
	struct lock *ret;
	struct diag *d;
	struct error *err;
};

void resolver_progress(const struct resolver *r, const char *text);
/* An answer to a question; when there is none, what clashes is in `d`. */
int resolver_answer(struct resolver *r, struct question *q, struct projection *ret);
/* Adds a toolchain pin to a lock; one that is there for another use becomes one with it. */
void resolver_merge_pin(struct lock *lock, const struct pin *pin);
/* An edge names the version it leads to only where its part of the lock has several. */
void resolver_shorten_edges(struct lock *lock);
/* The folder for the questions, "<prefix>XXXXXX" in .lockstep/; one of this prefix that a killed run left goes. */
int resolver_make_folder(struct resolver *r, const char *prefix);

/* builds.c: what builds what is built from source, as toolchain pins of each pin that has an archive and needs it. */
int builds_resolve(struct resolver *r, struct lock *lock);
int builds_resolve_anew(struct resolver *r, struct lock *lock, const struct pin *pin, const char *const *requirements, size_t count);
