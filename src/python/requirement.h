/* Requirements (PEP 508): name, extras, specifier or URL, marker. */
#pragma once

#include "python/marker.h"
#include "python/version.h"

struct requirement {
	const char *name, *canonical;
	const char **extras; /* canonical, sorted, each once */
	size_t extra_count;
	const char *specifier; /* normal text, "" for none */
	struct specifier_set *specifiers;
	const char *url;         /* or NULL */
	const char *marker_text; /* or NULL */
	struct marker *marker;   /* or NULL: always */
};

/* NULL when it is not valid; *ret_at is then where in the text and *ret_why what was expected there. */
struct requirement *requirement_parse(struct arena *a, const char *text, size_t *ret_at, const char **ret_why);
