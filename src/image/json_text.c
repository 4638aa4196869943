#include "image/json_text.h"

#include <string.h>

/* All of these are given text that was read without complaint. */
static const char *skip_space(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

static const char *skip_text(const char *p)
{
	for (p++; *p != '"'; p++)
		p += *p == '\\';
	return p + 1;
}

static const char *skip_value(const char *p)
{
	size_t depth = 0;

	do {
		if (*p == '"') {
			p = skip_text(p);
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		else if (!depth)
			return p + strcspn(p, ",]} \t\r\n");
		p++;
	} while (depth);
	return p;
}

/* One member: its key, quoted, and its value. Moves on to the next. */
struct member {
	const char *key, *value;
	size_t key_length, value_length;
};

static struct member next_member(const char **p)
{
	struct member m = {.key = skip_space(*p)};
	const char *end = skip_text(m.key);

	m.key_length = (size_t)(end - m.key);
	m.value = skip_space(skip_space(end) + 1); /* behind the colon */
	end = skip_value(m.value);
	m.value_length = (size_t)(end - m.value);
	*p = skip_space(end) + 1; /* behind the comma, or the brace */
	return m;
}

/* The reader keeps members in their order, so a member's place tells which it is, however its key is written. */
static bool is_key(const struct value_entry *entry, const char *key)
{
	return entry->key_length == strlen(key) && !memcmp(entry->key, key, entry->key_length);
}

const char *json_text_of(const char *object, const struct value *table, const char *key, size_t *ret_length)
{
	const char *p = skip_space(object) + 1;

	for (size_t i = 0; i < table->entry_count; i++) {
		struct member m = next_member(&p);

		if (!is_key(&table->entries[i], key))
			continue;
		if (ret_length)
			*ret_length = m.value_length;
		return m.value;
	}
	return NULL;
}

static void copy_members(struct strbuf *out, const char *object, const struct value *table, const struct json_change *changes, size_t count)
{
	const char *p = skip_space(object) + 1;

	for (size_t i = 0; i < table->entry_count; i++) {
		struct member m = next_member(&p);
		const char *text = NULL;

		for (size_t c = 0; c < count; c++) {
			if (is_key(&table->entries[i], changes[c].key))
				text = changes[c].text;
		}
		strbuf_add(out, i ? "," : "");
		strbuf_add_bytes(out, m.key, m.key_length);
		strbuf_add_char(out, ':');
		strbuf_add_bytes(out, text ? text : m.value, text ? strlen(text) : m.value_length);
	}
}

void json_text_change(struct strbuf *out, const char *object, const struct value *table, const struct json_change *changes, size_t count)
{
	bool has_items = table && table->entry_count;

	strbuf_add_char(out, '{');
	if (table)
		copy_members(out, object, table, changes, count);
	for (size_t c = 0; c < count; c++) {
		if (value_get(table, changes[c].key))
			continue;
		strbuf_printf(out, "%s\"%s\":%s", has_items ? "," : "", changes[c].key, changes[c].text);
		has_items = true;
	}
	strbuf_add_char(out, '}');
}
