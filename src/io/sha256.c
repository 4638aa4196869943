#include "io/sha256.h"

#include <stdlib.h>

static const uint32_t BEGIN[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

void sha256_begin(struct sha256 *s)
{
	for (size_t i = 0; i < 8; i++)
		s->state[i] = BEGIN[i];
}

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

#define WITH_SHA __attribute__((target("sha,sse4.1")))
#define INLINE inline __attribute__((always_inline))

static const uint32_t ROUNDS[64] __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
	0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
	0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
	0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
	0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
	0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

bool sha256_is_there(void)
{
	enum { UNKNOWN, MISSING, THERE };
	static int known = UNKNOWN;
	unsigned a, b, c, d;

#ifdef LOCKSTEP_TEST_HOOKS
	if (getenv("LOCKSTEP_TEST_NO_SHA"))
		return false;
#endif
	if (known == UNKNOWN) {
		bool has_sse = __get_cpuid(1, &a, &b, &c, &d) && c & bit_SSE4_1 && c & bit_SSSE3;

		known = has_sse && __get_cpuid_count(7, 0, &a, &b, &c, &d) && b & bit_SHA ? THERE : MISSING;
	}
	return known == THERE;
}

/* A state as the instructions have it: the words A, B, E, F in one register, C, D, G, H in the other. */
struct lane {
	__m128i abef, cdgh;
};

static INLINE WITH_SHA struct lane load(const uint32_t state[8])
{
	__m128i cdab = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xB1);
	__m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1B);

	return (struct lane){_mm_alignr_epi8(cdab, efgh, 8), _mm_blend_epi16(efgh, cdab, 0xF0)};
}

static INLINE WITH_SHA void store(uint32_t state[8], struct lane l)
{
	__m128i feba = _mm_shuffle_epi32(l.abef, 0x1B), dchg = _mm_shuffle_epi32(l.cdgh, 0xB1);

	_mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xF0));
	_mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

/* One block into `count` states. */
static INLINE WITH_SHA void add_block(struct lane *lanes, const unsigned char *block, unsigned count)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	struct lane before[2] = {lanes[0], lanes[count - 1]};
	__m128i words[4];

	for (unsigned i = 0; i < 4; i++)
		words[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)block + i), swap);
#pragma GCC unroll 16
	for (unsigned four = 0; four < 16; four++) {
		__m128i now = words[four % 4], added = _mm_add_epi32(now, _mm_load_si128((const __m128i *)ROUNDS + four));
		__m128i high = _mm_shuffle_epi32(added, 0x0E);

		for (unsigned i = 0; i < count; i++)
			lanes[i].cdgh = _mm_sha256rnds2_epu32(lanes[i].cdgh, lanes[i].abef, added);
		for (unsigned i = 0; i < count; i++)
			lanes[i].abef = _mm_sha256rnds2_epu32(lanes[i].abef, lanes[i].cdgh, high);
		if (four >= 12)
			continue;
		/* The words sixteen rounds on, from those of now and of the three groups behind them. */
		__m128i next = words[(four + 1) % 4], third = words[(four + 2) % 4], last = words[(four + 3) % 4];
		__m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(now, next), _mm_alignr_epi8(last, third, 4));

		words[four % 4] = _mm_sha256msg2_epu32(sum, last);
	}
	for (unsigned i = 0; i < count; i++) {
		lanes[i].abef = _mm_add_epi32(lanes[i].abef, before[i].abef);
		lanes[i].cdgh = _mm_add_epi32(lanes[i].cdgh, before[i].cdgh);
	}
}

WITH_SHA void sha256_blocks(struct sha256 *s, const void *bytes, size_t count)
{
	struct lane lane = load(s->state);

	for (const unsigned char *block = bytes; count; count--, block += SHA256_BLOCK_BYTES)
		add_block(&lane, block, 1);
	store(s->state, lane);
}

WITH_SHA void sha256_blocks_of_both(struct sha256 *one, struct sha256 *other, const void *bytes, size_t count)
{
	struct lane lanes[2] = {load(one->state), load(other->state)};

	for (const unsigned char *block = bytes; count; count--, block += SHA256_BLOCK_BYTES)
		add_block(lanes, block, 2);
	store(one->state, lanes[0]);
	store(other->state, lanes[1]);
}
#else
bool sha256_is_there(void)
{
	return false;
}

void sha256_blocks(struct sha256 *s, const void *bytes, size_t count)
{
	(void)s, (void)bytes, (void)count;
	abort();
}

void sha256_blocks_of_both(struct sha256 *one, struct sha256 *other, const void *bytes, size_t count)
{
	(void)one, (void)other, (void)bytes, (void)count;
	abort();
}
#endif
