/* TOML 1.0, read and written strictly (held to toml-test). The reader gives a tree of io/value.h; the writer makes lines. */
#pragma once

#include "base/strbuf.h"
#include "io/value.h"

/* Deeper nesting (tables, arrays and dotted keys together) or more values are problems, so that no file can exhaust stack or memory. */
enum { TOML_LIMIT_DEPTH = 100, TOML_LIMIT_VALUES = 2000000 };

/* Reads `text`. NULL, with problems in `d` (which then also remembers the source), when it is not valid TOML; else the document (a table). Reading stops at
   the first mistake of form; keys given twice are all reported. The tree lives in `a` and keeps nothing of `text`. */
struct value *toml_parse(struct arena *a, const char *file, const char *text, size_t length, struct diag *d);
/* Reads a file of at most limit_bytes; as toml_parse. A file that cannot be read is a problem in `d`. */
struct value *toml_read(struct arena *a, const char *path, const char *file, size_t limit_bytes, struct diag *d);

/* A value of any kind but VALUE_NULL on one line: lists in brackets, tables inline. What was read from it is the same tree. */
void toml_add_value(struct strbuf *out, const struct value *v);
/* "key = value", without a line end. */
void toml_add_entry(struct strbuf *out, const struct value_entry *entry);
/* A basic string with its quotes and escapes (invalid UTF-8 becomes U+FFFD); a key, bare where it may be. */
void toml_add_string(struct strbuf *out, const char *text);
void toml_add_key(struct strbuf *out, const char *key);
