/* SHA-256 (FIPS 180-4) of whole blocks by the x86 processor's own instructions, which libcrypto uses, too: here two digests that go over the same blocks share the
   work that depends on the block alone, and wait for each other's results instead of their own. Both cost little more than one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_BLOCK_BYTES = 64 };

struct sha256 {
	uint32_t state[8];
};

/* False where the processor has no such instructions: the others may not be called then. */
bool sha256_is_there(void);
void sha256_begin(struct sha256 *s);
void sha256_blocks(struct sha256 *s, const void *bytes, size_t count);
void sha256_blocks_of_both(struct sha256 *one, struct sha256 *other, const void *bytes, size_t count);
