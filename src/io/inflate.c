#include "io/inflate.h"

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>

#include "base/alloc.h"

struct inflate {
	struct inflate_state state;
};

struct inflate *inflate_new(void)
{
	struct inflate *i = mem_zero(1, sizeof(*i));

	inflate_begin(i);
	return i;
}

void inflate_free(struct inflate *i)
{
	free(i);
}

void inflate_begin(struct inflate *i)
{
	isal_inflate_reset(&i->state);
	i->state.crc_flag = ISAL_DEFLATE;
	i->state.avail_in = 0;
	i->state.avail_out = 0;
}

enum inflate_result inflate_step(struct inflate *i, const unsigned char **bytes, size_t *length, unsigned char *out, size_t room, size_t *ret_count)
{
	enum { PIECE = 1 << 30 };
	struct inflate_state *s = &i->state;
	unsigned given = *length < PIECE ? (unsigned)*length : PIECE, wanted = room < PIECE ? (unsigned)room : PIECE;

	/* ISA-L does not write through next_in. */
	s->next_in = (unsigned char *)(uintptr_t)*bytes;
	s->avail_in = given;
	s->next_out = out;
	s->avail_out = wanted;
	int status = isal_inflate(s);

	*bytes += given - s->avail_in;
	*length -= given - s->avail_in;
	*ret_count = wanted - s->avail_out;
	if (status < 0)
		return INFLATE_BROKEN;
	return s->block_state == ISAL_BLOCK_FINISH ? INFLATE_END : INFLATE_MORE;
}

uint32_t crc32_add(uint32_t crc, const void *bytes, size_t length)
{
	return crc32_gzip_refl(crc, bytes, length);
}
