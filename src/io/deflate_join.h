/* Raw deflate streams (RFC 1951) made fit to be followed by others in one stream: the mark of the last block taken off, the end brought to a whole byte. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

/* Finds out where a stream's last block begins and where it ends. Zeroed is valid and closed. */
struct inflate;
struct deflate_join {
	void *stream;            /* z_stream */
	struct inflate *inflate; /* for streams of one block, which is faster */
};
void deflate_join_release(struct deflate_join *j);

/* Appends the stream of `packed_length` bytes to `out`, joinable, and inflates it to `plain`, which has room for plain_length + 1 bytes. False when it is no
   deflate stream of exactly these lengths; `out` then holds what it did. */
bool deflate_join_add(struct deflate_join *j, const unsigned char *packed, size_t packed_length, unsigned char *plain, size_t plain_length, struct strbuf *out);

/* Appends an empty stored block behind a stream whose last byte has `used_bits` (1 to 7, or 0: all of it) in use: its end is then a whole byte. */
void deflate_join_align(struct strbuf *out, unsigned used_bits);
