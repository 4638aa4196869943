/* Objects of JSON text with some members replaced and all others as they were, byte for byte: what another program wrote there is its own. */
#pragma once

#include "base/strbuf.h"
#include "io/json.h"

struct json_change {
	const char *key;
	const char *text; /* JSON */
};

/* The text of the value under `key` of the object at `object`, which was read as `table`; NULL when it is not there. *ret_length (may be NULL) is its length. */
const char *json_text_of(const char *object, const struct value *table, const char *key, size_t *ret_length);
/* Adds the object at `object`, which was read as `table` (NULL: an empty one), with the changes; those of keys it has not got come last. */
void json_text_change(struct strbuf *out, const char *object, const struct value *table, const struct json_change *changes, size_t count);
