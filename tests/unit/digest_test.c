/* SHA-256 beside libcrypto's: every length around whole blocks, in pieces of every size, one digest and two at once; with the processor's instructions and without. */
#include "unit.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "io/digest.h"

enum { TEXT_BYTES = 3000 };

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

static const unsigned char *text(void)
{
	static unsigned char bytes[TEXT_BYTES];
	uint32_t state = 7;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)next_random(&state);
	return bytes;
}

static void expect(const unsigned char *bytes, size_t length, const char *hex)
{
	unsigned char sum[EVP_MAX_MD_SIZE];
	char expected[DIGEST_HEX_LENGTH + 1];

	assert_int_equal(EVP_Digest(bytes, length, sum, NULL, EVP_sha256(), NULL), 1);
	for (size_t i = 0; i < DIGEST_HEX_LENGTH / 2; i++)
		snprintf(expected + 2 * i, 3, "%02x", sum[i]);
	assert_string_equal(hex, expected);
}

static void compare_all(void)
{
	const unsigned char *bytes = text();
	char hex[DIGEST_HEX_LENGTH + 1];
	uint32_t state = 1;

	for (size_t length = 0; length < 400; length++) {
		digest_bytes(bytes, length, hex);
		expect(bytes, length, hex);
	}
	for (unsigned round = 0; round < 300; round++) {
		struct digest d;
		size_t done = 0;

		digest_begin(&d);
		while (done < TEXT_BYTES) {
			size_t count = next_random(&state) % (round + 2);

			count = count < TEXT_BYTES - done ? count : TEXT_BYTES - done;
			digest_add(&d, bytes + done, count);
			done += count;
		}
		digest_end(&d, hex);
		expect(bytes, TEXT_BYTES, hex);
	}
}

/* The second digest begins `begin` bytes after the first. */
static void compare_both(size_t begin, size_t piece)
{
	const unsigned char *bytes = text();
	char hex[DIGEST_HEX_LENGTH + 1];
	struct digest all, some;

	digest_begin(&all);
	digest_begin(&some);
	digest_add(&all, bytes, begin);
	for (size_t done = begin; done < TEXT_BYTES; done += piece)
		digest_add_both(&all, &some, bytes + done, piece < TEXT_BYTES - done ? piece : TEXT_BYTES - done);
	digest_end(&all, hex);
	expect(bytes, TEXT_BYTES, hex);
	digest_end(&some, hex);
	expect(bytes + begin, TEXT_BYTES - begin, hex);
}

static void compare_pairs(void)
{
	for (size_t begin = 0; begin < 200; begin += begin % 64 == 1 ? 31 : 1)
		for (size_t piece = 1; piece < 400; piece += 1 + piece / 3)
			compare_both(begin, piece);
}

TEST(digests_are_those_of_libcrypto)
{
	compare_all();
	compare_pairs();
}

#ifdef LOCKSTEP_TEST_HOOKS
TEST(digests_without_instructions)
{
	setenv("LOCKSTEP_TEST_NO_SHA", "1", 1);
	assert_false(sha256_is_there());
	compare_all();
	compare_pairs();
	unsetenv("LOCKSTEP_TEST_NO_SHA");
}
#endif

TEST(a_long_text)
{
	struct digest d;
	char hex[DIGEST_HEX_LENGTH + 1];

	/* FIPS 180-4's own: a million times "a". */
	digest_begin(&d);
	for (unsigned i = 0; i < 1000; i++) {
		unsigned char thousand[1000];

		memset(thousand, 'a', sizeof(thousand));
		digest_add(&d, thousand, sizeof(thousand));
	}
	digest_end(&d, hex);
	assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
