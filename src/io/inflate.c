#include "io/inflate.h"

#include <stdbool.h>
#include <stdlib.h>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>

#include "base/alloc.h"

struct inflate {
	struct inflate_state state;
	unsigned unused_bits;
};

struct inflate *inflate_new(void)
{
	struct inflate *i = mem_zero(1, sizeof(*i));

	isal_inflate_init(&i->state);
	return i;
}

void inflate_free(struct inflate *i)
{
	free(i);
}

void inflate_begin(struct inflate *i)
{
	isal_inflate_reset(&i->state);
}

/* Bytes that were taken ahead and are behind the stream are given back. False when they came with an earlier call. */
static bool give_back(struct inflate *i, unsigned given)
{
	struct inflate_state *s = &i->state;
	unsigned ahead = (unsigned)s->read_in_length / 8;

	i->unused_bits = (unsigned)s->read_in_length % 8;
	s->read_in_length = 0;
	if (ahead > given - s->avail_in)
		return false;
	s->avail_in += ahead;
	return true;
}

enum inflate_result inflate_step(struct inflate *i, const unsigned char **bytes, size_t *length, unsigned char *out, size_t room, size_t *ret_count)
{
	enum { PIECE = 1 << 30 };
	unsigned given = *length < PIECE ? (unsigned)*length : PIECE, wanted = room < PIECE ? (unsigned)room : PIECE;
	struct inflate_state *s = &i->state;

	/* ISA-L does not write through next_in. */
	s->next_in = (unsigned char *)(uintptr_t)*bytes;
	s->avail_in = given;
	s->next_out = out;
	s->avail_out = wanted;
	bool is_sound = isal_inflate(s) == ISAL_DECOMP_OK, has_ended = is_sound && s->block_state == ISAL_BLOCK_FINISH;

	if (has_ended)
		is_sound = give_back(i, given);
	*bytes += given - s->avail_in;
	*length -= given - s->avail_in;
	*ret_count = wanted - s->avail_out;
	if (!is_sound)
		return INFLATE_BROKEN;
	return has_ended ? INFLATE_END : INFLATE_MORE;
}

unsigned inflate_unused_bits(const struct inflate *i)
{
	return i->unused_bits;
}

uint32_t crc32_add(uint32_t crc, const void *bytes, size_t length)
{
	return crc32_gzip_refl(crc, bytes, length);
}
