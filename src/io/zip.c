#include "io/zip.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/file.h"
#include "io/inflate.h"

enum {
	END_BYTES = 22,
	END64_BYTES = 56,
	END64_LOCATOR_BYTES = 20,
	COMMENT_LIMIT_BYTES = 65535,
	ENTRY_BYTES = 46,
	HEADER_BYTES = 30,
	/* An entry with its three texts always fits. */
	WINDOW_BYTES = 4 * 65536,
	CHUNK_BYTES = 65536,
};

static unsigned read16(const unsigned char *at)
{
	return at[0] | (unsigned)at[1] << 8;
}

static uint32_t read32(const unsigned char *at)
{
	return read16(at) | (uint32_t)read16(at + 2) << 16;
}

static uint64_t read64(const unsigned char *at)
{
	return read32(at) | (uint64_t)read32(at + 4) << 32;
}

static int broken(const struct zip *z, const char *why, struct error *err)
{
	return error_set(err, ERR_INPUT, "cannot read '%s': %s", z->path, why);
}

void zip_release(struct zip *z)
{
	file_cleanup_fd(&z->fd);
	free(z->path);
	free(z->window);
	*z = ZIP_NONE;
}

/* Exactly `length` bytes from `at` on. */
static int read_at(const struct zip *z, void *bytes, size_t length, uint64_t at, struct error *err)
{
	for (size_t done = 0; done < length;) {
		ssize_t count = pread(z->fd, (char *)bytes + done, length - done, (off_t)(at + done));

		if (count < 0 && errno != EINTR)
			return error_errno(err, "cannot read '%s'", z->path);
		if (!count)
			return broken(z, "the file became shorter", err);
		done += count > 0 ? (size_t)count : 0;
	}
	return 0;
}

/* Zip64: the numbers that did not fit into the end record stand in another one before it, which a locator in between points to. */
static int read_end64(struct zip *z, uint64_t *end_at, struct error *err)
{
	unsigned char locator[END64_LOCATOR_BYTES], end[END64_BYTES];

	if (*end_at < END64_LOCATOR_BYTES)
		return broken(z, "its zip64 end is missing", err);
	if (read_at(z, locator, sizeof(locator), *end_at - sizeof(locator), err))
		return -1;
	uint64_t at = read64(locator + 8);

	if (memcmp(locator, "PK\6\7", 4) != 0 || at > *end_at || *end_at - at < END64_BYTES + END64_LOCATOR_BYTES)
		return broken(z, "its zip64 end is missing", err);
	if (read_at(z, end, sizeof(end), at, err))
		return -1;
	if (memcmp(end, "PK\6\6", 4) != 0 || read64(end + 24) != read64(end + 32))
		return broken(z, "its zip64 end is broken", err);
	z->members_left = read64(end + 32);
	z->directory_at = read64(end + 48);
	z->directory_end = z->directory_at + read64(end + 40);
	*end_at = at;
	return 0;
}

static int read_end(struct zip *z, const unsigned char *end, uint64_t end_at, struct error *err)
{
	unsigned part = read16(end + 4), directory_part = read16(end + 6);

	/* 0xFFFF: zip64 says it. */
	if ((part && part != 0xFFFF) || (directory_part && directory_part != 0xFFFF) || read16(end + 8) != read16(end + 10))
		return broken(z, "a zip archive in several parts", err);
	z->members_left = read16(end + 10);
	z->directory_at = read32(end + 16);
	z->directory_end = z->directory_at + read32(end + 12);
	if (z->members_left == 0xFFFF || read32(end + 12) == UINT32_MAX || z->directory_at == UINT32_MAX)
		if (read_end64(z, &end_at, err))
			return -1;
	if (z->directory_end != end_at || z->directory_at > z->directory_end)
		return broken(z, "its zip directory is not where it should be", err);
	z->next_at = z->directory_at;
	return 0;
}

static int find_end(struct zip *z, uint64_t size, struct error *err)
{
	autofree unsigned char *tail = NULL;
	size_t length = size < END_BYTES + COMMENT_LIMIT_BYTES ? (size_t)size : END_BYTES + COMMENT_LIMIT_BYTES;

	tail = mem_alloc(length + 1);
	if (read_at(z, tail, length, size - length, err))
		return -1;
	for (size_t back = END_BYTES; back <= length; back++) {
		const unsigned char *end = tail + length - back;

		if (!memcmp(end, "PK\5\6", 4) && read16(end + 20) == back - END_BYTES)
			return read_end(z, end, size - back, err);
	}
	return broken(z, "not a zip archive, or cut off", err);
}

static int open_file(struct zip *z, struct stat *ret, struct error *err)
{
	z->fd = open(z->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (z->fd < 0)
		return error_errno(err, "cannot open '%s'", z->path);
	if (fstat(z->fd, ret))
		return error_errno(err, "cannot read '%s'", z->path);
	return 0;
}

int zip_open(struct zip *z, const char *path, struct error *err)
{
	*z = ZIP_NONE;
	z->path = mem_strdup(path);
	if (open_file(z, &z->status, err) < 0)
		return -1;
	if (!S_ISREG(z->status.st_mode))
		return broken(z, "not a regular file", err);
	return find_end(z, (uint64_t)z->status.st_size, err);
}

static void close_file(struct zip *z)
{
	file_cleanup_fd(&z->fd);
	z->fd = -1;
}

void zip_pause(struct zip *z)
{
	close_file(z);
	free(z->window);
	z->window = NULL;
	z->window_length = 0;
}

int zip_resume(struct zip *z, struct error *err)
{
	const struct stat *before = &z->status;
	struct stat now;

	if (z->fd >= 0)
		return 0;
	if (open_file(z, &now, err) < 0)
		return -1;
	if (now.st_dev != before->st_dev || now.st_ino != before->st_ino || now.st_size != before->st_size || now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != before->st_mtim.tv_nsec) {
		close_file(z);
		return broken(z, "another file has taken its place", err);
	}
	return 0;
}

/* The directory's bytes from `at` on, at least `length` of them; NULL, with err set, when it ends before. */
static unsigned char *window_at(struct zip *z, uint64_t at, size_t length, struct error *err)
{
	if (at > z->directory_end || length > z->directory_end - at) {
		broken(z, "its zip directory is cut off", err);
		return NULL;
	}
	if (!z->window)
		z->window = mem_alloc(WINDOW_BYTES);
	if (at < z->window_at || at + length > z->window_at + z->window_length) {
		uint64_t left = z->directory_end - at;

		z->window_length = left < WINDOW_BYTES ? (size_t)left : WINDOW_BYTES;
		z->window_at = at;
		if (read_at(z, z->window, z->window_length, at, err))
			return NULL;
	}
	return z->window + (at - z->window_at);
}

/* Takes the next number of a zip64 field for one that did not fit. */
static bool widen(uint64_t *number, const unsigned char **at, size_t *left)
{
	if (*number != UINT32_MAX)
		return true;
	if (*left < 8)
		return false;
	*number = read64(*at);
	*at += 8;
	*left -= 8;
	return true;
}

static bool read_extra(const unsigned char *extra, size_t length, struct zip_member *m)
{
	while (length >= 4) {
		size_t field = read16(extra + 2), left = field;
		const unsigned char *at = extra + 4;

		if (field > length - 4)
			return false;
		if (read16(extra) == 1)
			return widen(&m->size_bytes, &at, &left) && widen(&m->packed_bytes, &at, &left) && widen(&m->header_at, &at, &left);
		extra += 4 + field;
		length -= 4 + field;
	}
	return true;
}

size_t zip_count(const struct zip *z)
{
	uint64_t most = (z->directory_end - z->next_at) / ENTRY_BYTES;

	return (size_t)(z->members_left < most ? z->members_left : most);
}

int zip_next(struct zip *z, struct zip_member *ret, bool *ret_found, struct error *err)
{
	if (!z->members_left) {
		*ret_found = false;
		return z->next_at == z->directory_end ? 0 : broken(z, "its zip directory has more than it says", err);
	}
	unsigned char *entry = window_at(z, z->next_at, ENTRY_BYTES, err);

	if (!entry)
		return -1;
	if (memcmp(entry, "PK\1\2", 4) != 0)
		return broken(z, "its zip directory is broken", err);
	size_t name_length = read16(entry + 28), extra_length = read16(entry + 30), comment_length = read16(entry + 32);
	size_t length = ENTRY_BYTES + name_length + extra_length + comment_length;

	entry = window_at(z, z->next_at, length, err);
	if (!entry)
		return -1;
	struct zip_member m = {
		.name = (char *)entry + ENTRY_BYTES - 1,
		.flags = read16(entry + 8),
		.method = read16(entry + 10),
		.crc = read32(entry + 16),
		.packed_bytes = read32(entry + 20),
		.size_bytes = read32(entry + 24),
		.header_at = read32(entry + 42),
		.mode = read16(entry + 40),
	};

	if (memchr(entry + ENTRY_BYTES, 0, name_length) || !read_extra(entry + ENTRY_BYTES + name_length, extra_length, &m))
		return broken(z, "its zip directory is broken", err);
	/* One byte back, over a field that was read, makes room for the NUL. */
	memmove(entry + ENTRY_BYTES - 1, entry + ENTRY_BYTES, name_length);
	entry[ENTRY_BYTES - 1 + name_length] = '\0';
	/* The window no longer says what the file does. */
	z->next_at += length;
	z->members_left--;
	*ret = m;
	*ret_found = true;
	return 0;
}

/* The place of the member's bytes: behind its own header, which must speak of the same member. */
static int find_bytes(const struct zip *z, const struct zip_member *m, uint64_t *ret_at, struct error *err)
{
	size_t name_length = strlen(m->name);
	autofree unsigned char *header = mem_alloc(HEADER_BYTES + name_length);

	if (m->header_at > z->directory_at || z->directory_at - m->header_at < HEADER_BYTES + name_length)
		return broken(z, "a zip member is cut off", err);
	if (read_at(z, header, HEADER_BYTES + name_length, m->header_at, err))
		return -1;
	if (memcmp(header, "PK\3\4", 4) != 0 || read16(header + 26) != name_length || memcmp(header + HEADER_BYTES, m->name, name_length) != 0)
		return broken(z, "a zip member is not what the directory says", err);
	*ret_at = m->header_at + HEADER_BYTES + name_length + read16(header + 28);
	if (*ret_at > z->directory_at || m->packed_bytes > z->directory_at - *ret_at)
		return broken(z, "a zip member is cut off", err);
	return 0;
}

static int inflate_bytes(const struct zip *z, const struct zip_member *m, uint64_t at, z_stream *stream, struct strbuf *out, struct error *err)
{
	autofree unsigned char *chunk = mem_alloc(CHUNK_BYTES);
	uint64_t packed_left = m->packed_bytes, left = m->size_bytes;
	int status = Z_OK;

	while (status == Z_OK) {
		if (!stream->avail_in && packed_left) {
			stream->avail_in = packed_left < CHUNK_BYTES ? (unsigned)packed_left : CHUNK_BYTES;
			if (read_at(z, chunk, stream->avail_in, at, err))
				return -1;
			at += stream->avail_in;
			packed_left -= stream->avail_in;
			stream->next_in = chunk;
		}
		/* One byte more than there should be, so that too much is seen. */
		unsigned room = left + 1 < CHUNK_BYTES ? (unsigned)left + 1 : CHUNK_BYTES;

		stream->next_out = (unsigned char *)strbuf_reserve(out, room);
		stream->avail_out = room;
		status = inflate(stream, Z_NO_FLUSH);
		unsigned count = room - stream->avail_out;

		strbuf_commit(out, count);
		if (count > left)
			return broken(z, "a zip member is longer than it says", err);
		left -= count;
	}
	if (status != Z_STREAM_END || left || packed_left || stream->avail_in)
		return broken(z, "a zip member is broken", err);
	return 0;
}

static int copy_bytes(const struct zip *z, const struct zip_member *m, uint64_t at, struct strbuf *out, struct error *err)
{
	if (m->packed_bytes != m->size_bytes)
		return broken(z, "a zip member is broken", err);
	if (read_at(z, strbuf_reserve(out, (size_t)m->size_bytes), (size_t)m->size_bytes, at, err))
		return -1;
	strbuf_commit(out, (size_t)m->size_bytes);
	return 0;
}

static int inflate_member(const struct zip *z, const struct zip_member *m, uint64_t at, struct strbuf *out, struct error *err)
{
	z_stream stream = {0};

	if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
		return error_set(err, ERR_FAILED, "cannot read '%s': zlib does not start", z->path);
	int result = inflate_bytes(z, m, at, &stream, out, err);

	inflateEnd(&stream);
	return result;
}

static int check_packing(const struct zip *z, const struct zip_member *member, struct error *err)
{
	if (member->flags & 1)
		return broken(z, "a zip member is encrypted", err);
	if (member->method != 0 && member->method != Z_DEFLATED)
		return broken(z, "a zip member is packed in a way that is not known", err);
	return 0;
}

int zip_find(const struct zip *z, const struct zip_member *member, uint64_t *ret_at, struct error *err)
{
	if (check_packing(z, member, err) < 0)
		return -1;
	if (member->method == 0 && member->packed_bytes != member->size_bytes)
		return broken(z, "a zip member is broken", err);
	return find_bytes(z, member, ret_at, err);
}

int zip_read_at(const struct zip *z, void *bytes, size_t length, uint64_t at, struct error *err)
{
	return read_at(z, bytes, length, at, err);
}

int zip_read(struct zip *z, const struct zip_member *member, size_t limit_bytes, struct strbuf *out, struct error *err)
{
	uint64_t at = 0;
	size_t start = out->length;

	if (check_packing(z, member, err) < 0)
		return -1;
	if (member->size_bytes > limit_bytes)
		return error_set(err, ERR_INPUT, "cannot read '%s': '%s' in it is larger than %zu bytes", z->path, member->name, limit_bytes);
	if (find_bytes(z, member, &at, err))
		return -1;
	if (member->method == 0 ? copy_bytes(z, member, at, out, err) : inflate_member(z, member, at, out, err))
		return -1;
	if (crc32_z(crc32_z(0, NULL, 0), (const unsigned char *)strbuf_text(out) + start, out->length - start) != member->crc)
		return broken(z, "a zip member has another checksum than the directory says", err);
	return 0;
}

struct zip_stream {
	const struct zip *zip;
	uint64_t begin_at, packed_bytes, size_bytes; /* of the member, in the file */
	bool is_stored;
	struct inflate *inflate;    /* NULL: not begun */
	uint64_t packed_done, done; /* handed to it; got from it */
	const unsigned char *next;  /* in `packed` */
	size_t next_length;
	unsigned char packed[CHUNK_BYTES], skipped[CHUNK_BYTES];
};

int zip_stream_open(struct zip *z, const struct zip_member *member, struct zip_stream **ret, struct error *err)
{
	struct zip_stream *s;
	uint64_t at = 0;

	if (check_packing(z, member, err) < 0 || find_bytes(z, member, &at, err))
		return -1;
	if (member->method == 0 && member->packed_bytes != member->size_bytes)
		return broken(z, "a zip member is broken", err);
	s = mem_zero(1, sizeof(*s));
	s->zip = z;
	s->begin_at = at;
	s->packed_bytes = member->packed_bytes;
	s->size_bytes = member->size_bytes;
	s->is_stored = member->method == 0;
	*ret = s;
	return 0;
}

void zip_stream_close(struct zip_stream *s)
{
	if (!s)
		return;
	inflate_free(s->inflate);
	free(s);
}

static void begin_again(struct zip_stream *s)
{
	if (!s->inflate)
		s->inflate = inflate_new();
	inflate_begin(s->inflate);
	s->packed_done = s->done = 0;
	s->next_length = 0;
}

/* The next `length` bytes, into `bytes`. */
static int inflate_next(struct zip_stream *s, unsigned char *bytes, size_t length, struct error *err)
{
	for (size_t got = 0; got < length;) {
		if (!s->next_length && s->packed_done < s->packed_bytes) {
			uint64_t left = s->packed_bytes - s->packed_done;

			s->next_length = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;
			s->next = s->packed;
			if (read_at(s->zip, s->packed, s->next_length, s->begin_at + s->packed_done, err))
				return -1;
			s->packed_done += s->next_length;
		}
		size_t count;
		enum inflate_result result = inflate_step(s->inflate, &s->next, &s->next_length, bytes + got, length - got, &count);
		bool is_cut_off = !count && !s->next_length && s->packed_done == s->packed_bytes;

		got += count;
		s->done += count;
		if (result == INFLATE_BROKEN || (got < length && (result == INFLATE_END || is_cut_off)))
			return broken(s->zip, "a zip member is broken", err);
	}
	return 0;
}

int zip_stream_read(struct zip_stream *s, uint64_t at, void *bytes, size_t length, struct error *err)
{
	if (at > s->size_bytes || length > s->size_bytes - at)
		return broken(s->zip, "a zip member ends early", err);
	if (s->is_stored)
		return read_at(s->zip, bytes, length, s->begin_at + at, err);
	if (!s->inflate || at < s->done)
		begin_again(s);
	while (s->done < at) {
		uint64_t left = at - s->done;

		if (inflate_next(s, s->skipped, left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES, err) < 0)
			return -1;
	}
	return inflate_next(s, bytes, length, err);
}
