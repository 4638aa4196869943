/* The part of a mirror folder that pip reads: a simple index of the files that a lock needs (PEP 503 as HTML, PEP 691 as JSON beside it). */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "lock/lock.h"

struct mirror_counts {
	size_t files, added; /* in the folder of those asked for; put there now */
};

/* Puts every file of the lock that is in the store into <folder>/simple/<package>/, and writes the pages of these packages, which keep what they named before.
   Each page is replaced in one step, after its files are there. Adds to the counts. */
int simple_index_write(const struct lock *lock, const char *folder, struct mirror_counts *ret, struct error *err);
