/* How the entries of a lock are cut: a version of a package is one entry where one list of environments says where each of its owners has it, else several. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "lock/lock.h"
#include "resolve/question.h"

/* An asker in one of its environments; those of one asker stand together. */
struct owner {
	const struct asker *asker;
	const struct lock_environment *environment;
	bool has; /* it has the package there */
};

/* What will be one pin: who has it, where. */
struct entry {
	const struct asker **owners;
	size_t owner_count;
	const struct lock_environment **environments; /* none: in all that the owners have */
	size_t environment_count;
	bool *has; /* by place of the owners it was made from */
};

/* In `a`. None when nobody has it. */
void entries_make(struct arena *a, const struct owner *owners, size_t owner_count, struct entry **ret, size_t *ret_count);
