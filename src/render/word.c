#include "render/word.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"

enum { COMMENT_COLUMNS = 120 };

/* The longest piece of a line that fits a comment: up to the last space that does, or the first after it. */
static size_t comment_piece(const char *text, size_t length)
{
	size_t last_space = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] == ' ' && i > COMMENT_COLUMNS && last_space)
			return last_space;
		if (text[i] == ' ')
			last_space = i;
	}
	return length > COMMENT_COLUMNS && last_space ? last_space : length;
}

void word_add_comment(struct strbuf *out, const char *text)
{
	while (text && *text) {
		size_t length = strcspn(text, "\n"), piece = comment_piece(text, length);

		strbuf_add(out, piece ? "# " : "#");
		text_escape(out, text, piece, TEXT_ESCAPE_KEEP_TAB);
		strbuf_add_char(out, '\n');
		text += piece;
		text += strspn(text, " ");
		if (*text == '\n')
			text++;
	}
}

static void add_json(struct strbuf *out, const char *text)
{
	strbuf_add_char(out, '"');
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			strbuf_printf(out, "\\%c", *p);
		else if ((unsigned char)*p < 0x20 || *p == 0x7f)
			strbuf_printf(out, "\\u%04x", (unsigned)*p);
		else
			strbuf_add_char(out, *p);
	}
	strbuf_add_char(out, '"');
}

void word_add_exec(struct strbuf *out, const char *const *argv, size_t count)
{
	strbuf_add_char(out, '[');
	for (size_t i = 0; i < count; i++) {
		if (i)
			strbuf_add(out, ", ");
		add_json(out, argv[i]);
	}
	strbuf_add_char(out, ']');
}

static void add_literal(struct strbuf *out, char c)
{
	if (c == '"' || c == '\\' || c == '$')
		strbuf_add_char(out, '\\');
	strbuf_add_char(out, c);
}

void word_add_quoted(struct strbuf *out, const char *value)
{
	strbuf_add_char(out, '"');
	for (const char *p = value; *p; p++)
		add_literal(out, *p);
	strbuf_add_char(out, '"');
}

/* The length of "${env:NAME}" at `text`, or 0. */
static size_t reference_length(const char *text)
{
	static const char begin[] = "${env:";
	size_t length = sizeof(begin) - 1, start = length;

	if (!text_starts_with(text, begin))
		return 0;
	while (isalnum((unsigned char)text[length]) || text[length] == '_')
		length++;
	return text[length] == '}' && length > start && !isdigit((unsigned char)text[start]) ? length + 1 : 0;
}

void word_add_quoted_expanding(struct strbuf *out, const char *value)
{
	strbuf_add_char(out, '"');
	for (const char *p = value; *p;) {
		size_t reference = reference_length(p);

		if (reference) {
			strbuf_add(out, "${");
			strbuf_add_bytes(out, p + strlen("${env:"), reference - strlen("${env:"));
			p += reference;
		} else {
			add_literal(out, *p++);
		}
	}
	strbuf_add_char(out, '"');
}

bool word_is_line(const char *value)
{
	for (const char *p = value; *p; p++) {
		if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
			return false;
	}
	return true;
}

bool word_is_variable(const char *name)
{
	if (!isalpha((unsigned char)*name) && *name != '_')
		return false;
	for (const char *p = name; *p; p++) {
		if (!isalnum((unsigned char)*p) && *p != '_')
			return false;
	}
	return true;
}

/* What `printf '%s\n'` cannot print as it is: a last line without its end, and control characters, which an instruction cannot hold. */
static bool needs_escapes(const char *content)
{
	size_t length = strlen(content);

	if (!length || content[length - 1] != '\n')
		return true;
	for (const char *p = content; *p; p++) {
		if (((unsigned char)*p < 0x20 && *p != '\t' && *p != '\n') || *p == 0x7f)
			return true;
	}
	return false;
}

/* The escapes of printf's %b (POSIX): \\ and \0ooo. */
static void add_escaped(struct strbuf *out, const char *line, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (line[i] == '\\')
			strbuf_add(out, "\\\\");
		else if (((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f)
			strbuf_printf(out, "\\0%03o", (unsigned)line[i]);
		else
			strbuf_add_char(out, line[i]);
	}
}

void word_add_printf(struct strbuf *out, const char *content)
{
	bool escapes = needs_escapes(content);

	strbuf_add(out, escapes ? "'%b'" : "'%s\\n'");
	for (const char *line = content; *line;) {
		size_t length = strcspn(line, "\n");
		autostrbuf struct strbuf word = {0};

		if (escapes)
			add_escaped(&word, line, length);
		else
			strbuf_add_bytes(&word, line, length);
		line += length;
		if (*line == '\n') {
			line++;
			if (escapes)
				strbuf_add(&word, "\\n");
		}
		strbuf_add(out, " \\\n        ");
		text_shell_quote(out, strbuf_text(&word));
	}
}
