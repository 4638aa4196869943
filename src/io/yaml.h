/* YAML as lockstep reads it: a strict subset of YAML 1.1 by libyaml. One document, UTF-8, no duplicate keys, no merge keys, no anchors or aliases,
   no tags, keys are scalars. Every scalar is VALUE_TEXT; the schema gives it a type, so 3.10 stays the text "3.10". */
#pragma once

#include "io/value.h"

enum { YAML_LIMIT_BYTES = 4 * 1024 * 1024, YAML_LIMIT_DEPTH = 32, YAML_LIMIT_NODES = 150000 };

/* Reads `text`; problems go to `d` (which also remembers the source) with positions in `file`. Returns the document, NULL when nothing usable
   could be read (an empty document gives an empty table). The tree lives in `a`. */
struct value *yaml_parse(struct arena *a, const char *file, const char *text, size_t length, struct diag *d);
/* As yaml_parse on the file `path`, which is called `file` in messages. A file that cannot be read is a problem in `d` too. */
struct value *yaml_read(struct arena *a, const char *path, const char *file, struct diag *d);
