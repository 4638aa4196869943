/* Reads zip archives through their central directory (PKWARE APPNOTE 6.3): names, sizes, and single members up to a limit. Stored and deflated members, zip64;
   no encryption, no parts, nothing before the first member or after the directory, so that no other reader can see another archive in the same bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/strbuf.h"

/* An open archive and the place in its directory. zip_open, then zip_next until it says there is no more, zip_read whenever; zip_release in any case. */
struct zip {
	int fd; /* -1: none */
	char *path;
	uint64_t directory_at, directory_end, members_left;
	uint64_t next_at;
	unsigned char *window; /* part of the directory */
	uint64_t window_at;
	size_t window_length;
	struct stat status; /* of the file when it was opened */
};

struct zip_member {
	const char *name; /* NUL-terminated, owned by the zip, until the next zip_next */
	uint64_t packed_bytes, size_bytes, header_at;
	uint32_t crc;
	unsigned method, flags;
	unsigned mode; /* as Unix has it, kind of file included; 0 where the archive does not say */
};

#define ZIP_NONE ((struct zip){.fd = -1})
void zip_release(struct zip *z);
#define autozip __attribute__((cleanup(zip_release))) /* `autozip struct zip z = ZIP_NONE;` */

/* ERR_NOT_FOUND or ERR_IO when the file cannot be read; ERR_INPUT when it is no such archive. */
int zip_open(struct zip *z, const char *path, struct error *err);
/* For who has many archives: closes the file and gives back the memory, and opens it again; what is known of its members stays true. ERR_INPUT when it is no
   longer the same file. Resuming one that is open does nothing. */
void zip_pause(struct zip *z);
int zip_resume(struct zip *z, struct error *err);
/* How many members the directory says it has from here on: no more than there is room for in it. */
size_t zip_count(const struct zip *z);
/* The next member of the directory; *ret_found is false, and *ret untouched, behind the last one. ERR_INPUT when the directory is broken. */
int zip_next(struct zip *z, struct zip_member *ret, bool *ret_found, struct error *err);
/* Appends the member's bytes to `out`, checked against its size and CRC. ERR_INPUT when it is larger than the limit, packed in a way that is not known, or
   broken; `out` then holds some of it. */
int zip_read(struct zip *z, const struct zip_member *member, size_t limit_bytes, struct strbuf *out, struct error *err);

/* The member's bytes as they are packed: *ret_at is where they begin in the file. ERR_INPUT when it is encrypted, packed in a way that is not known, or not where
   the directory says. */
int zip_find(const struct zip *z, const struct zip_member *member, uint64_t *ret_at, struct error *err);
/* Exactly `length` bytes of the file from `at` on. */
int zip_read_at(const struct zip *z, void *bytes, size_t length, uint64_t at, struct error *err);

/* A member read piece by piece, without holding all of it: forward at the cost of what lies between, backward from its beginning again. The checksum is not
   looked at. Zeroed is valid and closed; zip_stream_close() in any case; the zip must stay open. */
struct zip_stream;
/* ERR_INPUT as zip_read(). */
int zip_stream_open(struct zip *z, const struct zip_member *member, struct zip_stream **ret, struct error *err);
/* Exactly `length` bytes from `at` on. ERR_INPUT when the member ends before, or is broken. */
int zip_stream_read(struct zip_stream *s, uint64_t at, void *bytes, size_t length, struct error *err);
void zip_stream_close(struct zip_stream *s); /* NULL is fine */
