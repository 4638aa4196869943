/* Python string literals, as far as they stand in markers. */
#pragma once

#include "base/arena.h"

/* What a literal means whose text between the quotes is [start, end): escapes read, NUL as the bytes C0 80 (which no text holds otherwise, so that it is
   equal to itself only). NULL where Python sees a syntax error, and for "\N{...}", which would take the names of Unicode to read. */
char *literal_read(struct arena *a, const char *start, const char *end);
