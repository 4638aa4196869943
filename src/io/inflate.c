#include "io/inflate.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/alloc.h"

struct inflate {
	z_stream stream;
};

struct inflate *inflate_new(void)
{
	struct inflate *i = mem_zero(1, sizeof(*i));

	if (inflateInit2(&i->stream, -MAX_WBITS) != Z_OK)
		abort(); /* no memory, or another zlib than the one of the header */
	return i;
}

void inflate_free(struct inflate *i)
{
	if (!i)
		return;
	inflateEnd(&i->stream);
	free(i);
}

void inflate_begin(struct inflate *i)
{
	inflateReset(&i->stream);
}

enum inflate_result inflate_step(struct inflate *i, const unsigned char **bytes, size_t *length, unsigned char *out, size_t room, size_t *ret_count)
{
	enum { PIECE = 1 << 30 };
	unsigned given = *length < PIECE ? (unsigned)*length : PIECE, wanted = room < PIECE ? (unsigned)room : PIECE;

	/* zlib does not write through next_in. */
	i->stream.next_in = (unsigned char *)(uintptr_t)*bytes;
	i->stream.avail_in = given;
	i->stream.next_out = out;
	i->stream.avail_out = wanted;
	int status = inflate(&i->stream, Z_NO_FLUSH);

	*bytes += given - i->stream.avail_in;
	*length -= given - i->stream.avail_in;
	*ret_count = wanted - i->stream.avail_out;
	if (status == Z_STREAM_END)
		return INFLATE_END;
	/* Z_BUF_ERROR: nothing to do until there is more to read or to write to. */
	return status == Z_OK || status == Z_BUF_ERROR ? INFLATE_MORE : INFLATE_BROKEN;
}

uint32_t crc32_add(uint32_t crc, const void *bytes, size_t length)
{
	return (uint32_t)crc32_z(crc, bytes, length);
}
