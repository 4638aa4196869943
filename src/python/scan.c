#include "python/scan.h"

/* The two- and three-byte white space of Unicode as Python has it: U+0085, U+00A0, U+1680, U+2000..200A, U+2028, U+2029, U+202F, U+205F, U+3000. */
static size_t wide_space(const unsigned char *at)
{
	if (at[0] == 0xC2)
		return at[1] == 0x85 || at[1] == 0xA0 ? 2 : 0;
	if (at[0] == 0xE1)
		return at[1] == 0x9A && at[2] == 0x80 ? 3 : 0;
	if (at[0] == 0xE3)
		return at[1] == 0x80 && at[2] == 0x80 ? 3 : 0;
	if (at[0] != 0xE2)
		return 0;
	if (at[1] == 0x81)
		return at[2] == 0x9F ? 3 : 0;
	if (at[1] != 0x80)
		return 0;
	return (at[2] >= 0x80 && at[2] <= 0x8A) || at[2] == 0xA8 || at[2] == 0xA9 || at[2] == 0xAF ? 3 : 0;
}

size_t scan_space(const char *at)
{
	unsigned char c = (unsigned char)*at;

	if (c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1C && c <= 0x1F))
		return 1;
	return c < 0x80 ? 0 : wide_space((const unsigned char *)at);
}

const char *scan_skip_spaces(const char *at)
{
	for (size_t length; (length = scan_space(at)); at += length)
		;
	return at;
}

const char *scan_trim_end(const char *start, const char *end)
{
	while (end > start) {
		const char *last = end - 1;

		/* Back to the first byte of the character, but never further than a white space character is long. */
		while (last > start && end - last < 3 && ((unsigned char)*last & 0xC0) == 0x80)
			last--;
		if (last + scan_space(last) != end)
			return end;
		end = last;
	}
	return end;
}

const char *scan_skip_blanks(const char *at)
{
	while (*at == ' ' || *at == '\t')
		at++;
	return at;
}

const char *scan_word(const char *at, const char *word)
{
	for (; *word; at++, word++)
		if (scan_lower(*at) != *word)
			return NULL;
	return at;
}

bool scan_equal_anycase(const char *a, const char *b)
{
	for (; *a && scan_lower(*a) == scan_lower(*b); a++, b++)
		;
	return !*a && !*b;
}
