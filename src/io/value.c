#include "io/value.h"

#include <string.h>

const char *value_kind_name(enum value_kind kind)
{
	static const char *const names[] = {"nothing", "a truth value", "a whole number", "a number", "text", "a date", "a list", "a table"};

	return names[kind];
}

struct value *value_get(const struct value *table, const char *key)
{
	size_t length = strlen(key);

	if (!table || table->kind != VALUE_TABLE)
		return NULL;
	for (size_t i = 0; i < table->entry_count; i++) {
		if (table->entries[i].key_length == length && !memcmp(table->entries[i].key, key, length))
			return table->entries[i].value;
	}
	return NULL;
}

const char *value_get_text(const struct value *table, const char *key)
{
	const struct value *v = value_get(table, key);

	return v && v->kind == VALUE_TEXT ? v->text : NULL;
}

bool value_get_integer(const struct value *table, const char *key, int64_t *ret)
{
	const struct value *v = value_get(table, key);

	if (!v || v->kind != VALUE_INTEGER)
		return false;
	*ret = v->integer;
	return true;
}

bool value_get_boolean(const struct value *table, const char *key, bool otherwise)
{
	const struct value *v = value_get(table, key);

	return v && v->kind == VALUE_BOOLEAN ? v->boolean : otherwise;
}
