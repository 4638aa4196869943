/* Requirement files as text: encodings, lines, comments, variables. */
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "io/charset.h"
#include "python/requirement_file_parts.h"
#include "python/scan.h"

/* UTF-32 before UTF-16, whose mark it begins with. */
static const struct {
	const char *mark;
	size_t length;
	enum charset set;
} marks[] = {
	{"\xEF\xBB\xBF", 3, CHARSET_UTF_8}, {"\xFF\xFE\0\0", 4, CHARSET_UTF_32}, {"\0\0\xFE\xFF", 4, CHARSET_UTF_32_BE},
	{"\xFF\xFE", 2, CHARSET_UTF_16},    {"\xFE\xFF", 2, CHARSET_UTF_16_BE},
};

static bool is_name_part(char c)
{
	return scan_is_alnum(c) || c == '_' || c == '-' || c == '.';
}

/* What a comment says after "coding:" or "coding=" (PEP 263); "" for nothing. */
static const char *declared_coding(struct arena *a, const char *line, size_t length)
{
	static const char word[] = "coding";
	size_t size = strlen(word);

	for (size_t i = 0; i + size < length; i++) {
		size_t start = i + size + 1, end;

		if (memcmp(line + i, word, size) != 0 || (line[start - 1] != ':' && line[start - 1] != '='))
			continue;
		while (start < length && memchr(" \t\r\v\f", line[start], 5))
			start++;
		for (end = start; end < length && is_name_part(line[end]); end++)
			;
		if (end > start)
			return arena_strndup(a, line + start, end - start);
	}
	return "";
}

int requirement_text_decode(const char *bytes, size_t length, struct strbuf *out, struct error *err)
{
	autoarena struct arena a = {0};
	const char *end = bytes + length, *line = bytes, *table = NULL;
	enum charset set = CHARSET_UTF_8;

	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (length >= marks[i].length && !memcmp(bytes, marks[i].mark, marks[i].length))
			return charset_decode(marks[i].set, NULL, bytes + marks[i].length, length - marks[i].length, out, err);
	for (int i = 0; i < 2 && line < end; i++) {
		const char *newline = memchr(line, '\n', (size_t)(end - line)), *stop = newline ? newline : end;
		const char *coding = *line == '#' ? declared_coding(&a, line, (size_t)(stop - line)) : "";

		if (*coding && !charset_find(coding, &set, &table))
			return error_set(err, ERR_INPUT, "it says that it is in '%s', which is no encoding known here", coding);
		if (*coding)
			break;
		line = newline ? newline + 1 : end;
	}
	return charset_decode(set, table, bytes, length, out, err);
}

/* Bytes of the line end at `at`, as str.splitlines() knows them; 0 for none. */
static size_t line_end(const char *at)
{
	if (at[0] == '\r')
		return at[1] == '\n' ? 2 : 1;
	if (at[0] == '\n' || at[0] == '\v' || at[0] == '\f' || (at[0] >= 0x1C && at[0] <= 0x1E))
		return 1;
	if (!strncmp(at, "\xC2\x85", 2))
		return 2;
	return !strncmp(at, "\xE2\x80\xA8", 3) || !strncmp(at, "\xE2\x80\xA9", 3) ? 3 : 0;
}

/* Where a comment begins, the white space before it included; the end of the line when there is none. */
static const char *comment_start(const char *line)
{
	const char *at = line;

	if (*line == '#')
		return line;
	while (*at) {
		const char *after = scan_skip_spaces(at);

		if (after > at && *after == '#')
			return at;
		at = after > at ? after : at + 1;
	}
	return at;
}

static bool is_comment(const char *line)
{
	return *scan_skip_spaces(line) == '#';
}

static const char *stripped(struct arena *a, const char *start, const char *end)
{
	const char *first = scan_skip_spaces(start);

	return first >= end ? "" : arena_strndup(a, first, (size_t)(scan_trim_end(first, end) - first));
}

struct variable {
	const char *mark, *value; /* "${NAME}" */
};

static bool is_variable_char(char c)
{
	return scan_is_digit(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

static char *replaced(struct arena *a, const char *text, const struct variable *v)
{
	autostrbuf struct strbuf out = {0};
	const char *found;

	while ((found = strstr(text, v->mark))) {
		strbuf_add_bytes(&out, text, (size_t)(found - text));
		strbuf_add(&out, v->value);
		text = found + strlen(v->mark);
	}
	strbuf_add(&out, text);
	return arena_strndup(a, strbuf_text(&out), out.length);
}

/* Every variable that stands in the line is put in wherever it stands, also in the values of those before it. */
static const char *expanded(struct arena *a, const char *line, const struct requirement_source *source)
{
	const char *result = line;

	for (const char *at = line; source->variable && (at = strstr(at, "${")); at += 2) {
		const char *end = at + 2;

		while (is_variable_char(*end))
			end++;
		if (*end != '}' || end == at + 2)
			continue;
		const char *name = arena_strndup(a, at + 2, (size_t)(end - at - 2));
		struct variable v = {arena_strndup(a, at, (size_t)(end + 1 - at)), source->variable(source->context, name)};

		if (v.value && *v.value)
			result = replaced(a, result, &v);
	}
	return result;
}

struct lines {
	struct arena *arena;
	const struct requirement_source *source;
	struct requirement_text_line *items;
	size_t count;
	struct strbuf joined; /* lines that go on */
	bool joining;
	unsigned joined_number;
};

static void finish_line(struct lines *l, unsigned number, const char *line)
{
	const char *text = stripped(l->arena, line, comment_start(line));

	if (*text)
		*arena_push(l->arena, &l->items, &l->count) = (struct requirement_text_line){number, expanded(l->arena, text, l->source)};
}

/* A line that goes on gives up the backslashes at both its ends, as pip has it. */
static void join(struct lines *l, unsigned number, const char *line, size_t length)
{
	size_t start = 0;

	if (!l->joining)
		l->joined_number = number;
	l->joining = true;
	while (length && line[length - 1] == '\\')
		length--;
	while (start < length && line[start] == '\\')
		start++;
	strbuf_add_bytes(&l->joined, line + start, length - start);
}

static void add_line(struct lines *l, unsigned number, const char *line, size_t length)
{
	bool comment = is_comment(line);

	if (length && line[length - 1] == '\\' && !comment) {
		join(l, number, line, length);
	} else if (l->joining) {
		/* So that it is one, wherever it is joined to. */
		strbuf_add(&l->joined, comment ? " " : "");
		strbuf_add_bytes(&l->joined, line, length);
		finish_line(l, l->joined_number, strbuf_text(&l->joined));
		strbuf_clear(&l->joined);
		l->joining = false;
	} else {
		finish_line(l, number, line);
	}
}

void requirement_text_lines(struct arena *a, const char *text, const struct requirement_source *source, struct requirement_text_line **ret, size_t *ret_count)
{
	struct lines l = {.arena = a, .source = source};
	unsigned number = 0;

	while (*text) {
		size_t length = 0;

		while (text[length] && !line_end(text + length))
			length++;
		autofree char *line = mem_strndup(text, length);

		add_line(&l, ++number, line, length);
		text += length + (text[length] ? line_end(text + length) : 0);
	}
	if (l.joining)
		finish_line(&l, l.joined_number, strbuf_text(&l.joined));
	strbuf_release(&l.joined);
	*ret = l.items;
	*ret_count = l.count;
}
