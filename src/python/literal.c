#include "python/literal.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"

/* Python keeps surrogates apart, and so does their UTF-8. */
static void add_character(struct strbuf *out, uint32_t c)
{
	if (c)
		text_add_utf8(out, c);
	else
		strbuf_add(out, "\xc0\x80");
}

static const char *read_hex(const char *at, const char *end, int digits, uint32_t *ret)
{
	uint32_t value = 0;

	for (; digits; digits--, at++) {
		int digit = at < end ? text_hex_digit(*at) : -1;

		if (digit < 0)
			return NULL;
		value = value << 4 | (uint32_t)digit;
	}
	*ret = value;
	return value <= 0x10FFFF ? at : NULL;
}

static const char *read_octal(const char *at, const char *end, uint32_t *ret)
{
	*ret = 0;
	for (int i = 0; i < 3 && at < end && *at >= '0' && *at <= '7'; i++)
		*ret = *ret << 3 | (uint32_t)(*at++ - '0');
	return at;
}

/* The escape after a backslash; returns the place after it, NULL when it is broken. */
static const char *read_escape(const char *at, const char *end, struct strbuf *out)
{
	static const char names[] = "\\'\"abfnrtv", meanings[] = "\\'\"\a\b\f\n\r\t\v";
	const char *simple = strchr(names, *at);
	uint32_t character = 0;

	if (*at == '\r')
		return at + 1 < end && at[1] == '\n' ? at + 2 : at + 1; /* the literal goes on in the next line */
	if (*at == '\n')
		return at + 1;
	if (simple) {
		strbuf_add_char(out, meanings[simple - names]);
		return at + 1;
	}
	if (*at == 'N')
		return NULL;
	if (*at == 'x' || *at == 'u' || *at == 'U')
		at = read_hex(at + 1, end, *at == 'x' ? 2 : *at == 'u' ? 4 : 8, &character);
	else if (*at >= '0' && *at <= '7')
		at = read_octal(at, end, &character);
	else {
		strbuf_add_char(out, '\\'); /* no escape: both characters stay */
		return at;
	}
	if (at)
		add_character(out, character);
	return at;
}

char *literal_read(struct arena *a, const char *start, const char *end)
{
	autostrbuf struct strbuf text = {0};

	for (const char *at = start; at < end;) {
		if (*at == '\n' || *at == '\r')
			return NULL;
		if (*at != '\\') {
			strbuf_add_char(&text, *at++);
			continue;
		}
		/* A backslash at the very end would take the closing quote with it. */
		at = at + 1 < end ? read_escape(at + 1, end, &text) : NULL;
		if (!at)
			return NULL;
	}
	return arena_strndup(a, strbuf_text(&text), text.length);
}
