#include "io/toml_scan.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"

struct pos toml_pos(const struct toml *t, const char *at)
{
	return (struct pos){t->file, t->line, (unsigned)(at - t->line_start) + 1};
}

__attribute__((format(printf, 3, 0))) static void report(struct toml *t, struct pos at, const char *format, va_list args)
{
	autostrbuf struct strbuf text = {0};

	if (!t->source_known)
		diag_add_source(t->d, t->file, t->text, (size_t)(t->end - t->text));
	t->source_known = true;
	strbuf_vprintf(&text, format, args);
	diag_error(t->d, at, "%s", strbuf_text(&text));
}

bool toml_fail(struct toml *t, const char *at, const char *format, ...)
{
	va_list args;

	if (t->failed)
		return false;
	va_start(args, format);
	report(t, toml_pos(t, at), format, args);
	va_end(args);
	t->failed = true;
	return false;
}

void toml_problem(struct toml *t, struct pos at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report(t, at, format, args);
	va_end(args);
}

static bool at_newline(const struct toml *t)
{
	return t->at < t->end && (*t->at == '\n' || (*t->at == '\r' && t->at + 1 < t->end && t->at[1] == '\n'));
}

bool toml_newline(struct toml *t)
{
	if (!at_newline(t))
		return false;
	t->at += *t->at == '\r' ? 2 : 1;
	t->line++;
	t->line_start = t->at;
	return true;
}

void toml_skip_blanks(struct toml *t)
{
	while (t->at < t->end && (*t->at == ' ' || *t->at == '\t'))
		t->at++;
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;
}

bool toml_skip_comment(struct toml *t)
{
	toml_skip_blanks(t);
	if (t->at == t->end || *t->at != '#')
		return true;
	while (t->at < t->end && !at_newline(t)) {
		if (is_control(*t->at))
			return toml_fail(t, t->at, "control character in a comment");
		t->at++;
	}
	return true;
}

bool toml_skip_lines(struct toml *t)
{
	do {
		if (!toml_skip_comment(t))
			return false;
	} while (toml_newline(t));
	return true;
}

/* The digits of \uXXXX or \UXXXXXXXX; `t` stands on the first. */
static bool scan_code(struct toml *t, unsigned count, const char *escape)
{
	uint32_t code = 0;

	for (unsigned i = 0; i < count; i++, t->at++) {
		int digit = t->at < t->end ? text_hex_digit(*t->at) : -1;

		if (digit < 0)
			return toml_fail(t, escape, "'\\%c' needs %u hexadecimal digits", escape[1], count);
		code = code << 4 | (uint32_t)digit;
	}
	if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return toml_fail(t, escape, "'\\%c' names no Unicode character", escape[1]);
	text_add_utf8(&t->scratch, code);
	return true;
}

/* A backslash at the end of a line takes away all white space up to the next character. */
static bool scan_line_continuation(struct toml *t, const char *escape)
{
	toml_skip_blanks(t);
	if (!at_newline(t))
		return toml_fail(t, escape, "unknown escape; a backslash itself is written '\\\\'");
	do {
		toml_skip_blanks(t);
	} while (toml_newline(t));
	return true;
}

static bool scan_escape(struct toml *t, bool multi_line)
{
	static const char letters[] = "btnfr\"\\", meanings[] = "\b\t\n\f\r\"\\";
	const char *escape = t->at++;
	const char *letter = t->at < t->end && *t->at ? strchr(letters, *t->at) : NULL;

	if (letter) {
		strbuf_add_char(&t->scratch, meanings[letter - letters]);
		t->at++;
		return true;
	}
	if (t->at < t->end && (*t->at == 'u' || *t->at == 'U')) {
		unsigned count = *t->at++ == 'u' ? 4 : 8;

		return scan_code(t, count, escape);
	}
	if (multi_line && t->at < t->end && (*t->at == ' ' || *t->at == '\t' || at_newline(t)))
		return scan_line_continuation(t, escape);
	return toml_fail(t, escape, "unknown escape; a backslash itself is written '\\\\'");
}

static size_t count_quotes(const struct toml *t, char quote, size_t most)
{
	size_t count = 0;

	while (count < most && t->at + count < t->end && t->at[count] == quote)
		count++;
	return count;
}

/* After the three opening quotes. One or two quotes may stand before the three closing ones and belong to the text. */
static bool scan_multi_line(struct toml *t, char quote, struct pos start)
{
	toml_newline(t);
	while (t->at < t->end) {
		size_t quotes = count_quotes(t, quote, 5);
		const char *here = t->at;

		if (quotes) {
			strbuf_add_bytes(&t->scratch, here, quotes >= 3 ? quotes - 3 : quotes);
			t->at += quotes;
			if (quotes >= 3)
				return true;
		} else if (toml_newline(t)) {
			strbuf_add_bytes(&t->scratch, here, (size_t)(t->at - here));
		} else if (*t->at == '\\' && quote == '"') {
			if (!scan_escape(t, true))
				return false;
		} else if (is_control(*t->at)) {
			return toml_fail(t, t->at, "control character in text; write it as an escape");
		} else {
			strbuf_add_char(&t->scratch, *t->at++);
		}
	}
	return toml_fail(t, t->at, "text that began at line %u is not closed", start.line);
}

static bool scan_single_line(struct toml *t, char quote, const char *opening)
{
	while (t->at < t->end && *t->at != quote) {
		const char *run = t->at;

		while (t->at < t->end && *t->at != quote && *t->at != '\\' && !is_control(*t->at))
			t->at++;
		strbuf_add_bytes(&t->scratch, run, (size_t)(t->at - run));
		if (t->at == t->end || at_newline(t))
			break;
		if (*t->at == '\\' && quote == '"') {
			if (!scan_escape(t, false))
				return false;
		} else if (*t->at == '\\') {
			strbuf_add_char(&t->scratch, *t->at++);
		} else if (is_control(*t->at)) {
			return toml_fail(t, t->at, "control character in text; write it as an escape");
		}
	}
	if (t->at == t->end || *t->at != quote)
		return toml_fail(t, opening, "text is not closed on its line");
	t->at++;
	return true;
}

bool toml_scan_string(struct toml *t, const char **ret_text, size_t *ret_length)
{
	const char *opening = t->at;
	char quote = *opening;
	bool multi_line = count_quotes(t, quote, 3) == 3;
	const char *end = opening + 1;

	/* Most strings are plain: nothing to undo, nothing to refuse. */
	while (end < t->end && *end != quote && *end != '\\' && !is_control(*end))
		end++;
	if (!multi_line && end < t->end && *end == quote) {
		*ret_length = (size_t)(end - opening) - 1;
		*ret_text = arena_strndup(t->a, opening + 1, *ret_length);
		t->at = end + 1;
		return true;
	}
	strbuf_clear(&t->scratch);
	t->at += multi_line ? 3 : 1;
	if (!(multi_line ? scan_multi_line(t, quote, toml_pos(t, opening)) : scan_single_line(t, quote, opening)))
		return false;
	*ret_text = arena_strndup(t->a, strbuf_text(&t->scratch), t->scratch.length);
	*ret_length = t->scratch.length;
	return true;
}

static bool is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static const char *remember_key(struct toml *t, const char *text, size_t length)
{
	size_t slot = (length * 31 + (unsigned char)text[0] * 7 + (unsigned char)text[length - 1]) % TOML_KEY_CACHE;

	if (!t->keys[slot].text || t->keys[slot].length != length || memcmp(t->keys[slot].text, text, length) != 0) {
		t->keys[slot].text = arena_strndup(t->a, text, length);
		t->keys[slot].length = length;
	}
	return t->keys[slot].text;
}

bool toml_scan_key(struct toml *t, struct toml_key *ret)
{
	const char *start = t->at;

	ret->pos = toml_pos(t, start);
	if (t->at < t->end && (*t->at == '"' || *t->at == '\'')) {
		if (count_quotes(t, *t->at, 3) == 3)
			return toml_fail(t, start, "a key cannot be multi-line text");
		return toml_scan_string(t, &ret->text, &ret->length);
	}
	while (t->at < t->end && is_bare(*t->at))
		t->at++;
	if (t->at == start)
		return toml_fail(t, start, "expected a key");
	ret->length = (size_t)(t->at - start);
	ret->text = remember_key(t, start, ret->length);
	return true;
}
