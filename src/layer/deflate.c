#include "layer/deflate.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "io/deflate_join.h"

enum { MATCH_MIN = 3, MATCH_MAX = 258, WINDOW_BYTES = 32768, HASH_SIZE = 4096, TRIES = 16, KEPT = 2 * WINDOW_BYTES };

struct bits {
	unsigned char *out; /* with room for all that comes */
	uint64_t hold;
	unsigned count; /* bits in `hold`, fewer than eight between calls */
};

static void put(struct bits *b, unsigned value, unsigned count)
{
	b->hold |= (uint64_t)value << b->count;
	for (b->count += count; b->count >= 8; b->count -= 8) {
		*b->out++ = (unsigned char)b->hold;
		b->hold >>= 8;
	}
}

/* Huffman codes stand in the stream with their highest bit first. */
static unsigned reverse(unsigned code, unsigned count)
{
	static const unsigned char fours[] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};

	return (unsigned)(fours[code & 15] << 8 | fours[code >> 4 & 15] << 4 | fours[code >> 8]) >> (12 - count);
}

static void put_code(struct bits *b, unsigned code, unsigned count)
{
	put(b, reverse(code, count), count);
}

static void put_symbol(struct bits *b, unsigned symbol)
{
	if (symbol < 144)
		put_code(b, 0x30 + symbol, 8);
	else if (symbol < 256)
		put_code(b, 0x190 + symbol - 144, 9);
	else if (symbol < 280)
		put_code(b, symbol - 256, 7);
	else
		put_code(b, 0xC0 + symbol - 280, 8);
}

/* The smallest values of the length and distance codes (RFC 1951, 3.2.5); how many bits follow is the distance to the next. */
static const unsigned short lengths[] = {3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const unsigned char length_bits[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const unsigned short distances[] = {1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
					   193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};

static void put_match(struct bits *b, unsigned length, unsigned distance)
{
	unsigned code = 28, far = 29;

	while (lengths[code] > length)
		code--;
	put_symbol(b, 257 + code);
	put(b, length - lengths[code], length_bits[code]);
	while (distances[far] > distance)
		far--;
	put_code(b, far, 5);
	put(b, distance - distances[far], far < 4 ? 0 : (far - 2) / 2);
}

/* The text before and the text itself, one behind the other, with the places where three bytes were seen last. */
struct search {
	const unsigned char *bytes;
	size_t length, begin; /* of both; where the text begins */
	uint64_t gap;
	uint32_t head[HASH_SIZE]; /* place + 1 */
	uint32_t *previous;       /* of the same hash, place + 1; by place % KEPT: what is farther away is not asked for */
};

static unsigned hash_at(const struct search *s, size_t at)
{
	uint32_t three = s->bytes[at] | (uint32_t)s->bytes[at + 1] << 8 | (uint32_t)s->bytes[at + 2] << 16;

	return (three * 2654435761U) >> 20;
}

static void remember(struct search *s, size_t at)
{
	if (at + MATCH_MIN > s->length)
		return;
	unsigned hash = hash_at(s, at);

	s->previous[at % KEPT] = s->head[hash];
	s->head[hash] = (uint32_t)at + 1;
}

/* How many bytes of two places are the same, at most `limit`. */
static size_t count_same(const unsigned char *one, const unsigned char *other, size_t limit)
{
	size_t length = 0;

	for (; length + sizeof(uint64_t) <= limit; length += sizeof(uint64_t)) {
		uint64_t a, b;

		memcpy(&a, one + length, sizeof(a));
		memcpy(&b, other + length, sizeof(b));
		if (a != b)
			break;
	}
	while (length < limit && one[length] == other[length])
		length++;
	return length;
}

/* The longest repetition of something before that begins at `at`; 0 when there is none worth it. */
static size_t find_match(const struct search *s, size_t at, unsigned *ret_distance)
{
	size_t best = 0, most = s->length - at < MATCH_MAX ? s->length - at : MATCH_MAX;
	unsigned tries = TRIES;

	if (at + MATCH_MIN > s->length)
		return 0;
	for (uint32_t next = s->head[hash_at(s, at)]; next && tries && best < most; next = s->previous[(next - 1) % KEPT], tries--) {
		size_t candidate = next - 1, limit = most;
		uint64_t distance = at - candidate + (candidate < s->begin ? s->gap : 0);

		if (distance > WINDOW_BYTES)
			break;
		/* What is before the text does not reach into it: the gap lies between. */
		if (candidate < s->begin && limit > s->begin - candidate)
			limit = s->begin - candidate;
		if (limit <= best || s->bytes[candidate + best] != s->bytes[at + best])
			continue;
		size_t length = count_same(s->bytes + candidate, s->bytes + at, limit);

		if (length > best) {
			best = length;
			*ret_distance = (unsigned)distance;
		}
	}
	return best < MATCH_MIN ? 0 : best;
}

static void pack(struct search *s, struct bits *b)
{
	for (size_t at = 0; at < s->begin; at++)
		remember(s, at);
	for (size_t at = s->begin; at < s->length;) {
		unsigned distance = 0;
		size_t length = find_match(s, at, &distance);

		if (length)
			put_match(b, (unsigned)length, distance);
		else
			put_symbol(b, s->bytes[at]);
		for (size_t end = at + (length ? length : 1); at < end; at++)
			remember(s, at);
	}
}

void deflate_text(const char *text, size_t length, const struct deflate_before *before, struct strbuf *out)
{
	autostrbuf struct strbuf both = {0};
	bool is_near = before && before->gap < WINDOW_BYTES;

	if (is_near)
		strbuf_add_bytes(&both, before->text, before->length);
	struct search s = {.begin = both.length, .gap = is_near ? before->gap : 0};
	/* A byte takes nine bits at most; the block's own codes take ten. */
	unsigned char *room = (unsigned char *)strbuf_reserve(out, length + length / 8 + 4);
	struct bits b = {.out = room};

	strbuf_add_bytes(&both, text, length);
	s.bytes = (const unsigned char *)strbuf_text(&both);
	s.length = both.length;
	s.previous = mem_alloc((both.length < KEPT ? both.length + 1 : KEPT) * sizeof(*s.previous));
	put(&b, 0, 1);
	put(&b, 1, 2);
	pack(&s, &b);
	put_symbol(&b, 256);
	free(s.previous);
	unsigned used_bits = b.count;

	if (used_bits)
		*b.out++ = (unsigned char)b.hold;
	strbuf_commit(out, (size_t)(b.out - room));
	deflate_join_align(out, used_bits);
}

void deflate_end(struct strbuf *out)
{
	/* The last block, fixed codes, its end. */
	strbuf_add_bytes(out, "\3", 2);
}
