/* Writes zip archives (PKWARE APPNOTE 6.3) of members that are packed already, front to back, in a form that io/zip.h reads: no times, no owners, mode 0644. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "io/digest.h"

/* zip_write_begin, zip_write_member for each, zip_write_end; zip_write_release in any case. */
struct zip_write {
	int fd;           /* the caller's */
	const char *path; /* of it, for messages */
	struct strbuf out, directory;
	struct digest digest;
	uint64_t at, count;
};

void zip_write_begin(struct zip_write *w, int fd, const char *path);
void zip_write_release(struct zip_write *w);
/* A raw deflate stream of fewer than 4 GiB, packed and plain. */
int zip_write_member(struct zip_write *w, const char *name, const char *packed, uint32_t packed_bytes, uint32_t size_bytes, uint32_t crc, struct error *err);
/* *ret_digest over the file, which has *ret_bytes. */
int zip_write_end(struct zip_write *w, char ret_digest[DIGEST_HEX_LENGTH + 1], uint64_t *ret_bytes, struct error *err);
