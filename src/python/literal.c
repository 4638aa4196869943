#include "python/literal.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "python/scan.h"

static int hex_value(char c)
{
	if (scan_is_digit(c))
		return c - '0';
	c = scan_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* UTF-8, also of surrogates, which Python keeps apart. */
static char *put_character(char *out, uint32_t c)
{
	if (!c) {
		*out++ = (char)0xC0;
		*out++ = (char)0x80;
	} else if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xC0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3F));
	} else if (c < 0x10000) {
		*out++ = (char)(0xE0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3F));
		*out++ = (char)(0x80 | (c & 0x3F));
	} else {
		*out++ = (char)(0xF0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3F));
		*out++ = (char)(0x80 | (c >> 6 & 0x3F));
		*out++ = (char)(0x80 | (c & 0x3F));
	}
	return out;
}

static const char *read_hex(const char *at, const char *end, int digits, uint32_t *ret)
{
	uint32_t value = 0;

	for (; digits; digits--, at++) {
		int digit = at < end ? hex_value(*at) : -1;

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

/* The escape after a backslash; returns the place after it, NULL when it is broken. No escape means more bytes than it is long. */
static const char *read_escape(const char *at, const char *end, char **out)
{
	static const char names[] = "\\'\"abfnrtv", meanings[] = "\\'\"\a\b\f\n\r\t\v";
	const char *simple = strchr(names, *at);
	uint32_t character = 0;

	if (*at == '\r')
		return at + 1 < end && at[1] == '\n' ? at + 2 : at + 1; /* the literal goes on in the next line */
	if (*at == '\n')
		return at + 1;
	if (simple) {
		*(*out)++ = meanings[simple - names];
		return at + 1;
	}
	if (*at == 'N')
		return NULL;
	if (*at == 'x' || *at == 'u' || *at == 'U')
		at = read_hex(at + 1, end, *at == 'x' ? 2 : *at == 'u' ? 4 : 8, &character);
	else if (*at >= '0' && *at <= '7')
		at = read_octal(at, end, &character);
	else {
		*(*out)++ = '\\'; /* no escape: both characters stay */
		return at;
	}
	if (at)
		*out = put_character(*out, character);
	return at;
}

char *literal_read(struct arena *a, const char *start, const char *end, char quote)
{
	char *text = arena_alloc(a, (size_t)(end - start) + 1), *out = text;

	for (const char *at = start; at < end;) {
		if (*at == quote || *at == '\n' || *at == '\r')
			return NULL;
		if (*at != '\\') {
			*out++ = *at++;
			continue;
		}
		/* A backslash at the very end would take the closing quote with it. */
		at = at + 1 < end ? read_escape(at + 1, end, &out) : NULL;
		if (!at)
			return NULL;
	}
	return text;
}
