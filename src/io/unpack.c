#include "io/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/file.h"
#include "base/strbuf.h"

enum { PIECE_BYTES = 1 << 20, MEMBERS_MAX = 100000 };

struct source {
	struct process_pipe *from;
	struct strbuf piece;
	struct error err; /* of reading: what libarchive then says is only a consequence */
};

static void release_reader(struct archive **reader)
{
	archive_read_free(*reader);
}
#define autoreader __attribute__((cleanup(release_reader)))

static void release_source(struct source *s)
{
	strbuf_release(&s->piece);
	error_release(&s->err);
}
#define autosource __attribute__((cleanup(release_source)))

static la_ssize_t read_piece(struct archive *reader, void *context, const void **ret)
{
	struct source *s = context;

	*ret = strbuf_reserve(&s->piece, PIECE_BYTES);
	ssize_t got = process_pipe_read(s->from, s->piece.text, PIECE_BYTES, &s->err);

	if (got < 0)
		archive_set_error(reader, EIO, "%s", s->err.text);
	return got;
}

static int broken(struct source *s, struct archive *reader, struct error *err)
{
	if (error_is_set(&s->err)) {
		error_move(err, &s->err);
		return -1;
	}
	return error_set(err, ERR_INPUT, "what it wrote is no tar archive: %s", archive_error_string(reader));
}

static int write_member(struct source *s, struct archive *reader, struct unpacked *u, struct error *err)
{
	autofd int fd = open(u->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	struct digest digest;
	const void *bytes;
	size_t length;
	la_int64_t at;
	int status, failed = 0;

	if (fd < 0)
		return error_errno(err, "cannot write '%s'", u->path);
	digest_begin(&digest);
	u->size_bytes = 0;
	/* No holes: a member of an engine's archive is a plain file. */
	while (!failed && (status = archive_read_data_block(reader, &bytes, &length, &at)) == ARCHIVE_OK) {
		digest_add(&digest, bytes, length);
		u->size_bytes += (int64_t)length;
		failed = file_write_bytes(fd, bytes, length) < 0 ? error_errno(err, "cannot write '%s'", u->path) : 0;
	}
	digest_end(&digest, u->sha256);
	if (failed)
		return -1;
	return status == ARCHIVE_EOF ? 0 : broken(s, reader, err);
}

static int take_member(struct arena *a, struct source *s, struct archive *reader, struct archive_entry *entry, const char *path, int64_t limit_bytes,
		       struct unpacked *ret, struct error *err)
{
	const char *hard = archive_entry_hardlink(entry), *link = archive_entry_symlink(entry);

	ret->name = arena_strdup(a, archive_entry_pathname(entry));
	ret->target = arena_strdup_null(a, hard ? hard : link);
	ret->size_bytes = archive_entry_size(entry);
	if (ret->target || (limit_bytes && ret->size_bytes > limit_bytes))
		return 0;
	ret->path = path;
	return write_member(s, reader, ret, err);
}

/* What stands behind the archive's end; its writer must be able to write it. */
static int read_rest(struct source *s, struct error *err)
{
	ssize_t got;

	do
		got = process_pipe_read(s->from, strbuf_reserve(&s->piece, PIECE_BYTES), PIECE_BYTES, err);
	while (got > 0);
	return got < 0 ? -1 : 0;
}

int unpack_from(struct arena *a, struct process_pipe *from, const char *folder, int64_t limit_bytes, struct unpacked **ret, size_t *ret_count,
		struct error *err)
{
	struct archive *reader autoreader = archive_read_new();
	struct source autosource s = {.from = from};
	struct archive_entry *entry;
	struct unpacked *list = NULL;
	size_t count = 0;
	int status;

	archive_read_support_format_tar(reader);
	if (archive_read_open(reader, &s, NULL, read_piece, NULL) != ARCHIVE_OK)
		return broken(&s, reader, err);
	while ((status = archive_read_next_header(reader, &entry)) == ARCHIVE_OK || status == ARCHIVE_WARN) {
		unsigned type = archive_entry_filetype(entry);

		if (!archive_entry_pathname(entry) || (type != AE_IFREG && type != AE_IFLNK && !archive_entry_hardlink(entry)))
			continue;
		if (count == MEMBERS_MAX)
			return error_set(err, ERR_INPUT, "what it wrote has more than %d files", MEMBERS_MAX);
		const char *path = arena_printf(a, "%s/member-%zu", folder, count);

		if (take_member(a, &s, reader, entry, path, limit_bytes, arena_push(a, &list, &count), err) < 0)
			return -1;
	}
	if (status != ARCHIVE_EOF)
		return broken(&s, reader, err);
	*ret = list;
	*ret_count = count;
	return read_rest(&s, err);
}
