/* What a marker is made of; for the files of this folder. Everybody else uses marker.h. */
#pragma once

#include "python/marker.h"
#include "python/specifier.h"

enum marker_variable {
	MARKER_IMPLEMENTATION_NAME,
	MARKER_IMPLEMENTATION_VERSION,
	MARKER_OS_NAME,
	MARKER_PLATFORM_MACHINE,
	MARKER_PLATFORM_PYTHON_IMPLEMENTATION,
	MARKER_PLATFORM_RELEASE,
	MARKER_PLATFORM_SYSTEM,
	MARKER_PLATFORM_VERSION,
	MARKER_PYTHON_FULL_VERSION,
	MARKER_PYTHON_VERSION,
	MARKER_SYS_PLATFORM,
	MARKER_EXTRA,
	MARKER_EXTRAS,            /* PEP 751, lock files only: a set */
	MARKER_DEPENDENCY_GROUPS, /* the same */
	MARKER_NO_VARIABLE,
};
extern const char *const marker_variable_names[MARKER_NO_VARIABLE];

enum marker_operator {
	MARKER_BELOW,
	MARKER_AT_MOST,
	MARKER_EQUAL,
	MARKER_NOT_EQUAL,
	MARKER_AT_LEAST,
	MARKER_ABOVE,
	MARKER_COMPATIBLE,
	MARKER_ARBITRARY,
	MARKER_IN,
	MARKER_NOT_IN
};
extern const char *const marker_operator_texts[];

struct marker_operand {
	enum marker_variable variable; /* MARKER_NO_VARIABLE: a literal */
	const char *text;              /* the literal's meaning, the variable's name */
};

struct marker_item {
	bool after_or;              /* else joined to the one before by "and" */
	const struct marker *group; /* parenthesised, or NULL: then the comparison that follows */
	enum marker_operator op;
	struct marker_operand left, right;
	enum marker_variable key; /* the variable whose value is compared */
	bool key_is_left;
	/* "<op><literal>" for a key that holds a version, when that is a specifier; else NULL. */
	const struct specifier *specifier;
};

/* A list of items; "and" binds tighter than "or". */
struct marker {
	struct marker_item *items;
	size_t count;
};

/* Reads a marker from *at on, blanks around it included, and moves *at behind it. On failure NULL, and *at is where something else was expected. */
struct marker *marker_parse_part(struct arena *a, const char **at);
/* Whether the variable's values are versions, so that PEP 440 compares them. */
bool marker_key_is_version(enum marker_variable key);
