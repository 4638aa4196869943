#include "release/groovy.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Where code is inside of: a block, or the ${...} of a text that goes on after its brace. */
struct frame {
	bool in_text;
	size_t token; /* in_text: the text's index */
	long parens;  /* open ( and [ around the brace */
};

struct scanner {
	struct arena *arena;
	const char *text;
	size_t length, at;
	struct groovy *out;
	struct frame *frames;
	size_t frame_count;
	long parens;      /* open ( and [ since the last {; below 0 where more were closed, which Groovy takes for open */
	bool after_value; /* the last token ends an expression, so that a slash divides */
	const char *why;
	size_t why_offset;
};

static char peek(const struct scanner *s, size_t ahead)
{
	return s->at + ahead < s->length ? s->text[s->at + ahead] : '\0';
}

static bool looking_at(const struct scanner *s, const char *word)
{
	size_t length = strlen(word);

	return length <= s->length - s->at && !memcmp(s->text + s->at, word, length);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Bytes of UTF-8 characters count as letters: Groovy takes most of them for such, and no sign of its own is among them. */
static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_newline(char c)
{
	return c == '\n' || c == '\r';
}

static struct groovy_token *push(struct scanner *s, enum groovy_kind kind, size_t length)
{
	struct groovy_token *token = arena_push(s->arena, &s->out->tokens, &s->out->token_count);

	token->kind = kind;
	token->offset = (uint32_t)s->at;
	token->length = (uint32_t)length;
	s->at += length;
	return token;
}

static bool fail(struct scanner *s, size_t offset, const char *why)
{
	s->why = why;
	s->why_offset = offset;
	return false;
}

static void push_frame(struct scanner *s, bool in_text, size_t token)
{
	*arena_push(s->arena, &s->frames, &s->frame_count) = (struct frame){.in_text = in_text, .token = token, .parens = s->parens};
	s->parens = 0;
}

/* "$" that begins a value: $name, ${...} or the old $*{...}. */
static bool at_value(const struct scanner *s)
{
	size_t skip = peek(s, 1) == '*' ? 2 : 1;

	return peek(s, 0) == '$' && (peek(s, skip) == '{' || is_name_start(peek(s, skip)));
}

static const char *end_of(const struct groovy_token *token)
{
	bool triple = token->inner_offset - token->offset == 3;

	switch (token->quote) {
	case '\'':
		return triple ? "'''" : "'";
	case '"':
		return triple ? "\"\"\"" : "\"";
	case '/':
		return "/";
	default:
		return "/$";
	}
}

/* Skips what cannot end the text although it looks like it: an escape. True when there was one. */
static bool skip_escape(struct scanner *s, struct groovy_token *token)
{
	if (token->quote == '$') {
		if (peek(s, 0) != '$' || (peek(s, 1) != '$' && peek(s, 1) != '/'))
			return false;
	} else if (peek(s, 0) != '\\' || (token->quote == '/' && peek(s, 1) != '/')) {
		return false;
	}
	token->escaped = true;
	s->at += s->length - s->at > 1 ? 2 : 1;
	return true;
}

/* Reads a text from s->at to its end, or to a ${ that makes the rest code until its brace is closed. */
static bool scan_text(struct scanner *s, size_t index)
{
	struct groovy_token *token = &s->out->tokens[index];
	const char *end = end_of(token);
	bool one_line = strlen(end) == 1 && token->quote != '/';

	while (s->at < s->length) {
		if (looking_at(s, end)) {
			token->inner_length = (uint32_t)(s->at - token->inner_offset);
			s->at += strlen(end);
			token->length = (uint32_t)(s->at - token->offset);
			s->after_value = true;
			return true;
		}
		if (skip_escape(s, token))
			continue;
		if (token->quote != '\'' && at_value(s)) {
			token->interpolated = true;
			s->at += peek(s, 1) == '*' ? 2 : 1;
			if (peek(s, 0) == '{') {
				s->at++;
				push_frame(s, true, index);
				s->after_value = false;
				return true;
			}
		}
		if (one_line && is_newline(peek(s, 0)))
			break;
		s->at++;
	}
	return fail(s, token->offset, "this text has no end");
}

static bool begin_text(struct scanner *s, char quote, size_t quote_length)
{
	struct groovy_token *token = push(s, GROOVY_TEXT, quote_length);

	token->quote = quote;
	token->inner_offset = (uint32_t)s->at;
	return scan_text(s, s->out->token_count - 1);
}

static bool scan_comment(struct scanner *s, bool one_line)
{
	const char *begin = s->text + s->at, *end;
	size_t length = 2;

	if (one_line) {
		while (s->at + length < s->length && !is_newline(begin[length]))
			length++;
	} else {
		end = memmem(begin + 2, s->length - s->at - 2, "*/", 2);
		if (!end)
			return fail(s, s->at, "this comment has no end");
		length = (size_t)(end - begin) + 2;
	}
	push(s, GROOVY_COMMENT, length);
	return true;
}

static void scan_newline(struct scanner *s)
{
	push(s, GROOVY_NEWLINE, looking_at(s, "\r\n") ? 2 : 1);
	/* Inside ( and [ a new line is white space. */
	if (!s->parens)
		s->after_value = false;
}

static void scan_name(struct scanner *s)
{
	size_t length = 1;

	while (is_name_start(peek(s, length)) || is_digit(peek(s, length)) || peek(s, length) == '$')
		length++;
	push(s, GROOVY_NAME, length);
	s->after_value = true;
}

static size_t count_digits(const struct scanner *s, size_t at, const char *digits)
{
	size_t begin = at;

	while (peek(s, at) && strchr(digits, peek(s, at)))
		at++;
	return at - begin;
}

/* ".5" and "e-3" behind `length` digits, where they are. */
static size_t count_fraction(const struct scanner *s, size_t length)
{
	size_t before = length, sign;

	if (peek(s, length) == '.' && is_digit(peek(s, length + 1)))
		length += 1 + count_digits(s, length + 1, "0123456789_");
	if (peek(s, length) == 'e' || peek(s, length) == 'E') {
		sign = peek(s, length + 1) == '+' || peek(s, length + 1) == '-';
		if (is_digit(peek(s, length + 1 + sign)))
			length += 1 + sign + count_digits(s, length + 1 + sign, "0123456789_");
	}
	return length - before;
}

/* A letter that cannot belong to the number begins a name, as in "1in". */
static void scan_number(struct scanner *s)
{
	char kind = peek(s, 0) == '0' ? peek(s, 1) | 0x20 : '\0';
	size_t length, fraction = 0;

	if (kind == 'x' || kind == 'b') {
		length = 2 + count_digits(s, 2, kind == 'x' ? "0123456789abcdefABCDEF_" : "01_");
	} else {
		length = count_digits(s, 0, "0123456789_");
		fraction = count_fraction(s, length);
	}
	length += fraction;
	if (peek(s, length) && strchr(fraction ? "gGdDfF" : "gGdDfFlLiI", peek(s, length)))
		length++;
	push(s, GROOVY_NUMBER, length);
	s->after_value = true;
}

/* Longest first. Single signs need no row. */
static const char *const signs[] = {
	">>>=", "<=>", "===", "!==", ">>=", ">>>", "<<=", "..<", "...", "==~", "**=", "==", "!=", "+=", "++", "-=", "--", "*=", "%=",
	"/=",   ">>",  ">=",  "<<",  "<=",  "^=",  "|=",  "||",  "&=",  "&&",  "?.",  "?:", "..", "*.", ".&", "=~", "**", "->", NULL,
};

/* False when the sign closes the ${...} of a text. */
static bool scan_sign(struct scanner *s)
{
	char c = peek(s, 0);
	size_t length = 1;

	for (size_t i = 0; signs[i]; i++) {
		if (looking_at(s, signs[i])) {
			length = strlen(signs[i]);
			break;
		}
	}
	s->after_value = looking_at(s, "++") || looking_at(s, "--") || c == ')' || c == ']' || c == '}';
	if (c == '(' || c == '[')
		s->parens++;
	else if (c == ')' || c == ']')
		s->parens--;
	else if (c == '{')
		push_frame(s, false, 0);
	else if (c == '}' && s->frame_count) {
		s->parens = s->frames[--s->frame_count].parens;
		if (s->frames[s->frame_count].in_text) {
			s->at++;
			return false;
		}
	}
	push(s, GROOVY_SIGN, length);
	return true;
}

static bool scan_one(struct scanner *s)
{
	char c = peek(s, 0);

	if (c == ' ' || c == '\t' || c == '\f') {
		s->at++;
	} else if (c == '\\' && is_newline(peek(s, 1))) {
		s->at += peek(s, 1) == '\r' && peek(s, 2) == '\n' ? 3 : 2;
	} else if (is_newline(c)) {
		scan_newline(s);
	} else if (looking_at(s, "//") || looking_at(s, "/*")) {
		return scan_comment(s, peek(s, 1) == '/');
	} else if (c == '\'' || c == '"') {
		return begin_text(s, c, peek(s, 1) == c && peek(s, 2) == c ? 3 : 1);
	} else if (c == '/' && !s->after_value && s->at + 1 < s->length) {
		return begin_text(s, '/', 1);
	} else if (looking_at(s, "$/") && !s->after_value && s->at + 2 < s->length) {
		return begin_text(s, '$', 2);
	} else if (is_name_start(c) || c == '$') {
		scan_name(s);
	} else if (is_digit(c)) {
		scan_number(s);
	} else if (!scan_sign(s)) {
		return scan_text(s, s->frames[s->frame_count].token);
	}
	return true;
}

/* Groovy turns \uXXXX into the character before it looks for texts and comments. One that stands for a character that matters here would make the rest of the
   file mean something else than it seems to. */
static bool check_unicode_escapes(struct scanner *s)
{
	for (size_t i = 0; i + 5 < s->length; i++) {
		size_t digits = i + 1;
		char hex[5] = {0};

		if (s->text[i] != '\\')
			continue;
		if (s->text[i + 1] != 'u') {
			i++; /* an escaped backslash begins no escape */
			continue;
		}
		while (digits < s->length && s->text[digits] == 'u')
			digits++;
		if (s->length - digits < 4)
			break;
		memcpy(hex, s->text + digits, 4);
		long code = strspn(hex, "0123456789abcdefABCDEF") == 4 ? strtol(hex, NULL, 16) : 'x';

		if (code > 0 && code < 0x80 && strchr("'\"/\\$*{}\n\r", (int)code))
			return fail(s, i, "this Unicode escape stands for a sign that can begin or end a text; write the sign itself");
	}
	return true;
}

bool groovy_scan(struct arena *a, const char *text, size_t length, struct groovy *ret, size_t *ret_offset, const char **ret_why)
{
	struct groovy out = {0};
	struct scanner s = {.arena = a, .text = text, .length = length, .out = &out};
	bool good = check_unicode_escapes(&s);

	if (good && looking_at(&s, "\xef\xbb\xbf"))
		s.at = 3;
	if (good && looking_at(&s, "#!"))
		good = scan_comment(&s, true);
	while (good && s.at < length)
		good = scan_one(&s);
	while (good && s.frame_count--) {
		if (s.frames[s.frame_count].in_text)
			good = fail(&s, out.tokens[s.frames[s.frame_count].token].offset, "this text has no end");
	}
	if (!good) {
		*ret_offset = s.why_offset;
		*ret_why = s.why;
		return false;
	}
	*ret = out;
	return true;
}

bool groovy_is(const char *text, const struct groovy_token *token, const char *word)
{
	return (token->kind == GROOVY_SIGN || token->kind == GROOVY_NAME) && token->length == strlen(word) &&
	       !memcmp(text + token->offset, word, token->length);
}
