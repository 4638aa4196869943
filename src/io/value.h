/* A tree of values: what the YAML, TOML and JSON readers all give, with the place of each value. Lives in an arena. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"

enum value_kind { VALUE_NULL, VALUE_BOOLEAN, VALUE_INTEGER, VALUE_FLOAT, VALUE_TEXT, VALUE_DATETIME, VALUE_ARRAY, VALUE_TABLE };

struct value_entry {
	const char *key;
	size_t key_length; /* a key may hold NUL bytes (TOML, JSON) */
	struct pos key_pos;
	struct value *value;
};

struct value {
	enum value_kind kind;
	struct pos pos;
	/* YAML gives every scalar as VALUE_TEXT, also an empty one; `plain` tells that it stood unquoted, so that a schema may read 3, true or null from it. */
	bool plain;
	bool boolean;
	int64_t integer;
	double floating;
	const char *text; /* TEXT; DATETIME as written; NUL-terminated */
	size_t text_length;
	struct value **items; /* ARRAY */
	size_t item_count;
	struct value_entry *entries; /* TABLE, in the order of the file */
	size_t entry_count;
	void *index; /* of the reader's own, for large tables */
};

const char *value_kind_name(enum value_kind kind); /* "text", "list", "table", ... as users are told */
/* The value under a key, or NULL; also NULL when `table` is NULL or no table. */
struct value *value_get(const struct value *table, const char *key);
/* The text under a key, or NULL when it is not there or no text. */
const char *value_get_text(const struct value *table, const char *key);
bool value_get_integer(const struct value *table, const char *key, int64_t *ret);
bool value_get_boolean(const struct value *table, const char *key, bool otherwise);
