#include "io/toml.h"

#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "io/toml_scan.h"

/* How a table came to be, which decides what may still be added to it (TOML 1.0, "Table", "Inline Table", "Array of Tables"). */
enum origin {
	FROM_PATH,   /* a step on the way of a header: may get a header of its own once */
	FROM_HEADER, /* [x] or one element of [[x]] */
	FROM_DOTS,   /* a dotted key made it: only further dotted keys of the same section add to it */
	FROM_BRACES, /* inline: complete */
};

/* Behind value.index of every table. */
struct table {
	enum origin origin;
	unsigned depth;
	uint32_t *slots; /* hash -> entry number + 1; only when there are many entries */
	size_t slot_count;
};

enum { HASH_FROM = 8 };

/* Behind value.index of an array that headers made; other arrays have none. */
static char array_of_tables;

static struct value *new_value(struct toml *t, enum value_kind kind, struct pos pos)
{
	struct value *v = arena_new(t->a, struct value);

	v->kind = kind;
	v->pos = pos;
	if (++t->value_count > TOML_LIMIT_VALUES)
		toml_fail(t, t->at, "more than %d values in one file", TOML_LIMIT_VALUES);
	return v;
}

static struct table *table_of(const struct value *v)
{
	return v->index;
}

/* NULL when it would be too deep. */
static struct value *new_table(struct toml *t, enum origin origin, unsigned depth, struct pos pos)
{
	if (depth > TOML_LIMIT_DEPTH) {
		toml_fail(t, t->at, "nested deeper than %d", TOML_LIMIT_DEPTH);
		return NULL;
	}
	struct value *v = new_value(t, VALUE_TABLE, pos);
	struct table *table = arena_new(t->a, struct table);

	table->origin = origin;
	table->depth = depth;
	v->index = table;
	return v;
}

static uint32_t hash(const char *key, size_t length)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < length; i++)
		h = (h ^ (unsigned char)key[i]) * 16777619u;
	return h ^ h >> 15;
}

static bool same_key(const struct value_entry *entry, const struct toml_key *key)
{
	return entry->key_length == key->length && !memcmp(entry->key, key->text, key->length);
}

/* The slot of a key: where it is, or the empty one where it belongs. */
static uint32_t *find_slot(const struct value *v, const struct toml_key *key)
{
	const struct table *table = table_of(v);
	size_t mask = table->slot_count - 1, i = hash(key->text, key->length) & mask;

	while (table->slots[i] && !same_key(&v->entries[table->slots[i] - 1], key))
		i = (i + 1) & mask;
	return &table->slots[i];
}

static struct value_entry *find(const struct value *v, const struct toml_key *key)
{
	if (table_of(v)->slots) {
		uint32_t number = *find_slot(v, key);

		return number ? &v->entries[number - 1] : NULL;
	}
	for (size_t i = 0; i < v->entry_count; i++) {
		if (same_key(&v->entries[i], key))
			return &v->entries[i];
	}
	return NULL;
}

static void grow_slots(struct toml *t, struct value *v)
{
	struct table *table = table_of(v);

	table->slot_count = table->slot_count ? table->slot_count * 2 : HASH_FROM * 4;
	table->slots = arena_array(t->a, table->slot_count, sizeof(*table->slots));
	for (size_t i = 0; i < v->entry_count; i++) {
		struct toml_key key = {v->entries[i].key, v->entries[i].key_length, v->entries[i].key_pos};

		*find_slot(v, &key) = (uint32_t)i + 1;
	}
}

static void add(struct toml *t, struct value *v, const struct toml_key *key, struct value *item)
{
	struct value_entry *entry = arena_push(t->a, &v->entries, &v->entry_count);

	entry->key = key->text;
	entry->key_length = key->length;
	entry->key_pos = key->pos;
	entry->value = item;
	if (v->entry_count * 2 > table_of(v)->slot_count && v->entry_count >= HASH_FROM)
		grow_slots(t, v);
	else if (table_of(v)->slots)
		*find_slot(v, key) = (uint32_t)v->entry_count;
}

static bool given_before(struct toml *t, const struct toml_key *key, const struct value_entry *first)
{
	autostrbuf struct strbuf name = {0};

	text_escape(&name, key->text, key->length, 0);
	toml_problem(t, key->pos, "'%s' is given twice; first in line %u", strbuf_text(&name), first->key_pos.line);
	return false;
}

/* One step of a header's path: into a table that is there, or a new one. NULL after a problem. */
static struct value *step_header(struct toml *t, struct value *at, const struct toml_key *key)
{
	struct value_entry *entry = find(at, key);

	if (!entry) {
		struct value *made = new_table(t, FROM_PATH, table_of(at)->depth + 1, key->pos);

		if (made)
			add(t, at, key, made);
		return made;
	}
	struct value *there = entry->value;

	if (there->kind == VALUE_ARRAY && there->index)
		return there->items[there->item_count - 1];
	if (there->kind == VALUE_TABLE && table_of(there)->origin != FROM_BRACES)
		return there;
	given_before(t, key, entry);
	return NULL;
}

/* The last part of [header]. */
static struct value *end_table_header(struct toml *t, struct value *at, const struct toml_key *key)
{
	struct value_entry *entry = find(at, key);

	if (!entry) {
		struct value *made = new_table(t, FROM_HEADER, table_of(at)->depth + 1, key->pos);

		if (made)
			add(t, at, key, made);
		return made;
	}
	if (entry->value->kind == VALUE_TABLE && table_of(entry->value)->origin == FROM_PATH) {
		table_of(entry->value)->origin = FROM_HEADER;
		entry->key_pos = entry->value->pos = key->pos;
		return entry->value;
	}
	given_before(t, key, entry);
	return NULL;
}

/* The last part of [[header]]: one more element. */
static struct value *end_array_header(struct toml *t, struct value *at, const struct toml_key *key)
{
	struct value_entry *entry = find(at, key);
	struct value *array = entry ? entry->value : NULL;

	if (entry && (array->kind != VALUE_ARRAY || !array->index)) {
		given_before(t, key, entry);
		return NULL;
	}
	struct value *made = new_table(t, FROM_HEADER, table_of(at)->depth + 2, key->pos);

	if (!made)
		return NULL;
	if (!array) {
		array = new_value(t, VALUE_ARRAY, key->pos);
		array->index = &array_of_tables;
		add(t, at, key, array);
	}
	*arena_push(t->a, &array->items, &array->item_count) = made;
	return made;
}

static bool parse_line_end(struct toml *t)
{
	if (!toml_skip_comment(t))
		return false;
	if (t->at == t->end || toml_newline(t))
		return true;
	return toml_fail(t, t->at, "expected the end of the line");
}

/* A path that cannot be walked does not stop the reading: what follows goes into a table of its own that nobody sees. */
static struct value *into_nowhere(struct toml *t, struct pos pos)
{
	return new_table(t, FROM_HEADER, 1, pos);
}

static struct value *parse_header(struct toml *t, struct value *document)
{
	const char *start = t->at;
	bool is_array = t->at + 1 < t->end && t->at[1] == '[', walk = true;
	struct value *at = document;

	t->at += is_array ? 2 : 1;
	for (;;) {
		struct toml_key key;

		toml_skip_blanks(t);
		if (!toml_scan_key(t, &key))
			return NULL;
		toml_skip_blanks(t);
		bool more = t->at < t->end && *t->at == '.';

		if (walk)
			at = more ? step_header(t, at, &key) : is_array ? end_array_header(t, at, &key) : end_table_header(t, at, &key);
		if (t->failed)
			return NULL;
		walk = walk && at;
		if (!more)
			break;
		t->at++;
	}
	struct pos pos = toml_pos(t, start);

	for (unsigned brackets = is_array ? 2 : 1; brackets; brackets--, t->at++) {
		if (t->at == t->end || *t->at != ']') {
			toml_fail(t, t->at, "expected '%s' after the name of the table", is_array ? "]]" : "]");
			return NULL;
		}
	}
	if (!parse_line_end(t))
		return NULL;
	return walk ? at : into_nowhere(t, pos);
}

static struct value *parse_value(struct toml *t, unsigned depth);

static struct value *step_dotted(struct toml *t, struct value *at, const struct toml_key *key)
{
	struct value_entry *entry = find(at, key);

	if (!entry) {
		struct value *made = new_table(t, FROM_DOTS, table_of(at)->depth + 1, key->pos);

		if (made)
			add(t, at, key, made);
		return made;
	}
	if (entry->value->kind == VALUE_TABLE && table_of(entry->value)->origin == FROM_DOTS)
		return entry->value;
	given_before(t, key, entry);
	return NULL;
}

/* key = value, into `table`. */
static bool parse_pair(struct toml *t, struct value *table)
{
	struct value *at = table;
	struct toml_key key;

	for (;;) {
		if (!toml_scan_key(t, &key))
			return false;
		toml_skip_blanks(t);
		if (t->at == t->end || *t->at != '.')
			break;
		t->at++;
		toml_skip_blanks(t);
		if (at)
			at = step_dotted(t, at, &key);
		if (t->failed)
			return false;
	}
	if (t->at == t->end || *t->at != '=')
		return toml_fail(t, t->at, "expected '=' after the key");
	t->at++;
	toml_skip_blanks(t);
	struct value *v = parse_value(t, (at ? table_of(at)->depth : 0) + 1);

	if (!v)
		return false;
	struct value_entry *first = at ? find(at, &key) : NULL;

	if (first)
		given_before(t, &key, first);
	else if (at)
		add(t, at, &key, v);
	return true;
}

static struct value *parse_array(struct toml *t, unsigned depth)
{
	struct value *v = new_value(t, VALUE_ARRAY, toml_pos(t, t->at));

	t->at++;
	for (;;) {
		if (!toml_skip_lines(t))
			return NULL;
		if (t->at < t->end && *t->at == ']')
			break;
		struct value *item = parse_value(t, depth + 1);

		if (!item)
			return NULL;
		*arena_push(t->a, &v->items, &v->item_count) = item;
		if (!toml_skip_lines(t))
			return NULL;
		if (t->at < t->end && *t->at == ',') {
			t->at++;
		} else if (t->at == t->end || *t->at != ']') {
			toml_fail(t, t->at, "expected ',' or ']' in the list that began in line %u", v->pos.line);
			return NULL;
		}
	}
	t->at++;
	return v;
}

static struct value *parse_inline_table(struct toml *t, unsigned depth)
{
	struct value *v = new_table(t, FROM_BRACES, depth, toml_pos(t, t->at)); /* parse_value saw to the depth */

	t->at++;
	toml_skip_blanks(t);
	if (t->at < t->end && *t->at == '}') {
		t->at++;
		return v;
	}
	for (;;) {
		if (!parse_pair(t, v))
			return NULL;
		toml_skip_blanks(t);
		if (t->at < t->end && *t->at == '}')
			break;
		if (t->at == t->end || *t->at != ',') {
			toml_fail(t, t->at, "expected ',' or '}' in an inline table");
			return NULL;
		}
		t->at++;
		toml_skip_blanks(t);
	}
	t->at++;
	return v;
}

static struct value *parse_value(struct toml *t, unsigned depth)
{
	char c = t->at < t->end ? *t->at : '\0';

	if (depth > TOML_LIMIT_DEPTH) {
		toml_fail(t, t->at, "nested deeper than %d", TOML_LIMIT_DEPTH);
		return NULL;
	}
	if (c == '[')
		return parse_array(t, depth);
	if (c == '{')
		return parse_inline_table(t, depth);
	struct value *v = new_value(t, VALUE_TEXT, toml_pos(t, t->at));
	bool fine = c == '"' || c == '\'' ? toml_scan_string(t, &v->text, &v->text_length) : toml_scan_scalar(t, v);

	return fine && !t->failed ? v : NULL;
}

/* TOML is UTF-8 throughout; a byte order mark may stand at the very beginning. */
static bool check_encoding(struct toml *t)
{
	if (t->end - t->at >= 3 && !memcmp(t->at, "\xef\xbb\xbf", 3))
		t->at += 3;
	if (text_is_utf8(t->at, (size_t)(t->end - t->at)))
		return true;
	const char *at = t->at;

	for (size_t size = 0;; at += size) {
		if (*at == '\n') {
			t->line++;
			t->line_start = at + 1;
		}
		size = text_utf8_length(at, (size_t)(t->end - at));
		if ((unsigned char)*at >= 0x80 && size == 1)
			break;
	}
	return toml_fail(t, at, "not valid UTF-8");
}

static struct value *parse_document(struct toml *t)
{
	struct value *document = new_table(t, FROM_HEADER, 0, toml_pos(t, t->at)), *section = document;

	if (!check_encoding(t))
		return NULL;
	for (;;) {
		if (!toml_skip_lines(t))
			return NULL;
		if (t->at == t->end)
			return document;
		if (*t->at == '[')
			section = parse_header(t, document);
		else if (!parse_pair(t, section) || !parse_line_end(t))
			return NULL;
		if (t->failed)
			return NULL;
	}
}

struct value *toml_parse(struct arena *a, const char *file, const char *text, size_t length, struct diag *d)
{
	struct toml t = {.a = a, .d = d, .file = arena_strdup(a, file), .text = text, .at = text, .end = text + length, .line_start = text, .line = 1};
	size_t errors_before = d->error_count;
	struct value *document = parse_document(&t);

	strbuf_release(&t.scratch);
	return d->error_count > errors_before ? NULL : document;
}

struct value *toml_read(struct arena *a, const char *path, const char *file, size_t limit_bytes, struct diag *d)
{
	autostrbuf struct strbuf text = {0};
	autoerror struct error err = {0};

	if (file_read(path, limit_bytes, &text, &err) < 0) {
		diag_error(d, (struct pos){file, 0, 0}, "%s", err.text);
		return NULL;
	}
	return toml_parse(a, file, strbuf_text(&text), text.length, d);
}
