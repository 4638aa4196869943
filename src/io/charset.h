/* Text in other encodings than UTF-8, read into UTF-8 (the C library's iconv where no more than a table is needed). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

enum charset {
	CHARSET_UTF_8,
	CHARSET_ASCII,
	CHARSET_LATIN_1,
	CHARSET_UTF_16,
	CHARSET_UTF_16_LE,
	CHARSET_UTF_16_BE,
	CHARSET_UTF_32,
	CHARSET_UTF_32_LE,
	CHARSET_UTF_32_BE,
	CHARSET_TABLE
};

/* An encoding by one of the names that Python knows it by ("Latin-1", "utf8", "windows-1252"), in any case and with '-' or '_'. False when it is not known here:
   besides Unicode these are ISO 8859, the code pages of Windows and the more usual ones of DOS, KOI8, GB 2312 and CP949. *ret_table names the table for iconv. */
bool charset_find(const char *name, enum charset *ret, const char **ret_table);
/* Appends bytes as UTF-8. ERR_INPUT, naming the place, when they are not valid in the encoding. Without "LE" or "BE" the bytes may begin with a byte order mark,
   which is dropped; else the low byte comes first. `table` is as charset_find() gave it. */
int charset_decode(enum charset set, const char *table, const char *bytes, size_t length, struct strbuf *out, struct error *err);
