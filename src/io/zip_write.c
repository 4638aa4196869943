#include "io/zip_write.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Names are UTF-8; deflated; made on Unix, as version 2.0 has it, for zip64 4.5. */
enum { UTF_8_FLAG = 0x800, DEFLATED = 8, UNIX_20 = 3 << 8 | 20, VERSION_20 = 20, VERSION_45 = 45, MODE = 0100644, FIRST_DAY = 0x21, WRITE_BYTES = 256 * 1024 };

static void put(struct strbuf *out, uint64_t number, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		strbuf_add_char(out, (char)(number >> (8 * i)));
}

void zip_write_begin(struct zip_write *w, int fd, const char *path)
{
	*w = (struct zip_write){.fd = fd, .path = path};
	digest_begin(&w->digest);
}

void zip_write_release(struct zip_write *w)
{
	strbuf_release(&w->out);
	strbuf_release(&w->directory);
	digest_drop(&w->digest);
}

static int flush(struct zip_write *w, size_t above, struct error *err)
{
	if (w->out.length <= above)
		return 0;
	digest_add(&w->digest, w->out.text, w->out.length);
	for (size_t done = 0; done < w->out.length;) {
		ssize_t count = write(w->fd, w->out.text + done, w->out.length - done);

		if (count < 0 && errno != EINTR)
			return error_errno(err, "cannot write '%s'", w->path);
		done += count > 0 ? (size_t)count : 0;
	}
	w->at += w->out.length;
	strbuf_clear(&w->out);
	return 0;
}

/* What a member's own header and its entry in the directory share. */
static void put_member(struct strbuf *out, size_t name_length, uint32_t packed_bytes, uint32_t size_bytes, uint32_t crc)
{
	put(out, VERSION_20, 2);
	put(out, UTF_8_FLAG, 2);
	put(out, DEFLATED, 2);
	put(out, 0, 2);
	put(out, FIRST_DAY, 2);
	put(out, crc, 4);
	put(out, packed_bytes, 4);
	put(out, size_bytes, 4);
	put(out, name_length, 2);
	put(out, 0, 2);
}

int zip_write_member(struct zip_write *w, const char *name, const char *packed, uint32_t packed_bytes, uint32_t size_bytes, uint32_t crc, struct error *err)
{
	size_t length = strlen(name);
	uint64_t at = w->at + w->out.length;

	if (length > UINT16_MAX || at > UINT32_MAX - packed_bytes)
		return error_set(err, ERR_INPUT, "cannot write '%s': more than fits into a zip archive", w->path);
	strbuf_add_bytes(&w->out, "PK\3\4", 4);
	put_member(&w->out, length, packed_bytes, size_bytes, crc);
	strbuf_add(&w->out, name);
	strbuf_add_bytes(&w->out, packed, packed_bytes);
	strbuf_add_bytes(&w->directory, "PK\1\2", 4);
	put(&w->directory, UNIX_20, 2);
	put_member(&w->directory, length, packed_bytes, size_bytes, crc);
	put(&w->directory, 0, 6);
	put(&w->directory, (uint64_t)MODE << 16, 4);
	put(&w->directory, at, 4);
	strbuf_add(&w->directory, name);
	w->count++;
	return flush(w, WRITE_BYTES, err);
}

/* Zip64: more members than the end record can count. */
static void put_end64(struct strbuf *out, uint64_t count, uint64_t bytes, uint64_t at)
{
	strbuf_add_bytes(out, "PK\6\6", 4);
	put(out, 44, 8);
	put(out, UNIX_20, 2);
	put(out, VERSION_45, 2);
	put(out, 0, 8);
	put(out, count, 8);
	put(out, count, 8);
	put(out, bytes, 8);
	put(out, at, 8);
	strbuf_add_bytes(out, "PK\6\7", 4);
	put(out, 0, 4);
	put(out, at + bytes, 8);
	put(out, 1, 4);
}

int zip_write_end(struct zip_write *w, char ret_digest[DIGEST_HEX_LENGTH + 1], uint64_t *ret_bytes, struct error *err)
{
	uint64_t at = w->at + w->out.length, bytes = w->directory.length;
	uint64_t count = w->count < UINT16_MAX ? w->count : UINT16_MAX;

	strbuf_add_bytes(&w->out, strbuf_text(&w->directory), w->directory.length);
	if (count == UINT16_MAX)
		put_end64(&w->out, w->count, bytes, at);
	strbuf_add_bytes(&w->out, "PK\5\6", 4);
	put(&w->out, 0, 4);
	put(&w->out, count, 2);
	put(&w->out, count, 2);
	put(&w->out, bytes, 4);
	put(&w->out, at, 4);
	put(&w->out, 0, 2);
	if (flush(w, 0, err) < 0)
		return -1;
	digest_end(&w->digest, ret_digest);
	*ret_bytes = w->at;
	return 0;
}
