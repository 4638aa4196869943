/* The two halves of the reader of lock.toml: the head and what there is to install. Only they use this. */
#pragma once

#include "base/diag.h"
#include "io/value.h"
#include "lock/lock.h"

struct lock_reader {
	struct lock *lock;
	struct arena *a;
	struct diag *d;
	const struct value *document; /* in an arena of its own: several times as large as the lock, and not needed after it */
	struct arena scratch;         /* for one name after another: a lock has thousands */
};

struct arena *lock_reader_scratch(struct lock_reader *r);
/* The list under a key; an empty one, after a problem, when it is something else. */
const struct value *lock_reader_list(struct lock_reader *r, const struct value *table, const char *key);
void lock_reader_unknown(struct lock_reader *r, struct pos at, const char *kind, const char *name, const char *const *names, size_t count);

/* [[package]], [[toolchain]] and [[deb]], after containers and environments; then, when all was fine so far, what must hold between them. */
void lock_reader_pins(struct lock_reader *r);
void lock_reader_check(struct lock_reader *r);
