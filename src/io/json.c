#include "io/json.h"

#include <string.h>

#include <jansson.h>

#include "base/text.h"

static struct value *convert(struct arena *a, json_t *j);

static struct value *convert_table(struct arena *a, json_t *j, struct value *v)
{
	const char *key;
	size_t length;
	json_t *item;

	v->kind = VALUE_TABLE;
	v->entries = arena_array(a, json_object_size(j), sizeof(*v->entries));
	json_object_keylen_foreach(j, key, length, item)
	{
		struct value_entry *entry = &v->entries[v->entry_count++];

		entry->key = arena_strndup(a, key, length);
		entry->key_length = length;
		entry->value = convert(a, item);
	}
	return v;
}

static struct value *convert(struct arena *a, json_t *j)
{
	struct value *v = arena_new(a, struct value);

	switch (json_typeof(j)) {
	case JSON_OBJECT:
		return convert_table(a, j, v);
	case JSON_ARRAY:
		v->kind = VALUE_ARRAY;
		v->item_count = json_array_size(j);
		v->items = arena_array(a, v->item_count, sizeof(*v->items));
		for (size_t i = 0; i < v->item_count; i++)
			v->items[i] = convert(a, json_array_get(j, i));
		break;
	case JSON_STRING:
		v->kind = VALUE_TEXT;
		v->text = arena_strndup(a, json_string_value(j), json_string_length(j));
		v->text_length = json_string_length(j);
		break;
	case JSON_INTEGER:
		v->kind = VALUE_INTEGER;
		v->integer = json_integer_value(j);
		break;
	case JSON_REAL:
		v->kind = VALUE_FLOAT;
		v->floating = json_real_value(j);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		v->kind = VALUE_BOOLEAN;
		v->boolean = json_is_true(j);
		break;
	case JSON_NULL:
		v->kind = VALUE_NULL;
		break;
	}
	return v;
}

int json_parse(struct arena *a, const char *what, const char *text, size_t length, struct value **ret_value, struct error *err)
{
	json_error_t problem;

	/* jansson passes over one that follows a number or a word. */
	if (memchr(text, '\0', length))
		return error_set(err, ERR_INPUT, "%s: not valid JSON: there is a NUL byte in it", what);
	json_t *j = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &problem);

	if (!j)
		return error_set(err, ERR_INPUT, "%s: line %d, column %d: not valid JSON: %s", what, problem.line, problem.column, problem.text);
	*ret_value = convert(a, j);
	json_decref(j);
	return 0;
}

static void add_string(struct strbuf *out, const char *text)
{
	size_t length = strlen(text);

	strbuf_add_char(out, '"');
	for (size_t i = 0; i < length;) {
		uint32_t code = 0;
		size_t size = text_utf8_decode(text + i, length - i, &code);

		if (!size)
			strbuf_add(out, "\xef\xbf\xbd");
		else if (code == '"' || code == '\\')
			strbuf_printf(out, "\\%c", (char)code);
		else if (code == '\n')
			strbuf_add(out, "\\n");
		else if (text_is_control(code)) /* none is above U+FFFF */
			strbuf_printf(out, "\\u%04x", (unsigned)code);
		else
			strbuf_add_bytes(out, text + i, size);
		i += size ? size : 1;
	}
	strbuf_add_char(out, '"');
}

static void new_line(struct json_writer *w)
{
	if (w->compact)
		return;
	strbuf_add_char(w->out, '\n');
	strbuf_add_repeat(w->out, ' ', 2 * (size_t)w->depth);
}

static void begin_item(struct json_writer *w, const char *key)
{
	if (w->has_items)
		strbuf_add_char(w->out, ',');
	if (w->depth)
		new_line(w);
	if (key) {
		add_string(w->out, key);
		strbuf_add(w->out, w->compact ? ":" : ": ");
	}
	w->has_items = true;
}

static void begin(struct json_writer *w, const char *key, char bracket)
{
	begin_item(w, key);
	strbuf_add_char(w->out, bracket);
	w->depth++;
	w->has_items = false;
}

static void end(struct json_writer *w, char bracket)
{
	w->depth--;
	if (w->has_items)
		new_line(w);
	strbuf_add_char(w->out, bracket);
	w->has_items = true;
	if (!w->depth)
		strbuf_add_char(w->out, '\n');
}

void json_begin_object(struct json_writer *w, const char *key)
{
	begin(w, key, '{');
}

void json_end_object(struct json_writer *w)
{
	end(w, '}');
}

void json_begin_array(struct json_writer *w, const char *key)
{
	begin(w, key, '[');
}

void json_end_array(struct json_writer *w)
{
	end(w, ']');
}

void json_add_text(struct json_writer *w, const char *key, const char *text)
{
	if (!text) {
		json_add_null(w, key);
		return;
	}
	begin_item(w, key);
	add_string(w->out, text);
}

void json_add_integer(struct json_writer *w, const char *key, int64_t number)
{
	begin_item(w, key);
	strbuf_printf(w->out, "%lld", (long long)number);
}

void json_add_boolean(struct json_writer *w, const char *key, bool truth)
{
	begin_item(w, key);
	strbuf_add(w->out, truth ? "true" : "false");
}

void json_add_null(struct json_writer *w, const char *key)
{
	begin_item(w, key);
	strbuf_add(w->out, "null");
}

void json_add_value(struct json_writer *w, const char *key, const struct value *v)
{
	switch (v->kind) {
	case VALUE_NULL:
		json_add_null(w, key);
		break;
	case VALUE_BOOLEAN:
		json_add_boolean(w, key, v->boolean);
		break;
	case VALUE_INTEGER:
		json_add_integer(w, key, v->integer);
		break;
	case VALUE_FLOAT:
		begin_item(w, key);
		strbuf_printf(w->out, "%.17g", v->floating);
		break;
	case VALUE_TEXT:
	case VALUE_DATETIME:
		json_add_text(w, key, v->text);
		break;
	case VALUE_ARRAY:
		json_begin_array(w, key);
		for (size_t i = 0; i < v->item_count; i++)
			json_add_value(w, NULL, v->items[i]);
		json_end_array(w);
		break;
	case VALUE_TABLE:
		json_begin_object(w, key);
		for (size_t i = 0; i < v->entry_count; i++)
			json_add_value(w, v->entries[i].key, v->entries[i].value);
		json_end_object(w);
		break;
	}
}
