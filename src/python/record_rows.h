/* RECORD files: a row of path, hash and size for each file of a wheel or of an installed project (PEP 376, PEP 427, "Recording installed projects"), in CSV. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/strbuf.h"

struct record_row {
	const char *path, *hash, *size; /* "" where a row does not say; "sha256=<base64url>", a decimal number */
};

struct record_rows {
	struct record_row *rows;
	size_t count;
};

/* Reads any text as Python's csv module does: a quote counts at the beginning of a field only; further fields of a row are dropped. Empty lines are no rows. In `a`. */
void record_rows_parse(struct arena *a, const char *text, size_t length, struct record_rows *ret);
/* Sorts the rows by all they say and appends them as pip writes them: fields quoted where they need it, lines ended by CR LF. */
void record_rows_write(struct record_rows *record, struct strbuf *out);
/* "sha256=<base64url without padding>" of the bytes, as rows have it. In `a`. */
const char *record_rows_hash(struct arena *a, const void *bytes, size_t length);
/* Whether a row's hash is of bytes with this SHA-256, in hexadecimal digits; also when it is of another kind, which is not looked at, or there is none. */
bool record_rows_hash_fits(const char *hash, const char *sha256);
