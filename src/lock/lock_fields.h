/* Reading tables of a lock by rows: which keys there are, what their values must be, and where they go. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "io/value.h"

enum lock_field_kind {
	FIELD_TEXT,      /* const char *: one printable line, not empty */
	FIELD_NAME,      /* const char *: a canonical package name (PEP 503) */
	FIELD_VERSION,   /* const char *: a version in normal form (PEP 440) */
	FIELD_MARKER,    /* const char *: an environment marker (PEP 508) */
	FIELD_SHA256,    /* const char *: 64 hex digits */
	FIELD_FILE_NAME, /* const char *: a name that stays in its folder */
	FIELD_SIZE,      /* uint64_t */
	FIELD_TEXTS,     /* const char **: FIELD_TEXT each, sorted, each once; and their count */
	FIELD_NAMES,     /* const char **: FIELD_NAME each, sorted, each once; and their count */
	FIELD_OTHER,     /* read by the caller */
};

struct lock_field {
	const char *key; /* NULL ends the rows */
	enum lock_field_kind kind;
	bool required;
	size_t offset, count_offset; /* in the struct that is filled */
};

/* Fills `into` from a table called `what` in messages ("[[package]]"). Problems go to `d`; what could not be read stays zero. False when there was one. */
bool lock_fields_read(const struct lock_field *fields, const char *what, const struct value *table, struct arena *a, struct diag *d, void *into);
/* "out of order" or "given twice" at `at`; order is the comparison of an element with the one after it. */
void lock_fields_order(struct diag *d, struct pos at, const char *name, const char *before, int order);
