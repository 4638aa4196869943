#include "python/record_rows.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "io/digest.h"

/* One field of a CSV row (RFC 4180, as Python's csv module reads it: a quote counts at the beginning of a field only) from *at on; *ret_last when a row ends behind it. False at the end of the text. */
static bool next_field(struct arena *a, const char **at, const char *end, const char **ret_field, bool *ret_last)
{
	autostrbuf struct strbuf field = {0};
	const char *p = *at;
	bool quoted = false;

	if (p >= end)
		return false;
	for (; p < end && (quoted || (*p != ',' && *p != '\n' && *p != '\r')); p++) {
		if (*p == '"' && quoted && p + 1 < end && p[1] == '"')
			strbuf_add_char(&field, *p++);
		else if (*p == '"' && (quoted || p == *at))
			quoted = !quoted;
		else
			strbuf_add_char(&field, *p);
	}
	*ret_last = p >= end || *p != ',';
	if (p + 1 < end && p[0] == '\r' && p[1] == '\n')
		p++;
	if (p < end)
		p++;
	*at = p;
	*ret_field = arena_strdup(a, strbuf_text(&field));
	return true;
}

void record_rows_parse(struct arena *a, const char *text, size_t length, struct record_rows *ret)
{
	const char *at = text, *end = text + length, *field;
	size_t lines = 1, room = 1;

	*ret = (struct record_rows){0};
	for (const char *line = text; (line = memchr(line, '\n', (size_t)(end - line))); line++)
		lines++;
	while (room < lines)
		room *= 2;
	ret->rows = arena_array(a, room, sizeof(*ret->rows));
	while (at < end) {
		const char *fields[3] = {"", "", ""};
		bool last = false;

		for (size_t i = 0; !last && next_field(a, &at, end, &field, &last); i++) {
			if (i < 3)
				fields[i] = field;
		}
		if (*fields[0] || *fields[1] || *fields[2])
			*(ret->count < room ? &ret->rows[ret->count++] : arena_push(a, &ret->rows, &ret->count)) =
				(struct record_row){fields[0], fields[1], fields[2]};
	}
}

static int compare_rows(const void *left, const void *right)
{
	const struct record_row *a = left, *b = right;
	int order = strcmp(a->path, b->path);

	order = order ? order : strcmp(a->hash, b->hash);
	return order ? order : strcmp(a->size, b->size);
}

static void write_field(const char *field, struct strbuf *out)
{
	if (!strpbrk(field, ",\"\r\n")) {
		strbuf_add(out, field);
		return;
	}
	strbuf_add_char(out, '"');
	for (; *field; field++) {
		if (*field == '"')
			strbuf_add_char(out, '"');
		strbuf_add_char(out, *field);
	}
	strbuf_add_char(out, '"');
}

void record_rows_write(struct record_rows *record, struct strbuf *out)
{
	if (record->count > 1)
		qsort(record->rows, record->count, sizeof(*record->rows), compare_rows);
	for (size_t i = 0; i < record->count; i++) {
		const struct record_row *row = &record->rows[i];

		write_field(row->path, out);
		strbuf_add_char(out, ',');
		write_field(row->hash, out);
		strbuf_add_char(out, ',');
		write_field(row->size, out);
		strbuf_add(out, "\r\n");
	}
}

static void add_hash(struct strbuf *out, const char *hex)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned hold = 0, bits = 0;

	strbuf_add(out, "sha256=");
	for (size_t i = 0; i < DIGEST_HEX_LENGTH; i++) {
		hold = hold << 4 | (unsigned)(hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10);
		for (bits += 4; bits >= 6; bits -= 6)
			strbuf_add_char(out, letters[hold >> (bits - 6) & 63]);
	}
	if (bits)
		strbuf_add_char(out, letters[hold << (6 - bits) & 63]);
}

const char *record_rows_hash(struct arena *a, const void *bytes, size_t length)
{
	char hex[DIGEST_HEX_LENGTH + 1];
	autostrbuf struct strbuf text = {0};

	digest_bytes(bytes, length, hex);
	add_hash(&text, hex);
	return arena_strdup(a, strbuf_text(&text));
}

bool record_rows_hash_fits(const char *hash, const char *sha256)
{
	autostrbuf struct strbuf text = {0};

	if (strncmp(hash, "sha256=", 7) != 0)
		return true;
	add_hash(&text, sha256);
	/* Some write the padding that base64 has. */
	return !strncmp(hash, text.text, text.length) && strspn(hash + text.length, "=") == strlen(hash + text.length);
}
