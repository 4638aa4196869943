/* TOML 1.0, read and written strictly (held to toml-test). The reader gives a tree of io/value.h; the writer makes lines. */
#pragma once

#include "base/strbuf.h"
#include "io/value.h"

/* Reads `text`. NULL, with problems in `d`, when it is not valid TOML; else the document (a table). The tree lives in `a`. */
struct value *toml_parse(struct arena *a, const char *file, const char *text, size_t length, struct diag *d);
/* Reads a file of at most limit_bytes; as toml_parse. A file that cannot be read is a problem in `d`. */
struct value *toml_read(struct arena *a, const char *path, const char *file, size_t limit_bytes, struct diag *d);

/* A basic string with its quotes and escapes; a key, bare where it may be. */
void toml_add_string(struct strbuf *out, const char *text);
void toml_add_key(struct strbuf *out, const char *key);
