#include "io/yaml.h"

#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"

/* A file with more problems than this in its form alone is not the file that was meant. */
enum { PROBLEMS_MAX = 20 };

struct yaml_reader {
	struct arena *arena;
	struct diag *diag;
	const char *file, *text;
	size_t length;
	yaml_parser_t parser;
	yaml_event_t event; /* the one being read */
	size_t node_count, problem_count;
	bool stopped;
	bool dropping; /* reading to the end of what was refused: problems in it are not the user's next question */
	/* libyaml counts characters; the last place that was turned into bytes, so that the next costs only the way from here. */
	size_t seen_line, seen_column, seen_offset, seen_line_offset;
};

static struct pos position(struct yaml_reader *r, yaml_mark_t mark)
{
	if (mark.line < r->seen_line || (mark.line == r->seen_line && mark.column < r->seen_column))
		r->seen_line = r->seen_column = r->seen_offset = r->seen_line_offset = 0;
	while (r->seen_line < mark.line) {
		const char *newline = memchr(r->text + r->seen_offset, '\n', r->length - r->seen_offset);

		if (!newline)
			break;
		r->seen_offset = r->seen_line_offset = (size_t)(newline + 1 - r->text);
		r->seen_column = 0;
		r->seen_line++;
	}
	while (r->seen_line == mark.line && r->seen_column < mark.column && r->seen_offset < r->length && r->text[r->seen_offset] != '\n') {
		r->seen_offset += text_utf8_length(r->text + r->seen_offset, r->length - r->seen_offset);
		r->seen_column++;
	}
	return (struct pos){r->file, (unsigned)r->seen_line + 1, (unsigned)(r->seen_offset - r->seen_line_offset) + 1};
}

/* Reports what can be read past, with what to do about it. Too many end the reading. */
__attribute__((format(printf, 4, 5))) static void problem(struct yaml_reader *r, struct pos at, const char *hint, const char *format, ...)
{
	autostrbuf struct strbuf text = {0};
	va_list args;

	if (r->dropping || r->stopped)
		return;
	va_start(args, format);
	strbuf_vprintf(&text, format, args);
	va_end(args);
	diag_error(r->diag, at, "%s", strbuf_text(&text));
	if (hint)
		diag_hint(r->diag, "%s", hint);
	if (++r->problem_count == PROBLEMS_MAX) {
		diag_error(r->diag, at, "too many problems; the rest of the file was not read");
		r->stopped = true;
	}
}

static void report_syntax(struct yaml_reader *r)
{
	const yaml_parser_t *p = &r->parser;
	struct pos at = position(r, p->problem_mark);
	size_t offset = r->seen_offset;
	const char *problem = p->problem ? p->problem : "unreadable";

	r->stopped = true;
	if (p->error == YAML_MEMORY_ERROR) {
		diag_error(r->diag, at, "too much memory is needed to read this file");
		return;
	}
	if (offset < r->length && r->text[offset] == '\t' && strstr(problem, "cannot start any token")) {
		diag_error(r->diag, at, "not valid YAML: a tab cannot indent");
		diag_hint(r->diag, "use spaces");
		return;
	}
	if (offset < r->length && strchr("%@`", r->text[offset]) && strstr(problem, "cannot start any token")) {
		diag_error(r->diag, at, "not valid YAML: a text cannot begin with '%c'", r->text[offset]);
		diag_hint(r->diag, "put the text into quotes");
		return;
	}
	if (p->context && (strstr(p->context, "an alias") || strstr(p->context, "an anchor"))) {
		diag_error(r->diag, position(r, p->context_mark), "not valid YAML: a text cannot begin with '%c'", strstr(p->context, "an alias") ? '*' : '&');
		diag_hint(r->diag, "put the text into quotes");
		return;
	}
	if (p->context && p->context_mark.line != p->problem_mark.line)
		diag_error(r->diag, at, "not valid YAML: %s (%s that began in line %zu)", problem, p->context, p->context_mark.line + 1);
	else if (p->context)
		diag_error(r->diag, at, "not valid YAML: %s (%s)", problem, p->context);
	else
		diag_error(r->diag, at, "not valid YAML: %s", problem);
}

/* Moves to the next event. False when there is none to go on with. */
static bool next(struct yaml_reader *r)
{
	yaml_event_delete(&r->event);
	if (r->stopped)
		return false;
	if (yaml_parser_parse(&r->parser, &r->event))
		return true;
	report_syntax(r);
	return false;
}

static bool is_merge_key(const struct yaml_reader *r)
{
	return r->event.type == YAML_SCALAR_EVENT && r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && r->event.data.scalar.length == 2 &&
	       !memcmp(r->event.data.scalar.value, "<<", 2);
}

static void check_decoration(struct yaml_reader *r, const yaml_char_t *anchor, const yaml_char_t *tag, struct pos at)
{
	if (anchor)
		problem(r, at, "remove it, and write the value out where it is needed", "anchor '&%s': anchors are not read here", (const char *)anchor);
	if (tag)
		problem(r, at, "remove it; what a value means is said by its key", "tag '%s': tags are not read here", (const char *)tag);
}

/* A value of the kind with its place; NULL when the file holds more than is good. */
static struct value *new_value(struct yaml_reader *r, enum value_kind kind)
{
	struct pos at = position(r, r->event.start_mark);

	if (++r->node_count > YAML_LIMIT_NODES) {
		diag_error(r->diag, at, "the file holds more than %d values", YAML_LIMIT_NODES);
		r->stopped = true;
		return NULL;
	}
	struct value *v = arena_new(r->arena, struct value);

	v->kind = kind;
	v->pos = at;
	return v;
}

static struct value *read_node(struct yaml_reader *r, unsigned depth);

static struct value *read_scalar(struct yaml_reader *r)
{
	struct value *v = new_value(r, VALUE_TEXT);
	const char *text = (const char *)r->event.data.scalar.value;

	if (!v)
		return NULL;
	v->plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	v->text_length = r->event.data.scalar.length;
	v->text = arena_strndup(r->arena, text, v->text_length);
	check_decoration(r, r->event.data.scalar.anchor, r->event.data.scalar.tag, v->pos);
	if (memchr(text, '\0', v->text_length)) {
		problem(r, v->pos, NULL, "the text holds a NUL character");
		v->kind = VALUE_NULL;
	}
	return v;
}

static struct value *read_alias(struct yaml_reader *r)
{
	struct value *v = new_value(r, VALUE_NULL);

	if (!v)
		return NULL;
	problem(r, v->pos, "write the value out; put it into quotes if it is a text that begins with '*'", "alias '*%s': aliases are not read here",
		(const char *)r->event.data.alias.anchor);
	return v;
}

static bool too_deep(struct yaml_reader *r, unsigned depth)
{
	if (depth < YAML_LIMIT_DEPTH)
		return false;
	diag_error(r->diag, position(r, r->event.start_mark), "nested more than %d levels deep", YAML_LIMIT_DEPTH);
	r->stopped = true;
	return true;
}

static struct value *read_list(struct yaml_reader *r, unsigned depth)
{
	struct value *list = too_deep(r, depth) ? NULL : new_value(r, VALUE_ARRAY);

	if (!list)
		return NULL;
	check_decoration(r, r->event.data.sequence_start.anchor, r->event.data.sequence_start.tag, list->pos);
	while (next(r)) {
		if (r->event.type == YAML_SEQUENCE_END_EVENT)
			return list;
		struct value *item = read_node(r, depth + 1);

		if (!item)
			return NULL;
		*arena_push(r->arena, &list->items, &list->item_count) = item;
	}
	return NULL;
}

/* Reads what was refused, for its end only. False: stop. */
static bool drop_node(struct yaml_reader *r, unsigned depth)
{
	bool before = r->dropping;

	r->dropping = true;
	bool done = read_node(r, depth) != NULL;

	r->dropping = before;
	return done;
}

/* Reads a key; *ret is without one when what stands there is no key (it was reported, and its value is to be dropped). False: stop. */
static bool read_key(struct yaml_reader *r, unsigned depth, struct value_entry *ret)
{
	struct pos at = position(r, r->event.start_mark);

	*ret = (struct value_entry){.key_pos = at};
	if (is_merge_key(r)) {
		problem(r, at, "write the merged keys out", "merge key '<<': merge keys are not read here");
		return drop_node(r, depth);
	}
	if (r->event.type != YAML_SCALAR_EVENT) {
		problem(r, at, NULL, "a key must be a text");
		return drop_node(r, depth);
	}
	struct value *key = read_scalar(r);

	if (!key)
		return false;
	ret->key = key->kind == VALUE_TEXT ? key->text : NULL;
	ret->key_length = key->text_length;
	return true;
}

static int compare_keys(const void *left, const void *right)
{
	const struct value_entry *a = *(const struct value_entry *const *)left, *b = *(const struct value_entry *const *)right;
	size_t length = a->key_length < b->key_length ? a->key_length : b->key_length;
	int order = memcmp(a->key, b->key, length);

	if (!order)
		order = (a->key_length > b->key_length) - (a->key_length < b->key_length);
	return order ? order : (a > b) - (a < b); /* the file's order */
}

/* Reports keys that are given twice and keeps the first of each. */
static void drop_duplicates(struct yaml_reader *r, struct value *table)
{
	size_t count = table->entry_count, kept = 0;

	if (count < 2)
		return;
	autofree struct value_entry **sorted = mem_zero(count, sizeof(struct value_entry *));
	bool found = false;

	for (size_t i = 0; i < count; i++)
		sorted[i] = &table->entries[i];
	qsort(sorted, count, sizeof(struct value_entry *), compare_keys);
	for (size_t i = 1, first = 0; i < count && !r->stopped; i++) {
		if (sorted[i]->key_length != sorted[first]->key_length || memcmp(sorted[i]->key, sorted[first]->key, sorted[i]->key_length) != 0) {
			first = i;
			continue;
		}
		problem(r, sorted[i]->key_pos, NULL, "key '%s' is given twice; the first is in line %u", sorted[i]->key, sorted[first]->key_pos.line);
		sorted[i]->value = NULL;
		found = true;
	}
	for (size_t i = 0; found && i < count; i++) {
		if (table->entries[i].value)
			table->entries[kept++] = table->entries[i];
	}
	table->entry_count = found ? kept : count;
}

static struct value *read_table(struct yaml_reader *r, unsigned depth)
{
	struct value *table = too_deep(r, depth) ? NULL : new_value(r, VALUE_TABLE);
	struct value_entry entry;

	if (!table)
		return NULL;
	check_decoration(r, r->event.data.mapping_start.anchor, r->event.data.mapping_start.tag, table->pos);
	while (next(r)) {
		if (r->event.type == YAML_MAPPING_END_EVENT) {
			drop_duplicates(r, table);
			return table;
		}
		if (!read_key(r, depth + 1, &entry) || !next(r))
			return NULL;
		if (!entry.key) {
			if (!drop_node(r, depth + 1))
				return NULL;
			continue;
		}
		entry.value = read_node(r, depth + 1);
		if (!entry.value)
			return NULL;
		*arena_push(r->arena, &table->entries, &table->entry_count) = entry;
	}
	return NULL;
}

/* The value that begins with the event at hand; NULL when reading must stop. At its return the event is the value's last. */
static struct value *read_node(struct yaml_reader *r, unsigned depth)
{
	switch (r->event.type) {
	case YAML_SEQUENCE_START_EVENT:
		return read_list(r, depth);
	case YAML_MAPPING_START_EVENT:
		return read_table(r, depth);
	case YAML_ALIAS_EVENT:
		return read_alias(r);
	case YAML_SCALAR_EVENT:
		return read_scalar(r);
	default:
		abort(); /* libyaml's grammar has nothing else where a node is */
	}
}

static void check_directives(struct yaml_reader *r)
{
	const yaml_event_t *e = &r->event;

	if (!e->data.document_start.version_directive && e->data.document_start.tag_directives.start == e->data.document_start.tag_directives.end)
		return;
	struct pos at = position(r, e->start_mark);

	problem(r, at, "remove the line", "directives ('%%YAML', '%%TAG') are not read here");
}

static struct value *empty_table(struct yaml_reader *r)
{
	struct value *table = arena_new(r->arena, struct value);

	table->kind = VALUE_TABLE;
	table->pos = (struct pos){r->file, 1, 1};
	return table;
}

static struct value *read_stream(struct yaml_reader *r)
{
	if (!next(r) || !next(r)) /* the stream's start, then a document's or the end */
		return NULL;
	if (r->event.type == YAML_STREAM_END_EVENT)
		return empty_table(r);
	check_directives(r);
	if (!next(r))
		return NULL;
	struct value *root = read_node(r, 0);

	if (!root || !next(r) || !next(r)) /* the document's end, then the stream's */
		return NULL;
	if (r->event.type != YAML_STREAM_END_EVENT) {
		diag_error(r->diag, position(r, r->event.start_mark), "a second document begins here; a file holds one");
		return NULL;
	}
	return root->kind == VALUE_TEXT && root->plain && !root->text_length ? empty_table(r) : root;
}

/* What is wrong with the character at `text`, or NULL. *ret_size is its size. */
static const char *wrong_character(const char *text, size_t length, size_t *ret_size)
{
	const unsigned char *t = (const unsigned char *)text;

	*ret_size = 1;
	if (t[0] == '\r')
		return length > 1 && t[1] == '\n' ? NULL : "a carriage return without a line feed";
	if (t[0] < 0x80)
		return (t[0] < 0x20 && t[0] != '\t' && t[0] != '\n') || t[0] == 0x7f ? "a control character" : NULL;
	*ret_size = text_utf8_length(text, length);
	if (*ret_size == 1)
		return "not UTF-8";
	if (t[0] == 0xc2 && t[1] < 0xa0)
		return "a control character";
	if (t[0] == 0xe2 && t[1] == 0x80 && (t[2] == 0xa8 || t[2] == 0xa9))
		return "a Unicode line separator";
	if (t[0] == 0xef && t[1] == 0xbb && t[2] == 0xbf)
		return "a byte order mark";
	return t[0] == 0xef && t[1] == 0xbf && t[2] >= 0xbe ? "not a character" : NULL;
}

/* Refuses what libyaml would read in its own way: other encodings, other line ends, control characters. */
static bool check_characters(struct diag *d, const char *file, const char *text, size_t length)
{
	struct pos at = {file, 1, 1};
	size_t size, line_start = 0;

	for (size_t i = 0; i < length; i += size) {
		const char *wrong = wrong_character(text + i, length - i, &size);

		if (wrong) {
			at.column = (unsigned)(i - line_start) + 1;
			diag_error(d, at, "%s (byte 0x%02x); a file is UTF-8 text without control characters", wrong, (unsigned char)text[i]);
			return false;
		}
		if (text[i] == '\n') {
			at.line++;
			line_start = i + 1;
		}
	}
	return true;
}

struct value *yaml_parse(struct arena *a, const char *file, const char *text, size_t length, struct diag *d)
{
	struct yaml_reader r = {.arena = a, .diag = d, .file = file, .text = text, .length = length};

	if (length > YAML_LIMIT_BYTES) {
		diag_error(d, (struct pos){file, 0, 0}, "larger than %d bytes", YAML_LIMIT_BYTES);
		return NULL;
	}
	diag_add_source(d, file, text, length);
	if (!check_characters(d, file, text, length))
		return NULL;
	if (!yaml_parser_initialize(&r.parser))
		mem_exhausted();
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, length);
	struct value *root = read_stream(&r);

	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	return r.stopped ? NULL : root;
}

struct value *yaml_read(struct arena *a, const char *path, const char *file, struct diag *d)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error err = {0};

	if (file_read(path, YAML_LIMIT_BYTES, &text, &err) == 0)
		return yaml_parse(a, file, strbuf_text(&text), text.length, d);
	if (err.code == ERR_NOT_FOUND)
		diag_error(d, (struct pos){file, 0, 0}, "no such file");
	else if (file_size(path) > YAML_LIMIT_BYTES)
		diag_error(d, (struct pos){file, 0, 0}, "larger than %d bytes", YAML_LIMIT_BYTES);
	else
		diag_error(d, (struct pos){file, 0, 0}, "%s", err.text);
	return NULL;
}
