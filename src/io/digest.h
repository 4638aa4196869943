/* SHA-256, by the processor's own instructions where it has them (io/sha256.h), else by libcrypto. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "io/sha256.h"

enum { DIGEST_HEX_LENGTH = 64 };

/* A running digest: digest_begin, any number of digest_add, digest_end. digest_end and digest_drop free what it holds. */
struct digest {
	void *context; /* EVP_MD_CTX; NULL: these are in use */
	struct sha256 running;
	uint64_t length;                        /* of all that was added, in bytes */
	unsigned char rest[SHA256_BLOCK_BYTES]; /* the last of it, that is no whole block yet */
};
void digest_begin(struct digest *d);
void digest_add(struct digest *d, const void *bytes, size_t length);
/* Adds the same bytes to two digests. Costs little more than one of them where both have had the same number of bytes modulo 64. */
void digest_add_both(struct digest *one, struct digest *other, const void *bytes, size_t length);
/* Adds a text and its length, so that ("ab","c") and ("a","bc") differ; for keys made of parts. NULL differs from "". */
void digest_add_part(struct digest *d, const char *text);
void digest_end(struct digest *d, char ret_hex[DIGEST_HEX_LENGTH + 1]);
void digest_drop(struct digest *d);

void digest_bytes(const void *bytes, size_t length, char ret_hex[DIGEST_HEX_LENGTH + 1]);
/* Streams a file through the digest. */
int digest_file(const char *path, char ret_hex[DIGEST_HEX_LENGTH + 1], struct error *err);
/* 64 lower-case hex digits. */
bool digest_is_hex(const char *text);
