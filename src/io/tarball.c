#include "io/tarball.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/text.h"

enum { BLOCK_BYTES = 64 * 1024, RATIO_MAX = 2000 };

/* Everything written is as old as zip files can say, so that no clock is in it. */
enum { WRITTEN_UNIX = 315619200 };

struct reading {
	struct archive *archive;
	const char *path;
	const struct tarball_look *look;
	uint64_t members, bytes;
	struct strbuf text;
};

static const char *name_of(const struct reading *r)
{
	return r->look->name ? r->look->name : path_base(r->path);
}

static int refuse(const struct reading *r, const char *name, const char *why, struct error *err)
{
	autostrbuf struct strbuf safe = {0};

	text_escape(&safe, name, strlen(name), 0);
	return error_set(err, ERR_INPUT, "'%s' is not unpacked: its member '%s' %s", name_of(r), strbuf_text(&safe), why);
}

static int broken(const struct reading *r, struct error *err)
{
	const char *why = archive_error_string(r->archive);

	return error_set(err, ERR_INPUT, "'%s' cannot be read: %s", name_of(r), why ? why : "it is broken");
}

/* Libarchive converts names by the locale and gives none where that fails. */
static const char *entry_text(const char *utf8, const char *raw)
{
	return utf8 ? utf8 : raw ? raw : "";
}

/* The name without "./", or NULL when it could be elsewhere. */
static const char *inner_name(struct arena *a, const char *name)
{
	autostrbuf struct strbuf out = {0};

	if (*name == '/' || !*name)
		return NULL;
	for (const char *p = name; *p;) {
		size_t length = strcspn(p, "/");
		bool dot = length == 1 && *p == '.', up = length == 2 && p[0] == '.' && p[1] == '.';

		if (up)
			return NULL;
		for (size_t i = 0; i < length; i++) {
			if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f || p[i] == '\\')
				return NULL;
		}
		if (length && !dot) {
			strbuf_add(&out, out.length ? "/" : "");
			strbuf_add_bytes(&out, p, length);
		}
		p += length + (p[length] == '/');
	}
	return arena_strdup(a, strbuf_text(&out));
}

/* How many folders deep a link in `name` may go up and stay inside the archive's own first folder. */
static bool link_stays(const char *name, const char *target)
{
	long depth = 0;

	for (const char *p = name; *p; p++)
		depth += *p == '/';
	if (*target == '/' || !*target)
		return false;
	for (const char *p = target; *p;) {
		size_t length = strcspn(p, "/");

		if (length == 2 && p[0] == '.' && p[1] == '.')
			depth--;
		else if (length && !(length == 1 && *p == '.'))
			depth++;
		if (depth < 1)
			return false;
		p += length + (p[length] == '/');
	}
	return true;
}

static int check_member(const struct reading *r, struct archive_entry *entry, const char *raw, const char *name, struct error *err)
{
	const char *hard = archive_entry_hardlink_utf8(entry), *soft = archive_entry_symlink_utf8(entry);
	autoarena struct arena a = {0};

	hard = hard ? hard : archive_entry_hardlink(entry);
	soft = soft ? soft : archive_entry_symlink(entry);
	if (!name)
		return refuse(r, raw, "would be outside of its folder, or has a name that no file should have", err);
	if (hard)
		return inner_name(&a, hard) ? 0 : refuse(r, raw, "is a link that leads out of it", err);
	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
	case AE_IFDIR:
		return 0;
	case AE_IFLNK:
		return soft && link_stays(name, soft) ? 0 : refuse(r, raw, "is a link that leads out of it", err);
	default:
		return refuse(r, raw, "is neither file, folder nor link", err);
	}
}

/* Also what nobody asked for is read: only that tells its true size. */
static int read_member(struct reading *r, const char *name, bool wanted, struct error *err)
{
	static char block[BLOCK_BYTES];
	la_ssize_t got;

	strbuf_clear(&r->text);
	while ((got = archive_read_data(r->archive, block, sizeof(block))) > 0) {
		r->bytes += (uint64_t)got;
		if (r->bytes > TARBALL_SIZE_MAX_BYTES)
			return refuse(r, name, "makes it larger than 4 GiB", err);
		if (r->bytes > TARBALL_TEXT_MAX_BYTES && r->bytes / RATIO_MAX > (uint64_t)archive_filter_bytes(r->archive, -1))
			return refuse(r, name, "is packed so tightly that it can only be meant to fill a disk", err);
		if (wanted && r->text.length + (size_t)got > TARBALL_TEXT_MAX_BYTES)
			return refuse(r, name, "is larger than any such file has to be", err);
		if (wanted)
			strbuf_add_bytes(&r->text, block, (size_t)got);
	}
	return got < 0 ? broken(r, err) : 0;
}

static int look_at(struct reading *r, struct archive_entry *entry, struct error *err)
{
	autoarena struct arena a = {0};
	const char *raw = entry_text(archive_entry_pathname_utf8(entry), archive_entry_pathname(entry));
	const char *name = inner_name(&a, raw);
	bool wanted;

	if (++r->members > TARBALL_MEMBERS_MAX)
		return refuse(r, raw, "is one of more than 200000", err);
	if (check_member(r, entry, raw, name, err) < 0)
		return -1;
	wanted = archive_entry_filetype(entry) == AE_IFREG && !archive_entry_hardlink(entry) && r->look->wants && r->look->wants(r->look->context, name);
	if (read_member(r, raw, wanted, err) < 0)
		return -1;
	if (wanted)
		r->look->on_text(r->look->context, name, strbuf_text(&r->text), r->text.length);
	return 0;
}

static int look_through(struct reading *r, struct error *err)
{
	struct archive_entry *entry;
	int result;

	archive_read_support_filter_gzip(r->archive);
	archive_read_support_format_tar(r->archive);
	archive_read_support_format_zip(r->archive);
	if (archive_read_open_filename(r->archive, r->path, BLOCK_BYTES) != ARCHIVE_OK)
		return broken(r, err);
	while ((result = archive_read_next_header(r->archive, &entry)) != ARCHIVE_EOF) {
		if (result < ARCHIVE_WARN)
			return broken(r, err);
		if (look_at(r, entry, err) < 0)
			return -1;
	}
	if (r->members)
		return 0;
	return error_set(err, ERR_INPUT, "'%s' is empty", name_of(r));
}

int tarball_look_through(const char *path, const struct tarball_look *look, struct error *err)
{
	struct reading r = {.archive = archive_read_new(), .path = path, .look = look};
	int result = look_through(&r, err);

	archive_read_free(r.archive);
	strbuf_release(&r.text);
	return result;
}

static int cannot_write(const struct tarball *t, struct error *err)
{
	const char *why = archive_error_string(t->writer);

	return error_set(err, ERR_IO, "cannot write '%s': %s", t->path, why ? why : "no reason given");
}

int tarball_open(struct tarball *t, const char *path, bool is_zip, struct error *err)
{
	*t = (struct tarball){.writer = archive_write_new(), .path = path, .is_zip = is_zip};
	if (is_zip) {
		archive_write_set_format_zip(t->writer);
		archive_write_zip_set_compression_deflate(t->writer);
	} else {
		archive_write_set_format_pax_restricted(t->writer);
	}
	if (archive_write_open_filename(t->writer, path) == ARCHIVE_OK)
		return 0;
	cannot_write(t, err);
	tarball_drop(t);
	return -1;
}

int tarball_add(struct tarball *t, const struct tarball_member *member, struct error *err)
{
	struct archive_entry *entry = archive_entry_new();
	bool fine;

	archive_entry_set_pathname(entry, member->name);
	archive_entry_set_mtime(entry, WRITTEN_UNIX, 0);
	archive_entry_set_filetype(entry, member->is_link ? AE_IFLNK : AE_IFREG);
	archive_entry_set_perm(entry, member->is_link ? 0777 : member->is_executable ? 0755 : 0644);
	if (member->is_link)
		archive_entry_set_symlink(entry, member->bytes);
	else
		archive_entry_set_size(entry, (la_int64_t)member->length);
	fine = archive_write_header(t->writer, entry) >= ARCHIVE_WARN &&
	       (member->is_link || !member->length || archive_write_data(t->writer, member->bytes, member->length) == (la_ssize_t)member->length);
	archive_entry_free(entry);
	return fine ? 0 : cannot_write(t, err);
}

int tarball_close(struct tarball *t, struct error *err)
{
	int result = archive_write_close(t->writer) == ARCHIVE_OK ? 0 : cannot_write(t, err);

	tarball_drop(t);
	return result;
}

void tarball_drop(struct tarball *t)
{
	if (t->writer)
		archive_write_free(t->writer);
	*t = (struct tarball){0};
}
