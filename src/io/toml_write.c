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

void toml_add_string(struct strbuf *out, const char *text)
{
	size_t length = strlen(text);

	strbuf_add_char(out, '"');
	for (size_t i = 0; i < length;) {
		size_t size = text_utf8_length(text + i, length - i);

		add_character(out, text + i, size);
		i += size;
	}
	strbuf_add_char(out, '"');
}

void toml_add_key(struct strbuf *out, const char *key)
{
	static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	if (*key && strspn(key, bare) == strlen(key))
		strbuf_add(out, key);
	else
		toml_add_string(out, key);
}
