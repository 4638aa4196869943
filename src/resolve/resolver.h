/* One call of resolve_lock() or resolve_build(): what its parts share. Inside resolve/ only.

   The way of a lock through this folder, layers first, then all containers at once:
     question (binding, limits)    what is asked: who wants which packages, and which constraint in recipes/ is behind it
     search                        one asking of one of the two resolvers, which answer in the same form:
       uv (uv_files, uv_indexes, uv_lock, uv_said), or pip (pip_search.py, pip_answer)
     asking (pythons), source      asking again until every file of the answer can be used, or will be built from source
     projection                    each asker's part of the answer
     settle (candidates, listing)  asking again for fewer versions and less movement
     clash (clash_said)            where there is no answer: why, in the words of recipes/
     entries                       pins as entries of the lock
     builds, archives              what builds what has no wheel; archives that layers unpack
     differences, waivers, sizes   what remains is declared, or refused; and is filled in
   closure looks at a finished lock a second time, by what the wheels themselves say. index_http is how an index is asked beside the resolver. */
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
	int64_t longest_ms; /* what a question took, of those asked first */
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
