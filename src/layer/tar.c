#include "layer/tar.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Where the fields of a header stand, and how long they are. */
enum {
	NAME_AT = 0,
	NAME_BYTES = 100,
	MODE_AT = 100,
	OWNER_AT = 108,
	GROUP_AT = 116,
	SIZE_AT = 124,
	TIME_AT = 136,
	CHECKSUM_AT = 148,
	KIND_AT = 156,
	MAGIC_AT = 257,
	PREFIX_AT = 345,
	PREFIX_BYTES = 155,
};

static void put_octal(char *header, size_t at, size_t width, uint64_t number)
{
	header[at + width - 1] = '\0';
	for (size_t i = width - 1; i; i--, number >>= 3)
		header[at + i - 1] = (char)('0' + (number & 7));
}

/* Where a path is cut into prefix and name; NULL when it fits as it is, or not at all. */
static const char *find_cut(const char *path, size_t length, bool *ret_fits)
{
	*ret_fits = length <= NAME_BYTES;
	if (*ret_fits)
		return NULL;
	const char *earliest = path + length - NAME_BYTES - 1, *cut = strchr(earliest < path ? path : earliest, '/');

	*ret_fits = cut && cut != path && cut[1] && cut - path <= PREFIX_BYTES;
	return *ret_fits ? cut : NULL;
}

static bool is_ascii(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text > 126)
			return false;
	}
	return true;
}

static void add_header(const char *path, char kind, unsigned mode, uint64_t size, int64_t time, struct strbuf *out)
{
	char header[TAR_BLOCK_BYTES] = {0};
	size_t length = strlen(path);
	bool fits;
	const char *cut = find_cut(path, length, &fits), *name = cut ? cut + 1 : path;
	size_t name_length = strlen(name);
	unsigned sum = 0;

	memcpy(header + NAME_AT, name, name_length < NAME_BYTES ? name_length : NAME_BYTES);
	if (cut)
		memcpy(header + PREFIX_AT, path, (size_t)(cut - path));
	put_octal(header, MODE_AT, 8, mode);
	put_octal(header, OWNER_AT, 8, 0);
	put_octal(header, GROUP_AT, 8, 0);
	put_octal(header, SIZE_AT, 12, size);
	put_octal(header, TIME_AT, 12, (uint64_t)time);
	memset(header + CHECKSUM_AT, ' ', 8);
	header[KIND_AT] = kind;
	memcpy(header + MAGIC_AT, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof(header); i++)
		sum += (unsigned char)header[i];
	put_octal(header, CHECKSUM_AT, 7, sum);
	strbuf_add_bytes(out, header, sizeof(header));
}

/* "<length> <key>=<value>\n", where the length counts its own digits. */
static void add_record(struct strbuf *out, const char *key, const char *value)
{
	size_t rest = strlen(key) + strlen(value) + 3, length = rest + 1;

	for (size_t digits = 1, limit = 10; length >= limit; limit *= 10)
		length = rest + ++digits;
	strbuf_printf(out, "%zu %s=%s\n", length, key, value);
}

unsigned tar_padding(uint64_t size_bytes)
{
	return (unsigned)(-size_bytes & (TAR_BLOCK_BYTES - 1));
}

void tar_header(const struct tar_entry *entry, struct strbuf *out)
{
	static const uint64_t size_limit = UINT64_C(1) << 33;
	autostrbuf struct strbuf path = {0}, records = {0};
	bool fits, is_large = entry->size_bytes >= size_limit;

	strbuf_printf(&path, "%s%s", entry->path, entry->kind == TAR_FOLDER ? "/" : "");
	find_cut(strbuf_text(&path), path.length, &fits);
	if (!fits || !is_ascii(strbuf_text(&path)))
		add_record(&records, "path", strbuf_text(&path));
	if (is_large) {
		char text[32];

		snprintf(text, sizeof(text), "%llu", (unsigned long long)entry->size_bytes);
		add_record(&records, "size", text);
	}
	if (records.length) {
		add_header("PaxHeaders/entry", 'x', 0644, records.length, entry->modified_unix, out);
		strbuf_add_bytes(out, strbuf_text(&records), records.length);
		strbuf_add_repeat(out, '\0', tar_padding(records.length));
	}
	add_header(strbuf_text(&path), entry->kind == TAR_FOLDER ? '5' : '0', entry->mode, is_large ? 0 : entry->size_bytes, entry->modified_unix, out);
}
