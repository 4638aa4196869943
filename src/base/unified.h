/* The unified difference of two texts (the format of diff -u and of patch), shortest by Myers' algorithm, in linear space. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

struct unified_text {
	const char *label; /* after "--- " or "+++ "; "/dev/null" where there is no file */
	const char *text;
	size_t length;
};

/* Appends the difference with three lines of context; nothing when the texts are equal. True when they differ. */
bool unified_diff(struct strbuf *out, struct unified_text before, struct unified_text after);
