#include "base/text.h"

#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"

const char *text_plural(size_t count)
{
	return count == 1 ? "" : "s";
}

bool text_starts_with(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

bool text_ends_with(const char *text, const char *suffix)
{
	size_t length = strlen(text), suffix_length = strlen(suffix);

	return length >= suffix_length && !strcmp(text + length - suffix_length, suffix);
}

bool text_equal(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

int text_compare(const char *a, const char *b)
{
	if (!a || !b)
		return (a != NULL) - (b != NULL);
	return strcmp(a, b);
}

int text_compare_items(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t text_utf8_decode(const char *bytes, size_t length, uint32_t *ret_code)
{
	const unsigned char *text = (const unsigned char *)bytes;
	static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t size = text[0] < 0x80 ? 1 : (text[0] & 0xe0) == 0xc0 ? 2 : (text[0] & 0xf0) == 0xe0 ? 3 : (text[0] & 0xf8) == 0xf0 ? 4 : 0;
	uint32_t code = size == 1 ? text[0] : size ? text[0] & (0x7fu >> size) : 0;

	if (!size || size > length)
		return 0;
	for (size_t i = 1; i < size; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < lowest[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return size;
}

size_t text_utf8_length(const char *text, size_t length)
{
	uint32_t code;
	size_t size = length ? text_utf8_decode(text, length, &code) : 0;

	return size ? size : 1;
}

bool text_is_utf8(const char *text, size_t length)
{
	uint32_t code;

	for (size_t i = 0; i < length;) {
		size_t size = text_utf8_decode(text + i, length - i, &code);

		if (!size)
			return false;
		i += size;
	}
	return true;
}

void text_add_utf8(struct strbuf *out, uint32_t code)
{
	static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
	unsigned more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;

	strbuf_add_char(out, (char)(lead[more] | code >> (6 * more)));
	while (more--)
		strbuf_add_char(out, (char)(0x80 | (code >> (6 * more) & 0x3f)));
}

int text_hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void text_percent_decode(struct strbuf *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		int high = text[i] == '%' && length - i > 2 ? text_hex_digit(text[i + 1]) : -1, low = high >= 0 ? text_hex_digit(text[i + 2]) : -1;
		bool is_escape = low >= 0 && high + low > 0;

		strbuf_add_char(out, is_escape ? (char)(high * 16 + low) : text[i]);
		i += is_escape ? 2 : 0;
	}
}

void text_percent_encode(struct strbuf *out, const char *text, const char *keep)
{
	for (const char *p = text; *p; p++) {
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("-._~", *p) || strchr(keep, *p))
			strbuf_add_char(out, *p);
		else
			strbuf_printf(out, "%%%02X", (unsigned char)*p);
	}
}

bool text_is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x061c || code == 0x200e || code == 0x200f || code == 0x2028 || code == 0x2029 ||
	       (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

void text_escape(struct strbuf *out, const char *text, size_t length, int flags)
{
	for (size_t i = 0; i < length;) {
		uint32_t code = 0;
		size_t size = text_utf8_decode(text + i, length - i, &code);

		if (!size) {
			strbuf_printf(out, "\\x%02x", (unsigned char)text[i]);
			size = 1;
		} else if ((code == '\t' && (flags & TEXT_ESCAPE_KEEP_TAB)) || (code == '\n' && (flags & TEXT_ESCAPE_KEEP_NEWLINE)) || !text_is_control(code)) {
			strbuf_add_bytes(out, text + i, size);
		} else if (code < 0x80) {
			strbuf_printf(out, "\\x%02x", (unsigned)code);
		} else {
			strbuf_printf(out, "\\u{%x}", (unsigned)code);
		}
		i += size;
	}
}

/* Where the address part that begins at `text` has its '@', or NULL. */
static char *end_of_user(char *text, char *end)
{
	char *slash = text, *word = text;

	while (word < end && (unsigned char)*word > ' ' && !strchr("\"'<>`", *word))
		word++;
	while (slash < word && !strchr("/?#", *slash))
		slash++;
	char *at = memrchr(text, '@', (size_t)(slash - text)), *colon = memchr(text, ':', (size_t)(slash - text));

	/* A password with a '/' that was not encoded: what stands behind the colon is no port. */
	if (!at && colon && colon + 1 < slash && (colon[1] < '0' || colon[1] > '9') && *text != '[')
		at = memrchr(text, '@', (size_t)(word - text));
	return at;
}

void text_hide_users(char *text, size_t length)
{
	char *end = text + length, *mark = text;

	while ((mark = memmem(mark, (size_t)(end - mark), "://", 3))) {
		mark += 3;
		char *at = end_of_user(mark, end);

		if (at)
			memset(mark, '*', (size_t)(at - mark));
	}
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment distance; both lengths at most NEAR_MAX. */
enum { NEAR_MAX = 64 };
static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t rows[3][NEAR_MAX + 1];

	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			row[j] = least(least(above[j] + 1, row[j - 1] + 1), above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], two_above[j - 2] + 1);
		}
	}
	return rows[a_length % 3][b_length];
}

const char *text_nearest(const char *text, const char *const *candidates, size_t count)
{
	size_t length = strlen(text), best_distance = length / 3 + 2;
	const char *best = NULL;

	if (!length || length > NEAR_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t candidate_length = strlen(candidates[i]);

		if (candidate_length > NEAR_MAX)
			continue;
		size_t d = distance(text, length, candidates[i], candidate_length);

		/* Nothing in common is no likeness, however short the words are. */
		if (d < best_distance && d < candidate_length && d < length) {
			best_distance = d;
			best = candidates[i];
		}
	}
	return best;
}

void text_add_size(struct strbuf *out, uint64_t size_bytes)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
	double size = (double)size_bytes;
	size_t unit = 0;

	while (size >= 999.5 && unit + 1 < ARRAY_LEN(units)) {
		size /= 1000;
		unit++;
	}
	strbuf_printf(out, unit && size < 9.95 ? "%.1f %s" : "%.0f %s", size, units[unit]);
}

bool text_to_u64(const char *text, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (!*text)
		return false;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9' || number > (UINT64_MAX - (uint64_t)(*p - '0')) / 10)
			return false;
		number = number * 10 + (uint64_t)(*p - '0');
	}
	*ret_number = number;
	return true;
}

void text_shell_quote(struct strbuf *out, const char *word)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-";

	if (*word && strspn(word, plain) == strlen(word)) {
		strbuf_add(out, word);
		return;
	}
	strbuf_add_char(out, '\'');
	for (const char *p = word; *p; p++) {
		if (*p == '\'')
			strbuf_add(out, "'\\''");
		else
			strbuf_add_char(out, *p);
	}
	strbuf_add_char(out, '\'');
}
