/* Streams that zlib packed, in all its ways, unpacked in pieces of every size: the same bytes, the same place where they end; what is broken is seen. */
#include "unit.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/alloc.h"
#include "base/strbuf.h"
#include "io/inflate.h"

enum { PLAIN_BYTES = 300000 };

/* Words from a small set, and stretches that cannot be packed. */
static unsigned char *sample(unsigned seed)
{
	unsigned char *plain = mem_alloc(PLAIN_BYTES);
	uint32_t state = seed * 2654435761U + 1;

	for (size_t i = 0; i < PLAIN_BYTES; i++) {
		state = state * 1664525 + 1013904223;
		plain[i] = (i / 20000) % 3 == seed % 3 ? (unsigned char)(state >> 24) : (unsigned char)("lockstep wheels\n"[state >> 28]);
	}
	return plain;
}

static void pack(const unsigned char *plain, int level, int strategy, struct strbuf *out)
{
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, -MAX_WBITS, 8, strategy), Z_OK);
	unsigned room = (unsigned)deflateBound(&z, PLAIN_BYTES);

	z.next_in = (unsigned char *)(uintptr_t)plain;
	z.avail_in = PLAIN_BYTES;
	z.next_out = (unsigned char *)strbuf_reserve(out, room);
	z.avail_out = room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	strbuf_commit(out, room - z.avail_out);
	deflateEnd(&z);
}

/* Gives `piece` bytes at a time and takes `room`. *ret_left counts what was not taken. */
static enum inflate_result unpack(struct inflate *i, const struct strbuf *packed, size_t piece, size_t room, unsigned char *out, size_t *ret_count,
				  size_t *ret_left)
{
	enum inflate_result result = INFLATE_MORE;
	size_t done = 0, count = 1;

	inflate_begin(i);
	*ret_count = 0;
	while (result == INFLATE_MORE && (done < packed->length || count)) {
		const unsigned char *bytes = (const unsigned char *)packed->text + done;
		size_t left = packed->length - done < piece ? packed->length - done : piece, given = left;
		size_t space = PLAIN_BYTES + 1 - *ret_count < room ? PLAIN_BYTES + 1 - *ret_count : room;

		result = inflate_step(i, &bytes, &left, out + *ret_count, space, &count);
		*ret_count += count;
		done += given - left;
	}
	*ret_left = packed->length - done;
	return result;
}

TEST(streams_in_pieces)
{
	static const int strategies[] = {Z_DEFAULT_STRATEGY, Z_HUFFMAN_ONLY, Z_RLE, Z_FIXED};
	static const size_t pieces[] = {301, 4096, 65536, 1 << 20}, rooms[] = {1000, 65536, PLAIN_BYTES, PLAIN_BYTES + 1};
	struct inflate *i = inflate_new();
	unsigned char *out = mem_alloc(PLAIN_BYTES + 1);
	size_t count, left;

	for (unsigned n = 0; n < 4 * 4; n++) {
		autostrbuf struct strbuf packed = {0};
		unsigned char *plain = sample(n);

		pack(plain, n < 4 ? 0 : (int)n % 9 + 1, strategies[n % 4], &packed);
		for (unsigned p = 0; p < 4; p++) {
			assert_int_equal(unpack(i, &packed, pieces[p], rooms[(n + p) % 4], out, &count, &left), INFLATE_END);
			assert_int_equal(count, PLAIN_BYTES);
			assert_int_equal(left, 0);
			assert_memory_equal(out, plain, PLAIN_BYTES);
		}
		free(plain);
	}
	free(out);
	inflate_free(i);
}

TEST(what_is_behind_a_stream_is_left)
{
	struct inflate *i = inflate_new();
	unsigned char *plain = sample(1), *out = mem_alloc(PLAIN_BYTES + 1);
	autostrbuf struct strbuf packed = {0};
	size_t count, left;

	pack(plain, 6, Z_DEFAULT_STRATEGY, &packed);
	for (size_t behind = 1; behind < 20; behind++) {
		strbuf_add_char(&packed, 'x');
		assert_int_equal(unpack(i, &packed, 1 << 20, PLAIN_BYTES + 1, out, &count, &left), INFLATE_END);
		assert_int_equal(left, behind);
	}
	/* Cut off before the call that sees the end: either so many are left, or it says that it took too many. */
	enum inflate_result result = unpack(i, &packed, packed.length - 16, 1000, out, &count, &left);

	assert_true(result == INFLATE_BROKEN || (result == INFLATE_END && left));
	free(plain);
	free(out);
	inflate_free(i);
}

TEST(what_is_broken_is_seen)
{
	struct inflate *i = inflate_new();
	unsigned char *plain = sample(2), *out = mem_alloc(PLAIN_BYTES + 1);
	autostrbuf struct strbuf packed = {0};
	size_t count, left;

	pack(plain, 6, Z_DEFAULT_STRATEGY, &packed);
	packed.length -= 5;
	assert_int_equal(unpack(i, &packed, 4096, 65536, out, &count, &left), INFLATE_MORE);
	/* The last block, of a kind that there is not; a repetition of what is not there. */
	static const char *const broken[] = {"\x07\x00\x00", "\x4b\x04\x82\x00", "\x01\x05\x00\x05\x00"};

	for (size_t n = 0; n < 3; n++) {
		strbuf_clear(&packed);
		strbuf_add_bytes(&packed, broken[n], n == 2 ? 5 : 3);
		assert_int_not_equal(unpack(i, &packed, 4096, 65536, out, &count, &left), INFLATE_END);
	}
	free(plain);
	free(out);
	inflate_free(i);
}

TEST(checksums)
{
	unsigned char *plain = sample(3);

	for (size_t length = 0; length < 5000; length = length * 3 / 2 + 1) {
		uint32_t theirs = (uint32_t)crc32_z(crc32_z(0, NULL, 0), plain, length);

		assert_int_equal(crc32_add(0, plain, length), theirs);
		assert_int_equal(crc32_add(crc32_add(0, plain, length / 3), plain + length / 3, length - length / 3), theirs);
	}
	free(plain);
}
