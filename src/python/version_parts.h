/* What a version is made of; for the files of this folder that must look inside one. Everybody else uses version.h. */
#pragma once

#include "python/version.h"

/* A whole number of any size: its digits without leading zeros ("0" for zero), NUL-terminated. */
struct version_number {
	const char *digits;
	size_t length;
};

struct version_segment {
	struct version_number text; /* lower case */
	bool is_number;
};

/* In the order in which they sort. */
enum version_pre { VERSION_PRE_A, VERSION_PRE_B, VERSION_PRE_RC, VERSION_PRE_NONE };

struct version {
	struct version_number epoch, pre_number, post, dev;
	struct version_number *release;
	size_t release_count;
	size_t trimmed_count; /* without trailing zeros; may be 0 */
	struct version_segment *local;
	size_t local_count; /* 0: no local part */
	enum version_pre pre;
	bool has_post, has_dev;
};

/* Where the parts of a version stand in a text; starts and lengths of digit runs, unparsed. A length of 0 where a number was left out. */
struct version_span {
	const char *start;
	size_t length;
};
struct version_shape {
	struct version_span epoch, release, pre_number, post, dev, local; /* local without its '+' */
	const char *start, *end;
	size_t release_count, local_count;
	enum version_pre pre;
	bool has_post, has_dev;
	bool wildcard; /* ended with ".*" */
};

enum { VERSION_SCAN_LOCAL = 1, VERSION_SCAN_WILDCARD = 2, VERSION_SCAN_TWO_NUMBERS = 4 };
/* The longest version at `at` (no white space around it), with what the flags allow beyond epoch, release, pre, post and dev; false when there is none. */
bool version_scan(const char *at, unsigned flags, struct version_shape *ret);
/* The version that was found; its text is copied into the arena. */
struct version *version_build(struct arena *a, const struct version_shape *shape);

struct version_number version_number_next(struct arena *a, struct version_number n);
int version_number_compare(struct version_number a, struct version_number b);
/* As version_compare, but blind to local parts. */
int version_compare_public(const struct version *a, const struct version *b);
