/* Project, extra and group names (PEP 503, PEP 508, PEP 685, PEP 735). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* PEP 508: letters, digits, '.', '-', '_'; begins and ends with a letter or digit; ASCII. */
bool name_is_valid(const char *name);
/* PEP 503: lower case, runs of '.', '-', '_' become one '-'. In the arena. */
char *name_canonical(struct arena *a, const char *name);
bool name_is_canonical(const char *name);
