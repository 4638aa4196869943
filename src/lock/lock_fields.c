#include "lock/lock_fields.h"

#include <stdint.h>
#include <string.h>

#include "base/file.h"
#include "base/strbuf.h"
#include "base/text.h"
#include "io/digest.h"
#include "python/marker.h"
#include "python/name.h"
#include "python/version.h"

/* What a file of the user's says, fit for a message. */
static const char *safe(struct arena *a, const char *text, size_t length)
{
	autostrbuf struct strbuf out = {0};

	text_escape(&out, text, length, 0);
	return arena_strdup(a, strbuf_text(&out));
}

static bool is_printable_line(const char *text, size_t length)
{
	autostrbuf struct strbuf out = {0};
	size_t plain = 0;

	while (plain < length && text[plain] >= ' ' && text[plain] <= '~')
		plain++;
	if (plain < length)
		text_escape(&out, text + plain, length - plain, 0);
	return length && out.length == length - plain;
}

static bool is_normal_version(struct arena *a, const char *text)
{
	const struct version *v = version_parse(a, text);

	return v && !strcmp(version_normal(a, v), text);
}

static bool is_marker(struct arena *a, const char *text)
{
	size_t at;

	return marker_parse(a, text, &at) != NULL;
}

/* NULL when the text is what it must be, else what it should have been. */
static const char *text_problem(struct arena *a, enum lock_field_kind kind, const char *text)
{
	switch (kind) {
	case FIELD_NAME:
	case FIELD_NAMES:
		return name_is_canonical(text) ? NULL : "a package name in lower case with single dashes";
	case FIELD_VERSION:
		return is_normal_version(a, text) ? NULL : "a version in its normal form";
	case FIELD_MARKER:
		return is_marker(a, text) ? NULL : "an environment marker";
	case FIELD_SHA256:
		return digest_is_hex(text) ? NULL : "64 hexadecimal digits in lower case";
	case FIELD_FILE_NAME:
		return path_is_plain_name(text) ? NULL : "a file name without a folder";
	case FIELD_TEXT:
	case FIELD_TEXTS:
	case FIELD_SIZE:
	case FIELD_OTHER:
		break;
	}
	return NULL;
}

static bool read_text(enum lock_field_kind kind, const char *key, const struct value *v, struct arena *a, struct diag *d, const char **ret)
{
	if (v->kind != VALUE_TEXT) {
		diag_error(d, v->pos, "'%s' must be text, not %s", key, value_kind_name(v->kind));
		return false;
	}
	if (!is_printable_line(v->text, v->text_length)) {
		diag_error(d, v->pos, "'%s' must be one line of printable text", key);
		return false;
	}
	const char *wanted = text_problem(a, kind, v->text);

	if (wanted) {
		diag_error(d, v->pos, "'%s' must be %s, not '%s'", key, wanted, safe(a, v->text, v->text_length));
		return false;
	}
	*ret = arena_strndup(a, v->text, v->text_length);
	return true;
}

void lock_fields_order(struct diag *d, struct pos at, const char *name, const char *before, int order)
{
	if (!order)
		diag_error(d, at, "'%s' is given twice", name);
	else if (order > 0)
		diag_error(d, at, "out of order: '%s' belongs before '%s'", name, before);
}

static bool read_texts(const struct lock_field *field, const struct value *v, struct arena *a, struct diag *d, char *into)
{
	size_t errors_before = d->error_count;

	if (v->kind != VALUE_ARRAY) {
		diag_error(d, v->pos, "'%s' must be a list, not %s", field->key, value_kind_name(v->kind));
		return false;
	}
	const char **texts = arena_array(a, v->item_count, sizeof(*texts));
	size_t count = 0;

	for (size_t i = 0; i < v->item_count; i++) {
		if (!read_text(field->kind, field->key, v->items[i], a, d, &texts[count]))
			continue;
		if (count)
			lock_fields_order(d, v->items[i]->pos, texts[count], texts[count - 1], strcmp(texts[count - 1], texts[count]));
		count++;
	}
	*(const char ***)(void *)(into + field->offset) = texts;
	*(size_t *)(void *)(into + field->count_offset) = count;
	return d->error_count == errors_before;
}

static bool read_size(const char *key, const struct value *v, struct diag *d, uint64_t *ret)
{
	if (v->kind != VALUE_INTEGER || v->integer < 0) {
		diag_error(d, v->pos, "'%s' must be a whole number of bytes", key);
		return false;
	}
	*ret = (uint64_t)v->integer;
	return true;
}

static bool read_field(const struct lock_field *field, const struct value *v, struct arena *a, struct diag *d, char *into)
{
	switch (field->kind) {
	case FIELD_SIZE:
		return read_size(field->key, v, d, (uint64_t *)(void *)(into + field->offset));
	case FIELD_TEXTS:
	case FIELD_NAMES:
		return read_texts(field, v, a, d, into);
	case FIELD_OTHER:
		return true;
	case FIELD_TEXT:
	case FIELD_NAME:
	case FIELD_VERSION:
	case FIELD_MARKER:
	case FIELD_SHA256:
	case FIELD_FILE_NAME:
		break;
	}
	return read_text(field->kind, field->key, v, a, d, (const char **)(void *)(into + field->offset));
}

static void unknown_key(const struct lock_field *fields, const char *what, const struct value_entry *entry, struct arena *a, struct diag *d)
{
	const char *keys[32];
	size_t count = 0;

	for (; count < 32 && fields[count].key; count++)
		keys[count] = fields[count].key;
	const char *key = safe(a, entry->key, entry->key_length), *near = text_nearest(key, keys, count);

	diag_error(d, entry->key_pos, "unknown key '%s' in %s", key, what);
	if (near)
		diag_hint(d, "did you mean '%s'?", near);
}

static const struct lock_field *find_field(const struct lock_field *fields, const struct value_entry *entry)
{
	for (; fields->key; fields++) {
		if (strlen(fields->key) == entry->key_length && !memcmp(fields->key, entry->key, entry->key_length))
			return fields;
	}
	return NULL;
}

bool lock_fields_read(const struct lock_field *fields, const char *what, const struct value *table, struct arena *a, struct diag *d, void *into)
{
	size_t errors_before = d->error_count;

	if (table->kind != VALUE_TABLE) {
		diag_error(d, table->pos, "%s must be a table, not %s", what, value_kind_name(table->kind));
		return false;
	}
	for (size_t i = 0; i < table->entry_count; i++) {
		const struct lock_field *field = find_field(fields, &table->entries[i]);

		if (field)
			read_field(field, table->entries[i].value, a, d, into);
		else
			unknown_key(fields, what, &table->entries[i], a, d);
	}
	for (const struct lock_field *field = fields; field->key; field++) {
		if (field->required && !value_get(table, field->key))
			diag_error(d, table->pos, "%s has no '%s'", what, field->key);
	}
	return d->error_count == errors_before;
}
