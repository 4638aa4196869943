/* Small questions about text. (text, length) in that order where text is not NUL-terminated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf;

/* What makes a word of "1 file" or "2 files": "" or "s". */
const char *text_plural(size_t count);
bool text_starts_with(const char *text, const char *prefix);
bool text_ends_with(const char *text, const char *suffix);
bool text_equal(const char *a, const char *b); /* NULL equals NULL only */
/* As strcmp, for sort functions; NULL sorts first. */
int text_compare(const char *a, const char *b);
/* qsort comparison for arrays of char *. */
int text_compare_items(const void *a, const void *b);

enum { TEXT_ESCAPE_KEEP_TAB = 1, TEXT_ESCAPE_KEEP_NEWLINE = 2 };
/* Append `text` so that a terminal cannot be driven by it: C0, DEL, C1 and bidirectional controls and invalid UTF-8 become \xNN or \u{...}. */
void text_escape(struct strbuf *out, const char *text, size_t length, int flags);
/* Overwrites with '*' the user and password of every address ("https://user:password@host/") in `text`: what is shown of a file or of what a child said must
   not hold them. The length, and so every place in it, stays. */
void text_hide_users(char *text, size_t length);
/* Whether text_escape() lets a character through only as an escape. */
bool text_is_control(uint32_t code);
/* Length and code point of the UTF-8 character at `text`, which is not at its end; 0 when it is invalid (RFC 3629). */
size_t text_utf8_decode(const char *text, size_t length, uint32_t *ret_code);
/* Bytes of the UTF-8 character at `text` (1 to 4), or 1 when it is invalid (RFC 3629: no overlong forms, no surrogates). */
size_t text_utf8_length(const char *text, size_t length);
bool text_is_utf8(const char *text, size_t length);
/* Appends the character `code`, at most 0x10ffff, as UTF-8; surrogates too, as three bytes. */
void text_add_utf8(struct strbuf *out, uint32_t code);
/* 0 to 15; -1 when it is no hexadecimal digit of either case. */
int text_hex_digit(char c);
/* Appends `text` with every %XX read (RFC 3986, 2.1). What is no such escape stays as it is, and so does %00, which no C text can hold. */
void text_percent_decode(struct strbuf *out, const char *text, size_t length);
/* Appends `text` with everything but unreserved characters (RFC 3986, 2.3) and those of `keep` as %XX. */
void text_percent_encode(struct strbuf *out, const char *text, const char *keep);

/* The candidate nearest to `text` by edit distance with transpositions, or NULL when none is near enough to be worth showing. */
const char *text_nearest(const char *text, const char *const *candidates, size_t count);

/* "1.4 GB", "312 kB", "17 B": decimal units, at most three significant digits. */
void text_add_size(struct strbuf *out, uint64_t size_bytes);
/* A whole decimal number that fits, nothing around it. */
bool text_to_u64(const char *text, uint64_t *ret_number);

/* One word for a POSIX shell, quoted only if it needs to be. */
void text_shell_quote(struct strbuf *out, const char *word);
