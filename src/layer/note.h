/* Notes of what was made from what: <cache>/<kind>/<2 hex>/<key> is a small JSON text about a file that lies in the store by its digest. Both may be deleted at any
   time. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "io/digest.h"
#include "io/value.h"

/* NULL when there is no such note, or it is broken. In `a`. */
const struct value *note_read(struct arena *a, const char *kind, const char *key);
int note_write(const char *kind, const char *key, const struct strbuf *text, struct error *err);

/* What notes are made of: false when it is not there, or not of that form. */
bool note_get_digest(const struct value *note, const char *name, char ret[DIGEST_HEX_LENGTH + 1]);
bool note_get_count(const struct value *note, const char *name, uint64_t *ret);
