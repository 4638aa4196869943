#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "io/digest.h"
#include "io/zip.h"
#include "python/record_rows.h"
#include "python/wheel.h"

enum { RECORD_LIMIT_BYTES = 32 * 1024 * 1024 };

static bool is_written_by_installers(const char *path)
{
	static const char *const names[] = {"RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "direct_url.json"};
	const char *slash = strchr(path, '/');

	if (text_ends_with(path, ".pyc") || text_starts_with(path, "../") || path[0] == '/')
		return true;
	if (!slash || slash - path < 10 || strncmp(slash - 10, ".dist-info", 10) != 0)
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(slash + 1, names[i]))
			return true;
	}
	return false;
}

/* Where a file of the wheel is installed below site-packages, or NULL when it goes elsewhere or is rewritten. */
static const char *installed_path(const char *path)
{
	const char *slash = strchr(path, '/');

	if (!slash || slash - path < 5 || strncmp(slash - 5, ".data", 5) != 0)
		return path;
	if (text_starts_with(slash, "/purelib/") || text_starts_with(slash, "/platlib/"))
		return slash + 9;
	return NULL;
}

static void digest_record(const char *text, size_t length, char ret_hex[DIGEST_HEX_LENGTH + 1])
{
	autoarena struct arena a = {0};
	struct record_rows record;
	char **lines = NULL;
	size_t count = 0;
	struct digest d;

	record_rows_parse(&a, text, length, &record);
	for (size_t i = 0; i < record.count; i++) {
		const char *path = installed_path(record.rows[i].path), *hash = record.rows[i].hash;

		if (path && text_starts_with(hash, "sha256=") && !is_written_by_installers(path))
			*arena_push(&a, &lines, &count) = arena_printf(&a, "%s\t%s\n", path, hash);
	}
	if (count)
		qsort(lines, count, sizeof(*lines), text_compare_items);
	digest_begin(&d);
	for (size_t i = 0; i < count; i++)
		digest_add(&d, lines[i], strlen(lines[i]));
	digest_end(&d, ret_hex);
}

int wheel_record_digest(const char *path, char ret_hex[DIGEST_HEX_LENGTH + 1], struct error *err)
{
	autozip struct zip z = ZIP_NONE;
	autostrbuf struct strbuf text = {0};
	struct zip_member member;
	bool found = true;

	if (zip_open(&z, path, err) < 0)
		return -1;
	for (;;) {
		if (zip_next(&z, &member, &found, err) < 0)
			return -1;
		if (!found)
			return error_set(err, ERR_INPUT, "'%s' has no RECORD", path);
		const char *slash = strchr(member.name, '/');

		if (slash && text_ends_with(member.name, ".dist-info/RECORD") && !strchr(slash + 1, '/'))
			break;
	}
	if (zip_read(&z, &member, RECORD_LIMIT_BYTES, &text, err) < 0)
		return -1;
	digest_record(strbuf_text(&text), text.length, ret_hex);
	return 0;
}
