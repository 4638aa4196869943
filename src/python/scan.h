/* Character classes as Python's `re` and `str` have them, on NUL-terminated UTF-8 text: what the grammars of PEP 440 and PEP 508 are made of. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

static inline bool scan_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool scan_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool scan_is_alnum(char c)
{
	return scan_is_digit(c) || scan_is_letter(c);
}

/* ASCII only, whatever the locale. */
static inline char scan_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Bytes of the white space character at `at` (str.isspace(), which is also what \s matches), 0 when there is none. */
size_t scan_space(const char *at);
const char *scan_skip_spaces(const char *at);
/* The place after the last byte of [start, end) that is no white space. */
const char *scan_trim_end(const char *start, const char *end);
/* The place after a run of [ \t], PEP 508's own white space. */
const char *scan_skip_blanks(const char *at);
/* The place after `word` when the text goes on with it, in any ASCII case (`word` is lower case); else NULL. */
const char *scan_word(const char *at, const char *word);
/* Equal but for ASCII case. */
bool scan_equal_anycase(const char *a, const char *b);
