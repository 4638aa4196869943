#include "layer/gzip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "io/inflate.h"
#include "layer/deflate.h"

enum { WRITE_BYTES = 256 * 1024, LAST_MAX_BYTES = 4096 };

void gzip_begin(struct gzip *g, int fd, const char *path)
{
	*g = (struct gzip){.fd = fd, .path = path};
	digest_begin(&g->packed);
	digest_begin(&g->plain);
}

void gzip_release(struct gzip *g)
{
	strbuf_release(&g->out);
	strbuf_release(&g->last);
	strbuf_release(&g->joined);
	deflate_join_release(&g->join);
	digest_drop(&g->packed);
	digest_drop(&g->plain);
}

static int flush(struct gzip *g, size_t above, struct error *err)
{
	if (g->out.length <= above)
		return 0;
	digest_add(&g->packed, g->out.text, g->out.length);
	for (size_t done = 0; done < g->out.length;) {
		ssize_t count = write(g->fd, g->out.text + done, g->out.length - done);

		if (count < 0 && errno != EINTR)
			return error_errno(err, "cannot write '%s'", g->path);
		done += count > 0 ? (size_t)count : 0;
	}
	g->packed_bytes += g->out.length;
	strbuf_clear(&g->out);
	return 0;
}

void gzip_member_plain(struct gzip *g, const void *bytes, size_t length)
{
	if (g->beside)
		digest_add_both(&g->plain, g->beside, bytes, length);
	else
		digest_add(&g->plain, bytes, length);
	g->plain_bytes += length;
}

static void add_plain(struct gzip *g, const void *bytes, size_t length, uint32_t crc)
{
	gzip_member_plain(g, bytes, length);
	g->crc = (uint32_t)crc32_combine(g->crc, crc, (z_off_t)length);
}

/* RFC 1952, 2.3: no name, no time, no system. */
static void open_member(struct gzip *g)
{
	if (g->in_member)
		return;
	strbuf_add_bytes(&g->out, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
	g->in_member = true;
	g->crc = 0;
	g->member_begins = g->plain_bytes;
	strbuf_clear(&g->last);
}

static void add_number(struct gzip *g, uint32_t number)
{
	for (unsigned i = 0; i < 4; i++)
		strbuf_add_char(&g->out, (char)(number >> (8 * i)));
}

static void close_member(struct gzip *g)
{
	if (!g->in_member)
		return;
	deflate_end(&g->out);
	add_number(g, g->crc);
	add_number(g, (uint32_t)(g->plain_bytes - g->member_begins));
	g->in_member = false;
}

int gzip_add(struct gzip *g, const void *bytes, size_t length, struct error *err)
{
	open_member(g);
	struct deflate_before before = {.text = strbuf_text(&g->last), .length = g->last.length, .gap = g->plain_bytes - g->last_ends};

	deflate_text(bytes, length, g->last.length ? &before : NULL, &g->out);
	add_plain(g, bytes, length, crc32_add(0, bytes, length));
	strbuf_clear(&g->last);
	if (length <= LAST_MAX_BYTES)
		strbuf_add_bytes(&g->last, bytes, length);
	g->last_ends = g->plain_bytes;
	return flush(g, WRITE_BYTES, err);
}

int gzip_join(struct gzip *g, const unsigned char *packed, size_t packed_length, unsigned char *plain, size_t plain_length, uint32_t *ret_crc,
	      struct error *err)
{
	open_member(g);
	strbuf_clear(&g->joined);
	if (!deflate_join_add(&g->join, packed, packed_length, plain, plain_length, &g->joined))
		return error_set(err, ERR_INPUT, "it cannot be unpacked, or to another length than it says");
	strbuf_add_bytes(&g->out, strbuf_text(&g->joined), g->joined.length);
	*ret_crc = crc32_add(0, plain, plain_length);
	add_plain(g, plain, plain_length, *ret_crc);
	return flush(g, WRITE_BYTES, err);
}

int gzip_member_begin(struct gzip *g, struct error *err)
{
	close_member(g);
	open_member(g);
	g->in_member = false;
	return flush(g, WRITE_BYTES, err);
}

int gzip_member_packed(struct gzip *g, const void *bytes, size_t length, struct error *err)
{
	strbuf_add_bytes(&g->out, bytes, length);
	return flush(g, WRITE_BYTES, err);
}

int gzip_member_end(struct gzip *g, uint32_t crc, uint64_t length, struct error *err)
{
	add_number(g, crc);
	add_number(g, (uint32_t)length);
	return flush(g, WRITE_BYTES, err);
}

int gzip_store(struct gzip *g, const void *bytes, size_t length, uint32_t crc, struct error *err)
{
	open_member(g);
	strbuf_add_char(&g->out, 0);
	strbuf_add_char(&g->out, (char)length);
	strbuf_add_char(&g->out, (char)(length >> 8));
	strbuf_add_char(&g->out, (char)~length);
	strbuf_add_char(&g->out, (char)(~length >> 8));
	strbuf_add_bytes(&g->out, bytes, length);
	add_plain(g, bytes, length, crc);
	return flush(g, WRITE_BYTES, err);
}

int gzip_end(struct gzip *g, char ret_digest[DIGEST_HEX_LENGTH + 1], char ret_plain[DIGEST_HEX_LENGTH + 1], struct error *err)
{
	open_member(g);
	close_member(g);
	if (flush(g, 0, err) < 0)
		return -1;
	digest_end(&g->packed, ret_digest);
	digest_end(&g->plain, ret_plain);
	return 0;
}
