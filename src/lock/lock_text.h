/* lock.toml, the text form of a lock: written the same every time, read strictly (unknown keys, bad names or hashes, wrong order are problems with places). */
#pragma once

#include "base/diag.h"
#include "base/strbuf.h"
#include "lock/lock.h"

enum { LOCK_VERSION = 1, LOCK_LIMIT_BYTES = 64 * 1024 * 1024 };

/* Appends the text. Arrays must stand in their order (lock_sort). */
void lock_write(const struct lock *lock, struct strbuf *out);
/* Whether two locks have the same text. */
bool lock_equal(const struct lock *a, const struct lock *b);
/* Reads text called `file` in messages. -1 (ERR_INPUT, details in d) when it is no valid lock; the lock must be released either way. */
int lock_parse(struct lock *lock, const char *file, const char *text, size_t length, struct diag *d, struct error *err);
/* As lock_parse on a file; one that cannot be read is in err only. */
int lock_read(struct lock *lock, const char *path, const char *file, struct diag *d, struct error *err);
