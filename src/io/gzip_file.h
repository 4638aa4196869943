/* A whole file packed by gzip (RFC 1952), fast: for what is sent once and need not be the same bytes everywhere. By ISA-L. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "io/digest.h"

struct gzip_file {
	char plain[DIGEST_HEX_LENGTH + 1], packed[DIGEST_HEX_LENGTH + 1]; /* of the file, and of what was written */
	uint64_t packed_bytes;
};

/* Reads `from` to its end and writes it packed to `fd`, which `to` names in messages. ERR_IO; ERR_CANCELLED after a signal. */
int gzip_file(const char *from, int fd, const char *to, struct gzip_file *ret, struct error *err);
/* Whether a file begins as gzip does. */
bool gzip_file_is(const char *path);
