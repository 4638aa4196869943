#include "io/ini.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/strbuf.h"
#include "base/text.h"

struct reader {
	struct arena *arena;
	const char *file;
	unsigned line;
	const char **sections; /* seen so far */
	size_t section_count;
	const char *section;       /* the current one, or NULL */
	struct ini_entry *entries; /* values still lack their continuation lines */
	size_t entry_count;
	bool open;           /* the last entry may be continued */
	struct strbuf value; /* of the open entry */
	size_t indent;       /* of the line the open entry began on */
	struct error *err;
};

static const char *trimmed(const char *text, size_t *length)
{
	while (*length && isspace((unsigned char)text[*length - 1]))
		--*length;
	while (*length && isspace((unsigned char)*text))
		text++, --*length;
	return text;
}

static void close_entry(struct reader *r)
{
	if (!r->open)
		return;
	size_t length = r->value.length;

	while (length && isspace((unsigned char)r->value.text[length - 1]))
		length--;
	r->entries[r->entry_count - 1].value = arena_strndup(r->arena, strbuf_text(&r->value), length);
	r->open = false;
}

static int problem(struct reader *r, const char *what)
{
	return error_set(r->err, ERR_INPUT, "'%s' line %u: %s", r->file, r->line, what);
}

static int begin_section(struct reader *r, const char *text, size_t length)
{
	close_entry(r);
	r->section = arena_strndup(r->arena, text, length);
	for (size_t i = 0; i < r->section_count; i++) {
		if (!strcmp(r->sections[i], r->section))
			return error_set(r->err, ERR_INPUT, "'%s' line %u: section '%s' stands there twice", r->file, r->line, r->section);
	}
	if (strcmp(r->section, "DEFAULT") != 0)
		*arena_push(r->arena, &r->sections, &r->section_count) = r->section;
	return 0;
}

static int begin_entry(struct reader *r, const char *text, size_t length)
{
	size_t key_length = 0, value_length;

	while (key_length < length && text[key_length] != '=' && text[key_length] != ':')
		key_length++;
	if (key_length == length)
		return problem(r, "expected 'key = value'");
	const char *value = text + key_length + 1;

	value_length = length - key_length - 1;
	value = trimmed(value, &value_length);
	text = trimmed(text, &key_length);
	if (!key_length)
		return problem(r, "a value without a key");
	close_entry(r);
	char *key = arena_strndup(r->arena, text, key_length);

	for (char *p = key; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	for (size_t i = 0; i < r->entry_count; i++) {
		if (!strcmp(r->entries[i].section, r->section) && !strcmp(r->entries[i].key, key))
			return error_set(r->err, ERR_INPUT, "'%s' line %u: '%s' stands twice in section '%s'", r->file, r->line, key, r->section);
	}
	*arena_push(r->arena, &r->entries, &r->entry_count) = (struct ini_entry){r->section, key, "", r->line};
	r->open = true;
	strbuf_clear(&r->value);
	strbuf_add_bytes(&r->value, value, value_length);
	return 0;
}

/* The rules, and their order, are those of configparser.RawConfigParser._read. */
static int read_line(struct reader *r, const char *line, size_t length)
{
	size_t indent = 0, rest = length;
	const char *text = trimmed(line, &rest);

	indent = (size_t)(text - line);
	if (rest && (*text == '#' || *text == ';'))
		return 0;
	if (!rest) {
		if (r->open)
			strbuf_add_char(&r->value, '\n');
		return 0;
	}
	if (r->open && indent > r->indent) {
		strbuf_add_char(&r->value, '\n');
		strbuf_add_bytes(&r->value, text, rest);
		return 0;
	}
	r->indent = indent;
	const char *end = memrchr(text, ']', rest);

	if (*text == '[' && end && end > text + 1)
		return begin_section(r, text + 1, (size_t)(end - text - 1));
	if (!r->section)
		return problem(r, "expected a section header, '[global]'");
	return begin_entry(r, text, rest);
}

int ini_parse(struct arena *a, const char *file, const char *text, size_t length, struct ini *ret, struct error *err)
{
	struct reader r = {.arena = a, .file = file, .err = err};
	int failed = 0;

	if (memchr(text, '\0', length) || !text_is_utf8(text, length))
		return error_set(err, ERR_INPUT, "'%s' is not UTF-8 text", file);
	if (length >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		return error_set(err, ERR_INPUT, "'%s' begins with a byte order mark; save it without", file);
	for (size_t at = 0; at < length && !failed;) {
		const char *newline = memchr(text + at, '\n', length - at);
		size_t line_length = newline ? (size_t)(newline - text - (ptrdiff_t)at) : length - at;

		r.line++;
		failed = read_line(&r, text + at, line_length);
		at += line_length + 1;
	}
	close_entry(&r);
	strbuf_release(&r.value);
	if (failed)
		return -1;
	*ret = (struct ini){r.entries, r.entry_count, r.sections, r.section_count};
	return 0;
}
