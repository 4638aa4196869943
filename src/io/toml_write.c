#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/toml.h"

static void add_character(struct strbuf *out, const char *at, size_t size)
{
	static const char meanings[] = "\b\t\n\f\r\"\\", letters[] = "btnfr\"\\";
	const char *known = *at ? strchr(meanings, *at) : NULL;
	unsigned char c = (unsigned char)*at;

	if (known)
		strbuf_printf(out, "\\%c", letters[known - meanings]);
	else if (c < 0x20 || c == 0x7f)
		strbuf_printf(out, "\\u%04X", c);
	else if (c >= 0x80 && size == 1)
		strbuf_add(out, "\xef\xbf\xbd");
	else
		strbuf_add_bytes(out, at, size);
}

static void add_text(struct strbuf *out, const char *text, size_t length)
{
	strbuf_add_char(out, '"');
	for (size_t i = 0; i < length;) {
		size_t size = text_utf8_length(text + i, length - i);

		add_character(out, text + i, size);
		i += size;
	}
	strbuf_add_char(out, '"');
}

static void add_key(struct strbuf *out, const char *key, size_t length)
{
	static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	if (length && strspn(key, bare) == length)
		strbuf_add_bytes(out, key, length);
	else
		add_text(out, key, length);
}

void toml_add_string(struct strbuf *out, const char *text)
{
	add_text(out, text, strlen(text));
}

void toml_add_key(struct strbuf *out, const char *key)
{
	add_key(out, key, strlen(key));
}

/* The shortest text that reads as the same number, and as no whole one. */
static void add_float(struct strbuf *out, double number)
{
	char text[32];

	if (isnan(number) || isinf(number)) {
		strbuf_add(out, isnan(number) ? "nan" : number < 0 ? "-inf" : "inf");
		return;
	}
	/* 17 are always enough. */
	for (int digits = 15; snprintf(text, sizeof(text), "%.*g", digits, number), strtod(text, NULL) != number; digits++)
		;
	strbuf_add(out, text);
	if (!strpbrk(text, ".e"))
		strbuf_add(out, ".0");
}

void toml_add_entry(struct strbuf *out, const struct value_entry *entry)
{
	add_key(out, entry->key, entry->key_length);
	strbuf_add(out, " = ");
	toml_add_value(out, entry->value);
}

static void add_table(struct strbuf *out, const struct value *v)
{
	strbuf_add_char(out, '{');
	for (size_t i = 0; i < v->entry_count; i++) {
		strbuf_add(out, i ? ", " : "");
		toml_add_entry(out, &v->entries[i]);
	}
	strbuf_add_char(out, '}');
}

void toml_add_value(struct strbuf *out, const struct value *v)
{
	assert(v->kind != VALUE_NULL); /* TOML has none */
	switch (v->kind) {
	case VALUE_BOOLEAN:
		strbuf_add(out, v->boolean ? "true" : "false");
		break;
	case VALUE_INTEGER:
		strbuf_printf(out, "%lld", (long long)v->integer);
		break;
	case VALUE_FLOAT:
		add_float(out, v->floating);
		break;
	case VALUE_TEXT:
		add_text(out, v->text, v->text_length);
		break;
	case VALUE_DATETIME:
		strbuf_add_bytes(out, v->text, v->text_length);
		break;
	case VALUE_ARRAY:
		strbuf_add_char(out, '[');
		for (size_t i = 0; i < v->item_count; i++) {
			strbuf_add(out, i ? ", " : "");
			toml_add_value(out, v->items[i]);
		}
		strbuf_add_char(out, ']');
		break;
	default:
		add_table(out, v);
		break;
	}
}
