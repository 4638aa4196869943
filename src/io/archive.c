#include "io/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

/* The largest control.tar of Debian 12 has 3 MB, the largest control file 200 kB. */
enum { BLOCK_BYTES = 64 * 1024, CONTROL_TAR_LIMIT_BYTES = 64 * 1024 * 1024, CONTROL_LIMIT_BYTES = 1024 * 1024, MEMBERS_MAX = 4096 };

static void release_reader(struct archive **reader)
{
	archive_read_free(*reader);
}
#define autoreader __attribute__((cleanup(release_reader)))

static int no_package(const char *path, const char *why, struct error *err)
{
	return error_set(err, ERR_INPUT, "'%s' is no Debian package: %s", path, why);
}

static int broken(const char *path, struct archive *reader, struct error *err)
{
	const char *why = archive_error_string(reader);

	return no_package(path, why ? why : "it cannot be read as an archive", err);
}

/* The data of the current member. */
static int read_member(const char *path, struct archive *reader, size_t limit_bytes, struct strbuf *out, struct error *err)
{
	for (;;) {
		la_ssize_t got = archive_read_data(reader, strbuf_reserve(out, BLOCK_BYTES), BLOCK_BYTES);

		if (got < 0)
			return broken(path, reader, err);
		if (!got)
			return 0;
		strbuf_commit(out, (size_t)got);
		if (out->length > limit_bytes)
			return no_package(path, "its control part is too large", err);
	}
}

/* Goes to the first member of this name, without "./" before it; with `suffixed` also "<name>.xz". */
static int find_member(const char *path, struct archive *reader, const char *name, bool suffixed, struct error *err)
{
	struct archive_entry *entry;
	size_t length = strlen(name);

	for (unsigned i = 0; i < MEMBERS_MAX; i++) {
		int status = archive_read_next_header(reader, &entry);

		if (status == ARCHIVE_EOF)
			break;
		if (status != ARCHIVE_OK)
			return broken(path, reader, err);
		const char *seen = archive_entry_pathname(entry);

		if (!seen)
			continue;
		seen += text_starts_with(seen, "./") ? 2 : 0;
		if (!strncmp(seen, name, length) && (!seen[length] || (suffixed && seen[length] == '.')))
			return 0;
	}
	return error_set(err, ERR_INPUT, "'%s' is no Debian package: it has no '%s'", path, name);
}

static int read_control_tar(const char *path, struct strbuf *out, struct error *err)
{
	struct archive *reader autoreader = archive_read_new();

	archive_read_support_format_ar(reader);
	if (file_size(path) < 0)
		return error_set(err, ERR_NOT_FOUND, "there is no file '%s'", path);
	if (archive_read_open_filename(reader, path, BLOCK_BYTES) != ARCHIVE_OK)
		return archive_errno(reader) == EACCES || archive_errno(reader) == EIO
			       ? error_set(err, ERR_IO, "cannot read '%s': %s", path, archive_error_string(reader))
			       : broken(path, reader, err);
	if (find_member(path, reader, "control.tar", true, err) < 0)
		return -1;
	return read_member(path, reader, CONTROL_TAR_LIMIT_BYTES, out, err);
}

int archive_read_control(const char *path, struct strbuf *out, struct error *err)
{
	autostrbuf struct strbuf tar = {0}, control = {0};

	if (read_control_tar(path, &tar, err) < 0)
		return -1;
	struct archive *reader autoreader = archive_read_new();

	archive_read_support_format_tar(reader);
	archive_read_support_filter_gzip(reader);
	archive_read_support_filter_xz(reader);
	archive_read_support_filter_zstd(reader);
	if (archive_read_open_memory(reader, strbuf_text(&tar), tar.length) != ARCHIVE_OK)
		return broken(path, reader, err);
	if (find_member(path, reader, "control", false, err) < 0 || read_member(path, reader, CONTROL_LIMIT_BYTES, &control, err) < 0)
		return -1;
	if (strlen(strbuf_text(&control)) != control.length)
		return no_package(path, "its control file has a NUL byte", err);
	strbuf_add_bytes(out, strbuf_text(&control), control.length);
	return 0;
}

static bool stays_inside(const char *name)
{
	if (*name == '/')
		return false;
	for (const char *p = name; *p;) {
		size_t length = strcspn(p, "/");

		if (length == 2 && !strncmp(p, "..", 2))
			return false;
		p += length;
		p += *p == '/';
	}
	return true;
}

/* Symbolic links may lead anywhere, as those of toolchains do; tar makes them last, so that nothing is written through one. */
static int check_member(const char *path, struct archive_entry *entry, struct error *err)
{
	const char *name = archive_entry_pathname(entry), *hard = archive_entry_hardlink(entry);
	unsigned type = archive_entry_filetype(entry);

	if (!name || !stays_inside(name))
		return error_set(err, ERR_INPUT, "'%s' has a member '%s' that leaves its folder", path, name ? name : "");
	if (hard && !stays_inside(hard))
		return error_set(err, ERR_INPUT, "'%s' has a link '%s' that leaves its folder, to '%s'", path, name, hard);
	if (!hard && type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK)
		return error_set(err, ERR_INPUT, "'%s' has a member '%s' that is neither file, folder nor link", path, name);
	return 0;
}

int archive_check_names(const char *path, struct error *err)
{
	struct archive *reader autoreader = archive_read_new();
	struct archive_entry *entry;
	int status;

	archive_read_support_format_tar(reader);
	archive_read_support_filter_all(reader);
	if (archive_read_open_filename(reader, path, BLOCK_BYTES) != ARCHIVE_OK)
		return error_set(err, ERR_INPUT, "'%s' is no tar archive: %s", path, archive_error_string(reader));
	while ((status = archive_read_next_header(reader, &entry)) == ARCHIVE_OK) {
		if (check_member(path, entry, err) < 0)
			return -1;
	}
	if (status != ARCHIVE_EOF)
		return error_set(err, ERR_INPUT, "'%s' is no tar archive: %s", path, archive_error_string(reader));
	return 0;
}

static int no_tar(const char *path, struct archive *reader, struct error *err)
{
	const char *why = archive_error_string(reader);

	return error_set(err, ERR_INPUT, "'%s' is no tar archive: %s", path, why ? why : "it cannot be read");
}

/* What a file holds, as far as it is within the limit: what the archive says of its size is not believed. */
static int read_bytes(struct arena *a, const char *path, struct archive *reader, size_t limit_bytes, struct archive_member *ret, struct error *err)
{
	autostrbuf struct strbuf bytes = {0};

	while (bytes.length <= limit_bytes) {
		la_ssize_t got = archive_read_data(reader, strbuf_reserve(&bytes, BLOCK_BYTES), BLOCK_BYTES);

		if (got < 0)
			return no_tar(path, reader, err);
		if (!got) {
			ret->bytes = arena_strndup(a, strbuf_text(&bytes), bytes.length);
			ret->length = bytes.length;
			return 0;
		}
		strbuf_commit(&bytes, (size_t)got);
	}
	return 0;
}

/* False for what is neither file, folder nor link. */
static bool describe_member(struct arena *a, struct archive_entry *entry, struct archive_member *ret)
{
	const char *name = archive_entry_pathname(entry), *hard = archive_entry_hardlink(entry), *link = archive_entry_symlink(entry);
	unsigned type = archive_entry_filetype(entry);
	bool is_link = type == AE_IFLNK && link;

	if (!name || (!hard && !is_link && type != AE_IFREG && type != AE_IFDIR))
		return false;
	*ret = (struct archive_member){.name = arena_strdup(a, name), .target = arena_strdup_null(a, hard ? hard : is_link ? link : NULL)};
	if (hard)
		ret->kind = ARCHIVE_HARD_LINK;
	else
		ret->kind = is_link ? ARCHIVE_LINK : type == AE_IFDIR ? ARCHIVE_FOLDER : ARCHIVE_FILE;
	return true;
}

int archive_read_tar(struct arena *a, const char *path, const struct archive_limits *limits, struct archive_member **ret, size_t *ret_count, struct error *err)
{
	struct archive *reader autoreader = archive_read_new();
	struct archive_member *list = NULL;
	struct archive_entry *entry;
	size_t count = 0, total = 0;
	int status;

	archive_read_support_format_tar(reader);
	archive_read_support_filter_all(reader);
	if (archive_read_open_filename(reader, path, BLOCK_BYTES) != ARCHIVE_OK)
		return no_tar(path, reader, err);
	while ((status = archive_read_next_header(reader, &entry)) == ARCHIVE_OK || status == ARCHIVE_WARN) {
		struct archive_member member;

		if (!describe_member(a, entry, &member))
			continue;
		if (member.kind == ARCHIVE_FILE && read_bytes(a, path, reader, limits->file_limit_bytes, &member, err) < 0)
			return -1;
		total += member.length;
		if (count == limits->member_max || total > limits->total_limit_bytes)
			return error_set(err, ERR_INPUT, "'%s' has more than %zu members, or more than %zu bytes in them", path, limits->member_max,
					 limits->total_limit_bytes);
		*arena_push(a, &list, &count) = member;
	}
	if (status != ARCHIVE_EOF)
		return no_tar(path, reader, err);
	*ret = list;
	*ret_count = count;
	return 0;
}

int archive_plain_digest(const char *path, char ret_hex[DIGEST_HEX_LENGTH + 1], struct error *err)
{
	struct archive *reader autoreader = archive_read_new();
	struct archive_entry *entry;
	autostrbuf struct strbuf bytes = {0};
	struct digest digest;
	la_ssize_t got;

	archive_read_support_format_raw(reader);
	archive_read_support_filter_all(reader);
	if (archive_read_open_filename(reader, path, BLOCK_BYTES) != ARCHIVE_OK || archive_read_next_header(reader, &entry) != ARCHIVE_OK)
		return error_set(err, ERR_INPUT, "'%s' cannot be unpacked: %s", path, archive_error_string(reader));
	digest_begin(&digest);
	while ((got = archive_read_data(reader, strbuf_reserve(&bytes, BLOCK_BYTES), BLOCK_BYTES)) > 0)
		digest_add(&digest, bytes.text, (size_t)got);
	digest_end(&digest, ret_hex);
	return got < 0 ? error_set(err, ERR_INPUT, "'%s' cannot be unpacked: %s", path, archive_error_string(reader)) : 0;
}
