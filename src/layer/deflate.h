/* Deflates small texts (RFC 1951) with the fixed codes and a plain search for repetitions. The same bytes for ever, on any machine: layers are known by their
   digest, and a library's next version packs a little differently. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

/* Text that stands `gap` bytes before the one to be packed, in the same stream. */
struct deflate_before {
	const char *text;
	size_t length;
	uint64_t gap; /* bytes between its end and what is packed */
};

/* Appends one block, not the last of its stream, that begins and ends at whole bytes. `before` may be NULL. */
void deflate_text(const char *text, size_t length, const struct deflate_before *before, struct strbuf *out);
/* Appends an empty block that is the last of its stream. */
void deflate_end(struct strbuf *out);
