#include "recipe/schema.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "python/name.h"

bool schema_is_empty(const struct value *v)
{
	return v->kind == VALUE_TEXT && v->plain && !v->text_length;
}

/* Whether `v` is of a kind; says so when it is another. */
static bool is_kind(struct reader *r, const struct value *v, enum value_kind kind, const char *what)
{
	if (v->kind == kind)
		return true;
	if (v->kind != VALUE_NULL)
		diag_error(r->diag, v->pos, "%s must be %s, and is %s", what, value_kind_name(kind), schema_is_empty(v) ? "empty" : value_kind_name(v->kind));
	return false;
}

bool schema_is_table(struct reader *r, const struct value *v, const char *what)
{
	return !schema_is_empty(v) && is_kind(r, v, VALUE_TABLE, what);
}

bool schema_is_list(struct reader *r, const struct value *v, const char *what)
{
	return !schema_is_empty(v) && is_kind(r, v, VALUE_ARRAY, what);
}

const char *schema_text(struct reader *r, const struct value *v, const char *what)
{
	return is_kind(r, v, VALUE_TEXT, what) ? v->text : NULL;
}

const char *schema_line(struct reader *r, const struct value *v, const char *what, const struct word_form *form)
{
	const char *text = schema_text(r, v, what);

	if (!text)
		return NULL;
	size_t length = strlen(text);

	if (length && text[length - 1] == '\n')
		text = arena_strndup(r->arena, text, --length);
	if (!length) {
		diag_error(r->diag, v->pos, "%s is empty", what);
		return NULL;
	}
	if (strpbrk(text, "\n\r")) {
		diag_error(r->diag, v->pos, "%s must be one line", what);
		return NULL;
	}
	if (form && !form->holds(text)) {
		diag_error(r->diag, v->pos, "'%s' is no %s", text, form->name);
		diag_hint(r->diag, "%s: %s", form->name, form->rule);
		return NULL;
	}
	return text;
}

static int compare_values(const void *left, const void *right)
{
	const struct value *a = *(const struct value *const *)left, *b = *(const struct value *const *)right;
	int order = strcmp(a->text, b->text);

	if (!order)
		order = (a->pos.line > b->pos.line) - (a->pos.line < b->pos.line);
	return order ? order : (a->pos.column > b->pos.column) - (a->pos.column < b->pos.column);
}

void schema_report_repeated(struct reader *r, const struct value *list, const char *what)
{
	autofree const struct value **sorted = mem_zero(list->item_count, sizeof(const struct value *));
	size_t count = 0;

	for (size_t i = 0; i < list->item_count; i++) {
		if (list->items[i]->kind == VALUE_TEXT)
			sorted[count++] = list->items[i];
	}
	if (count)
		qsort(sorted, count, sizeof(const struct value *), compare_values);
	for (size_t i = 1; i < count; i++) {
		if (!strcmp(sorted[i]->text, sorted[i - 1]->text))
			diag_error(r->diag, sorted[i]->pos, "'%s' is twice in %s", sorted[i]->text, what);
	}
}

void schema_set(struct reader *r, const struct value *v, const char *what, const struct word_form *form, const char ***ret_words, size_t *ret_count)
{
	const char **words = NULL;
	size_t count = 0;

	*ret_words = NULL;
	*ret_count = 0;
	if (!schema_is_list(r, v, what))
		return;
	autofree char *item_name = mem_printf("an item of %s", what);

	for (size_t i = 0; i < v->item_count; i++) {
		const char *word = schema_line(r, v->items[i], item_name, form);

		if (word)
			*arena_push(r->arena, &words, &count) = word;
	}
	schema_report_repeated(r, v, what);
	*ret_words = words;
	*ret_count = count;
}

bool schema_may_suggest(struct reader *r, size_t count)
{
	enum { COMPARED_MAX = 1000000 };

	r->compared_count += count;
	return r->compared_count <= COMPARED_MAX;
}

void schema_unknown(struct reader *r, struct pos at, const char *what, const char *name, const char *const *candidates, size_t count)
{
	const char *near = text_nearest(name, candidates, count);

	diag_error(r->diag, at, "unknown %s '%s'", what, name);
	if (near) {
		diag_hint(r->diag, "did you mean '%s'?", near);
		return;
	}
	autostrbuf struct strbuf list = {0};

	for (size_t i = 0; i < count && list.length < 200; i++)
		strbuf_printf(&list, "%s%s", i ? ", " : "", candidates[i]);
	if (list.length && list.length < 200)
		diag_hint(r->diag, "there %s: %s", count == 1 ? "is" : "are", strbuf_text(&list));
}

/* Returns the row that was probably meant, or NULL. */
static const struct schema_row *unknown_key(struct reader *r, const struct value_entry *entry, const struct schema_row *rows)
{
	enum { ROWS_MAX = 32 };
	const char *keys[ROWS_MAX] = {0};
	size_t count = 0;

	for (const struct schema_row *row = rows; row->key && count < ROWS_MAX; row++)
		keys[count++] = row->key;
	if (!schema_may_suggest(r, count))
		count = 0;
	schema_unknown(r, entry->key_pos, "key", entry->key, keys, count);
	const char *near = text_nearest(entry->key, keys, count);

	for (size_t i = 0; near && i < count; i++) {
		if (keys[i] == near)
			return &rows[i];
	}
	return NULL;
}

static void read_row(struct reader *r, const struct value *v, const struct schema_row *row, char *target)
{
	autofree char *what = mem_printf("'%s'", row->key);
	const char *text;

	switch (row->kind) {
	case SCHEMA_LINE:
		text = schema_line(r, v, what, row->form);
		memcpy(target + row->offset, &text, sizeof(text));
		break;
	case SCHEMA_SET:
		schema_set(r, v, what, row->form, (const char ***)(void *)(target + row->offset), (size_t *)(void *)(target + row->count_offset));
		break;
	case SCHEMA_VALUE:
		memcpy(target + row->offset, &v, sizeof(v));
		break;
	case SCHEMA_READ:
		row->read(r, v, target);
		break;
	}
}

static const struct schema_row *find_row(const struct schema_row *rows, const struct value_entry *entry, size_t *ret_index)
{
	for (size_t i = 0; rows[i].key; i++) {
		if (!strcmp(rows[i].key, entry->key)) {
			*ret_index = i;
			return &rows[i];
		}
	}
	return NULL;
}

bool schema_read(struct reader *r, const struct value *v, const char *what, struct pos at, const struct schema_row *rows, void *target)
{
	uint64_t seen = 0;
	size_t index = 0;

	if (!schema_is_empty(v) && v->kind != VALUE_TABLE) {
		if (v->kind != VALUE_NULL)
			diag_error(r->diag, v->pos, "%s must be a table, and is %s", what, value_kind_name(v->kind));
		return false;
	}
	for (size_t i = 0; i < v->entry_count; i++) {
		const struct schema_row *row = find_row(rows, &v->entries[i], &index);

		if (!row) {
			row = unknown_key(r, &v->entries[i], rows);
			seen |= row ? UINT64_C(1) << (row - rows) : 0; /* one problem is enough for a key that is misspelt */
			continue;
		}
		seen |= UINT64_C(1) << index;
		read_row(r, v->entries[i].value, row, target);
	}
	for (index = 0; rows[index].key; index++) {
		if (!(rows[index].flags & SCHEMA_REQUIRED) || (seen >> index & 1))
			continue;
		diag_error(r->diag, at, "missing '%s'", rows[index].key);
		diag_hint(r->diag, "%s: %s", rows[index].key, rows[index].description);
	}
	return true;
}

/* In a literal block each line of the text stands in its own line of the file, behind the indentation. */
static struct pos pos_in_block(const struct reader *r, const struct value *v, size_t offset)
{
	struct pos at = {v->pos.file, v->pos.line + 1, 0};
	const char *line = v->text, *newline, *source;
	size_t source_length;

	while ((newline = memchr(line, '\n', (size_t)(v->text + offset - line)))) {
		line = newline + 1;
		at.line++;
	}
	size_t length = strcspn(line, "\n");

	if (!diag_line(r->diag, at, &source, &source_length))
		return v->pos;
	while (source_length && source[source_length - 1] == '\r')
		source_length--;
	if (source_length < length || memcmp(source + source_length - length, line, length) != 0)
		return v->pos;
	at.column = (unsigned)(source_length - length + (size_t)(v->text + offset - line) + 1);
	return at;
}

struct pos schema_pos_in(const struct reader *r, const struct value *v, size_t offset)
{
	const char *line;
	size_t length, from = v->pos.column - 1, quote = v->plain ? 0 : 1;
	struct pos at = v->pos;

	if (!v->pos.column || !diag_line(r->diag, v->pos, &line, &length) || from >= length)
		return v->pos;
	if (!v->plain && line[from] == '|')
		return pos_in_block(r, v, offset);
	/* As written, when no escape and no fold stands before the place. */
	if (from + quote + offset <= length && offset <= v->text_length && !memcmp(line + from + quote, v->text, offset))
		at.column += (unsigned)(quote + offset);
	return at;
}

static int compare_names(const void *left, const void *right)
{
	const struct schema_named *a = left, *b = right;
	int order = strcmp(a->canonical, b->canonical);

	if (!order)
		order = (a->pos.line > b->pos.line) - (a->pos.line < b->pos.line);
	return order ? order : (a->pos.column > b->pos.column) - (a->pos.column < b->pos.column);
}

void schema_names(struct reader *r, const struct value *v, const char *what, const struct word_form *form, bool canonical, struct schema_named **ret_names,
		  size_t *ret_count)
{
	struct schema_named *names = arena_array(r->arena, v->entry_count, sizeof(*names));
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < v->entry_count; i++) {
		const struct value_entry *entry = &v->entries[i];

		if (!form->holds(entry->key)) {
			diag_error(r->diag, entry->key_pos, "'%s' is no %s", entry->key, form->name);
			diag_hint(r->diag, "%s: %s", form->name, form->rule);
			continue;
		}
		names[count++] = (struct schema_named){entry->key, canonical ? name_canonical(r->arena, entry->key) : entry->key, entry->value, entry->key_pos};
	}
	if (count)
		qsort(names, count, sizeof(*names), compare_names);
	for (size_t i = 0; i < count; i++) {
		const struct schema_named *first = kept ? &names[kept - 1] : NULL;

		if (first && !strcmp(first->canonical, names[i].canonical)) {
			diag_error(r->diag, names[i].pos, "%s '%s' is the same as '%s' in line %u", what, names[i].name, first->name, first->pos.line);
			diag_hint(r->diag, "both are '%s' by PEP 503; keep one", names[i].canonical);
			continue;
		}
		names[kept++] = names[i];
	}
	*ret_names = names;
	*ret_count = kept;
}
