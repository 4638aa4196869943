/* Where the packages of a base come from: the sources of apt that its tree gets, and that it is resolved and fetched from. */
#pragma once

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"

struct base;

/* Lines as of mirrors.h for a base whose source is BASE_MMDEBSTRAP: this machine's own, and where it has none for the suite those that mmdebstrap would take.
   In `a`. ERR_NOT_FOUND when neither knows any. */
int sources_of_base(struct arena *a, const struct base *base, const char *const **ret, size_t *ret_count, struct error *err);
/* Debian's name of a machine, "amd64" for "x86_64". */
const char *debian_architecture(const char *machine);
