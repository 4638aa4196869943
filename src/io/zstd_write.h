/* A zstd frame (RFC 8878) written front to back by libzstd, with fixed parameters: the same bytes for the same input and the same version of the library. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "io/digest.h"

/* zstd_write_begin, zstd_write_add, zstd_write_end; zstd_write_release in any case. Zeroed is valid and closed. */
struct zstd_write {
	int fd;           /* the caller's */
	const char *path; /* of it, for messages */
	void *context;    /* ZSTD_CCtx */
	char *out;
	struct digest digest; /* over the file */
	uint64_t packed_bytes;
};

void zstd_write_begin(struct zstd_write *w, int fd, const char *path);
void zstd_write_release(struct zstd_write *w);
int zstd_write_add(struct zstd_write *w, const void *bytes, size_t length, struct error *err);
int zstd_write_end(struct zstd_write *w, char ret_digest[DIGEST_HEX_LENGTH + 1], struct error *err);

/* "1.5.4": of the library that runs. */
const char *zstd_write_version(void);
