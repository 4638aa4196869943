#include "io/deflate_join.h"

#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/alloc.h"
#include "io/inflate.h"

void deflate_join_release(struct deflate_join *j)
{
	if (j->stream)
		inflateEnd(j->stream);
	free(j->stream);
	inflate_free(j->inflate);
	*j = (struct deflate_join){0};
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

/* Where the parts of a stream stand. */
struct places {
	uint64_t last_block_bit;
	unsigned unused_bits; /* of its last byte */
};

/* Most small texts are packed to one block, which then is the last: only its end must be found. False where a stream is another one, or broken. */
static bool inflate_one_block(struct deflate_join *j, const unsigned char *packed, size_t packed_length, unsigned char *plain, size_t plain_length,
			      struct places *ret)
{
	enum { LAST = 1, KIND = 6, KIND_STORED = 0 };
	size_t count;

	if (!packed_length || !(*packed & LAST) || (*packed & KIND) == KIND_STORED)
		return false;
	if (!j->inflate)
		j->inflate = inflate_new();
	inflate_begin(j->inflate);
	if (inflate_step(j->inflate, &packed, &packed_length, plain, plain_length + 1, &count) != INFLATE_END || packed_length || count != plain_length)
		return false;
	*ret = (struct places){.unused_bits = inflate_unused_bits(j->inflate)};
	return true;
}

static bool inflate_blocks(struct deflate_join *j, const unsigned char *packed, size_t packed_length, unsigned char *plain, size_t plain_length,
			   struct places *ret)
{
	z_stream *z = begin(j);
	struct places p = {0};
	int status = Z_OK;

	/* zlib does not write through next_in. */
	z->next_in = (unsigned char *)(uintptr_t)packed;
	z->avail_in = (unsigned)packed_length;
	z->next_out = plain;
	z->avail_out = (unsigned)plain_length + 1;
	while ((status = inflate(z, Z_BLOCK)) == Z_OK && z->avail_out) {
		/* Bit 7: behind a block. Bit 6: it was the last. The low bits count those of the last byte that are not used yet. */
		if ((z->data_type & (128 | 64)) == 128)
			p.last_block_bit = (uint64_t)z->total_in * 8 - (unsigned)(z->data_type & 7);
		else if (z->data_type & 128)
			p.unused_bits = (unsigned)z->data_type & 7;
	}
	if (status != Z_STREAM_END || z->avail_in || z->total_out != plain_length)
		return false;
	*ret = p;
	return true;
}

bool deflate_join_add(struct deflate_join *j, const unsigned char *packed, size_t packed_length, unsigned char *plain, size_t plain_length, struct strbuf *out)
{
	size_t start = out->length;
	struct places p;

	if (packed_length > UINT32_MAX || plain_length >= UINT32_MAX)
		return false;
	if (!inflate_one_block(j, packed, packed_length, plain, plain_length, &p) && !inflate_blocks(j, packed, packed_length, plain, plain_length, &p))
		return false;
	strbuf_add_bytes(out, (const char *)packed, packed_length);
	out->text[start + p.last_block_bit / 8] &= (char)~(1U << (p.last_block_bit % 8));
	if (p.unused_bits)
		out->text[out->length - 1] &= (char)(0xFFU >> p.unused_bits);
	deflate_join_align(out, (8 - p.unused_bits) % 8);
	return true;
}
