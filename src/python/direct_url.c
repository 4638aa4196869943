#include "python/direct_url.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "io/json.h"
#include "python/url.h"

struct reader {
	struct arena *arena;
	const char *what;
	struct error *err;
};

/* Null is as good as not there. */
static const struct value *known(const struct value *table, const char *key)
{
	const struct value *v = value_get(table, key);

	return v && v->kind != VALUE_NULL ? v : NULL;
}

static int read_text(const struct reader *r, const struct value *table, const char *key, const char **ret)
{
	const struct value *v = known(table, key);

	if (!v)
		return 0;
	if (v->kind != VALUE_TEXT)
		return error_set(r->err, ERR_INPUT, "%s: '%s' is %s, not text", r->what, key, value_kind_name(v->kind));
	if (strlen(v->text) != v->text_length)
		return error_set(r->err, ERR_INPUT, "%s: '%s' holds a NUL", r->what, key);
	*ret = v->text;
	return 0;
}

static int read_required(const struct reader *r, const struct value *table, const char *key, const char **ret)
{
	if (read_text(r, table, key, ret))
		return -1;
	return *ret ? 0 : error_set(r->err, ERR_INPUT, "%s: '%s' is missing", r->what, key);
}

static int read_table(const struct reader *r, const struct value *table, const char *key, const struct value **ret)
{
	*ret = known(table, key);
	if (*ret && (*ret)->kind != VALUE_TABLE)
		return error_set(r->err, ERR_INPUT, "%s: '%s' is %s, not a table", r->what, key, value_kind_name((*ret)->kind));
	return 0;
}

static int read_vcs(const struct reader *r, const struct value *v, struct direct_url *u)
{
	u->kind = DIRECT_URL_VCS;
	if (read_required(r, v, "vcs", &u->vcs) || read_required(r, v, "commit_id", &u->commit_id))
		return -1;
	return read_text(r, v, "requested_revision", &u->requested_revision);
}

static int read_directory(const struct reader *r, const struct value *v, struct direct_url *u)
{
	const struct value *editable = known(v, "editable");

	u->kind = DIRECT_URL_DIRECTORY;
	if (!editable)
		return 0;
	if (editable->kind != VALUE_BOOLEAN)
		return error_set(r->err, ERR_INPUT, "%s: 'editable' is %s, not a truth value", r->what, value_kind_name(editable->kind));
	u->has_editable = true;
	u->editable = editable->boolean;
	return 0;
}

static int read_hashes(const struct reader *r, const struct value *hashes, struct direct_url *u)
{
	u->has_hashes = true;
	for (size_t i = 0; i < hashes->entry_count; i++) {
		const struct value_entry *entry = &hashes->entries[i];

		if (entry->value->kind != VALUE_TEXT)
			return error_set(r->err, ERR_INPUT, "%s: the hash '%s' is %s, not text", r->what, entry->key, value_kind_name(entry->value->kind));
		if (strlen(entry->value->text) != entry->value->text_length)
			return error_set(r->err, ERR_INPUT, "%s: the hash '%s' holds a NUL", r->what, entry->key);
		*arena_push(r->arena, &u->hashes, &u->hash_count) = (struct direct_url_hash){entry->key, entry->value->text};
	}
	return 0;
}

/* "hash": "sha256=..." of the time before "hashes"; where both are there they must agree. */
static int read_old_hash(const struct reader *r, const char *text, struct direct_url *u)
{
	const char *equals = strchr(text, '=');

	if (!equals)
		return error_set(r->err, ERR_INPUT, "%s: 'hash' is not of the form 'algorithm=value'", r->what);
	struct direct_url_hash hash = {arena_strndup(r->arena, text, (size_t)(equals - text)), equals + 1};

	if (!u->has_hashes) {
		u->has_hashes = true;
		*arena_push(r->arena, &u->hashes, &u->hash_count) = hash;
		return 0;
	}
	for (size_t i = 0; i < u->hash_count; i++)
		if (!strcmp(u->hashes[i].algorithm, hash.algorithm)) {
			if (!strcmp(u->hashes[i].value, hash.value))
				return 0;
			return error_set(r->err, ERR_INPUT, "%s: 'hash' and 'hashes' say different things of %s", r->what, hash.algorithm);
		}
	return error_set(r->err, ERR_INPUT, "%s: 'hash' is of '%s', which is not in 'hashes'", r->what, hash.algorithm);
}

static int read_archive(const struct reader *r, const struct value *v, struct direct_url *u)
{
	const struct value *hashes;
	const char *old = NULL;

	u->kind = DIRECT_URL_ARCHIVE;
	if (read_table(r, v, "hashes", &hashes) || (hashes && read_hashes(r, hashes, u)) || read_text(r, v, "hash", &old))
		return -1;
	return old ? read_old_hash(r, old, u) : 0;
}

/* A folder is on this machine. */
static int check_url(const struct reader *r, const char *url, bool folder)
{
	struct url_parts parts;

	if (!url_split(r->arena, url, &parts))
		return error_set(r->err, ERR_INPUT, "%s: 'url' cannot be taken apart", r->what);
	if (!folder)
		return 0;
	if (strcmp(parts.scheme, "file") != 0)
		return error_set(r->err, ERR_INPUT, "%s: 'url' of a folder does not begin with 'file:'", r->what);
	if (*parts.path != '/')
		return error_set(r->err, ERR_INPUT, "%s: 'url' of a folder holds no absolute path", r->what);
	return 0;
}

static int read_document(const struct reader *r, const struct value *document, struct direct_url *u)
{
	static const struct {
		const char *key;
		int (*read)(const struct reader *r, const struct value *v, struct direct_url *u);
	} kinds[] = {{"archive_info", read_archive}, {"vcs_info", read_vcs}, {"dir_info", read_directory}};
	size_t found = 0;

	if (document->kind != VALUE_TABLE)
		return error_set(r->err, ERR_INPUT, "%s: is %s, not a table", r->what, value_kind_name(document->kind));
	if (read_required(r, document, "url", &u->url))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct value *v;

		if (read_table(r, document, kinds[i].key, &v) || (v && kinds[i].read(r, v, u)))
			return -1;
		found += v ? 1 : 0;
	}
	if (read_text(r, document, "subdirectory", &u->subdirectory))
		return -1;
	if (found != 1)
		return error_set(r->err, ERR_INPUT, "%s: exactly one of 'vcs_info', 'archive_info' and 'dir_info' must be there", r->what);
	return check_url(r, u->url, u->kind == DIRECT_URL_DIRECTORY);
}

int direct_url_parse(struct arena *a, const char *what, const char *text, size_t length, struct direct_url *ret, struct error *err)
{
	struct reader r = {a, what, err};
	struct direct_url u = {0};
	struct value *document;

	if (json_parse(a, what, text, length, &document, err) || read_document(&r, document, &u))
		return -1;
	*ret = u;
	return 0;
}

static void add_unit(struct strbuf *out, uint32_t unit)
{
	strbuf_printf(out, "\\u%04x", (unsigned)unit);
}

/* As Python's json writes text: everything beyond ASCII as UTF-16 units. */
static void add_text(struct strbuf *out, const char *text)
{
	static const char meanings[] = "\"\\\b\t\n\f\r", letters[] = "\"\\btnfr";

	strbuf_add_char(out, '"');
	for (size_t i = 0, length = strlen(text), size; i < length; i += size) {
		const char *special = strchr(meanings, text[i]);
		uint32_t code = 0xFFFD;

		size = text_utf8_decode(text + i, length - i, &code);
		size = size ? size : 1;
		if (special)
			strbuf_printf(out, "\\%c", letters[special - meanings]);
		else if (code >= 0x10000) {
			add_unit(out, 0xD800 + ((code - 0x10000) >> 10));
			add_unit(out, 0xDC00 + ((code - 0x10000) & 0x3FF));
		} else if (code < 0x20 || code >= 0x7F)
			add_unit(out, code);
		else
			strbuf_add_char(out, (char)code);
	}
	strbuf_add_char(out, '"');
}

/* `*first`: no comma yet. */
static void add_key(struct strbuf *out, const char *key, bool *first)
{
	if (!*first)
		strbuf_add(out, ", ");
	*first = false;
	add_text(out, key);
	strbuf_add(out, ": ");
}

static void add_entry(struct strbuf *out, const char *key, const char *text, bool *first)
{
	if (!text)
		return;
	add_key(out, key, first);
	add_text(out, text);
}

static int by_algorithm(const void *a, const void *b)
{
	return strcmp(((const struct direct_url_hash *)a)->algorithm, ((const struct direct_url_hash *)b)->algorithm);
}

static void add_archive(struct strbuf *out, const struct direct_url *u)
{
	bool first = true, first_hash = true;

	strbuf_add(out, "{");
	if (u->hash_count) {
		autofree char *hash = mem_printf("%s=%s", u->hashes[0].algorithm, u->hashes[0].value);

		add_entry(out, "hash", hash, &first);
	}
	if (u->has_hashes) {
		autofree struct direct_url_hash *sorted = mem_alloc((u->hash_count + 1) * sizeof(*sorted));

		add_key(out, "hashes", &first);
		strbuf_add(out, "{");
		for (size_t i = 0; i < u->hash_count; i++)
			sorted[i] = u->hashes[i];
		qsort(sorted, u->hash_count, sizeof(*sorted), by_algorithm);
		for (size_t i = 0; i < u->hash_count; i++)
			add_entry(out, sorted[i].algorithm, sorted[i].value, &first_hash);
		strbuf_add(out, "}");
	}
	strbuf_add(out, "}");
}

static void add_vcs(struct strbuf *out, const struct direct_url *u)
{
	bool first = true;

	strbuf_add(out, "{");
	add_entry(out, "commit_id", u->commit_id, &first);
	add_entry(out, "requested_revision", u->requested_revision, &first);
	add_entry(out, "vcs", u->vcs, &first);
	strbuf_add(out, "}");
}

void direct_url_write(struct strbuf *out, const struct direct_url *u)
{
	autoarena struct arena a = {0};
	bool first = true;
	const char *url = url_without_user(&a, u->url);

	strbuf_add(out, "{");
	if (u->kind == DIRECT_URL_ARCHIVE) {
		add_key(out, "archive_info", &first);
		add_archive(out, u);
	} else if (u->kind == DIRECT_URL_DIRECTORY) {
		add_key(out, "dir_info", &first);
		strbuf_add(out, !u->has_editable ? "{}" : u->editable ? "{\"editable\": true}" : "{\"editable\": false}");
	}
	add_entry(out, "subdirectory", u->subdirectory, &first);
	/* What cannot be taken apart could hide a password anywhere; no such address is read. */
	add_entry(out, "url", url ? url : "", &first);
	if (u->kind == DIRECT_URL_VCS) {
		add_key(out, "vcs_info", &first);
		add_vcs(out, u);
	}
	strbuf_add(out, "}");
}

char *direct_url_requirement(struct arena *a, const struct direct_url *u, const char *name)
{
	autostrbuf struct strbuf out = {0};
	const struct direct_url_hash *hash = u->kind == DIRECT_URL_ARCHIVE && u->hash_count ? u->hashes : NULL;

	strbuf_printf(&out, "%s @ ", name);
	if (u->kind == DIRECT_URL_VCS)
		strbuf_printf(&out, "%s+%s@%s", u->vcs, u->url, u->commit_id);
	else
		strbuf_add(&out, u->url);
	if (hash)
		strbuf_printf(&out, "#%s=%s", hash->algorithm, hash->value);
	if (u->subdirectory && *u->subdirectory)
		strbuf_printf(&out, "%csubdirectory=%s", hash ? '&' : '#', u->subdirectory);
	return arena_strndup(a, strbuf_text(&out), out.length);
}
