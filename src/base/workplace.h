/* Temporary folders that carry the number of the process they belong to, so that what a killed one left is known and removed by the next. */
#pragma once

#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"

/* A new empty folder in `parent`, after removing those there of processes that are gone. In `a`. */
int workplace_make(struct arena *a, const char *parent, mode_t mode, const char **ret, struct error *err);
/* Removes one; NULL is fine. */
void workplace_drop(const char *folder);
/* $TMPDIR when that is an absolute path, else /tmp. */
const char *workplace_temporary(void);
