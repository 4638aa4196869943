#include "io/deflate_join.h"

#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/alloc.h"

void deflate_join_release(struct deflate_join *j)
{
	if (j->stream)
		inflateEnd(j->stream);
	free(j->stream);
	j->stream = NULL;
}

static z_stream *begin(struct deflate_join *j)
{
	if (j->stream) {
		inflateReset(j->stream);
		return j->stream;
	}
	j->stream = mem_zero(1, sizeof(z_stream));
	if (inflateInit2((z_stream *)j->stream, -MAX_WBITS) != Z_OK)
		abort(); /* no memory, or another zlib than the one of the header */
	return j->stream;
}

void deflate_join_align(struct strbuf *out, unsigned used_bits)
{
	static const char empty[] = {0, 0, (char)0xFF, (char)0xFF};

	if (!used_bits)
		return;
	/* Three zero bits: a stored block, and not the last. They are there already where they fit. */
	if (used_bits > 5)
		strbuf_add_char(out, 0);
	strbuf_add_bytes(out, empty, sizeof(empty));
}

bool deflate_join_add(struct deflate_join *j, const unsigned char *packed, size_t packed_length, unsigned char *plain, size_t plain_length, struct strbuf *out)
{
	z_stream *z = begin(j);
	size_t start = out->length;
	uint64_t last_block_bit = 0;
	unsigned unused_bits = 0;
	int status = Z_OK;

	if (packed_length > UINT32_MAX || plain_length >= UINT32_MAX)
		return false;
	/* zlib does not write through next_in. */
	z->next_in = (unsigned char *)(uintptr_t)packed;
	z->avail_in = (unsigned)packed_length;
	z->next_out = plain;
	z->avail_out = (unsigned)plain_length + 1;
	while ((status = inflate(z, Z_BLOCK)) == Z_OK && z->avail_out) {
		/* Bit 7: behind a block. Bit 6: it was the last. The low bits count those of the last byte that are not used yet. */
		if ((z->data_type & (128 | 64)) == 128)
			last_block_bit = (uint64_t)z->total_in * 8 - (unsigned)(z->data_type & 7);
		else if (z->data_type & 128)
			unused_bits = (unsigned)z->data_type & 7;
	}
	if (status != Z_STREAM_END || z->avail_in || z->total_out != plain_length)
		return false;
	strbuf_add_bytes(out, (const char *)packed, packed_length);
	out->text[start + last_block_bit / 8] &= (char)~(1U << (last_block_bit % 8));
	if (unused_bits)
		out->text[out->length - 1] &= (char)(0xFFU >> unused_bits);
	deflate_join_align(out, (8 - unused_bits) % 8);
	return true;
}
