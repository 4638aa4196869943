/* One specifier of a set (">=1.4"); for the files of this folder. Everybody else uses version.h. */
#pragma once

#include "python/version_parts.h"

enum specifier_op {
	SPECIFIER_COMPATIBLE,
	SPECIFIER_EQUAL,
	SPECIFIER_NOT_EQUAL,
	SPECIFIER_AT_MOST,
	SPECIFIER_AT_LEAST,
	SPECIFIER_BELOW,
	SPECIFIER_ABOVE,
	SPECIFIER_ARBITRARY
};

struct specifier {
	enum specifier_op op;
	bool wildcard;
	const char *text;              /* normal: operator and version as written, nothing between them */
	const char *version_text;      /* the version as written; a part of `text` */
	const struct version *version; /* without the ".*"; NULL when the text of a "===" is no version */
	/* Where the versions end that the specifier speaks of, by operator: the first version that is too high for "~=" and ".*", and also for "<"; the first
	   that is high enough for ">" of a development or post-release. */
	const struct version *bound;
	const struct version *floor; /* of ".*": the lowest version that begins so */
};

/* The longest specifier that `at` begins with (and before `limit`), white space inside and none around it; NULL when there is none. */
const char *specifier_scan(const char *at, const char *limit);
/* The text of one whole specifier, white space around it allowed; false when it is none. Behind it is the end of the text or a comma. */
bool specifier_parse(struct arena *a, const char *text, size_t length, struct specifier *ret);
/* Whether a version is taken, pre-releases like all others; `version` is what `text` says, NULL when that is no version. */
bool specifier_takes(const struct specifier *s, const char *text, const struct version *version);
/* Whether the specifier names a pre-release, so that its set takes them. */
bool specifier_names_prerelease(const struct specifier *s);
/* The same versions, in the same form but for trailing zeros and spelling: 0. An order that has no other meaning. */
int specifier_compare(const struct specifier *a, const struct specifier *b);
