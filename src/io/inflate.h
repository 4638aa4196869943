/* Raw deflate streams (RFC 1951) inflated piece by piece, and CRC-32, both by ISA-L, which is several times as fast as zlib. Where the bits of a stream stand is
   said by io/deflate_join.h. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* One stream after the other. NULL is valid for inflate_free(). */
struct inflate;
struct inflate *inflate_new(void);
void inflate_free(struct inflate *i);
void inflate_begin(struct inflate *i);

enum inflate_result {
	INFLATE_MORE,  /* it takes more input, or there is more output */
	INFLATE_END,   /* the stream ended; what is left of the input is behind it */
	INFLATE_BROKEN /* no deflate stream, or one that ended before what this call was given */
};
/* Takes from *bytes, which moves on, and writes at most `room` bytes to `out`. INFLATE_MORE with *ret_count 0 and an empty input: the stream is cut off if there
   is no more. */
enum inflate_result inflate_step(struct inflate *i, const unsigned char **bytes, size_t *length, unsigned char *out, size_t room, size_t *ret_count);

/* How many bits of the last byte of a stream that ended are not used: 0 to 7. */
unsigned inflate_unused_bits(const struct inflate *i);

/* CRC-32 as in gzip and zip, gone on with from `crc` (0 at first). */
uint32_t crc32_add(uint32_t crc, const void *bytes, size_t length);
