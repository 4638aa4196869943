/* A gzip file (RFC 1952) written so that what is deflated already is not deflated again: the streams of a wheel's members go in as they are, small ones joined
   into one gzip member, large ones as members of their own; what lies between them (tar headers, text) is deflated here, by a method of our own, because the bytes
   may not change with the version of a library. Written once, front to back; both digests are known at the end. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "io/deflate_join.h"
#include "io/digest.h"

/* gzip_begin, any number of the others, gzip_end; gzip_release in any case. */
struct gzip {
	int fd;            /* the caller's */
	const char *path;  /* of it, for messages */
	struct strbuf out; /* not written yet */
	struct digest packed, plain;
	struct digest *beside; /* the caller's: goes over the plain bytes, too; NULL: none */
	uint64_t packed_bytes, plain_bytes;
	bool in_member;
	uint32_t crc;           /* of the member's bytes */
	uint64_t member_begins; /* in plain bytes */
	struct strbuf last;     /* the text written last, which the next is likely to resemble */
	uint64_t last_ends;     /* in plain bytes */
	struct deflate_join join;
	struct strbuf joined;
};

void gzip_begin(struct gzip *g, int fd, const char *path);
void gzip_release(struct gzip *g);

/* Bytes that are deflated here: runs and repetitions of the text before are found, nothing cleverer. */
int gzip_add(struct gzip *g, const void *bytes, size_t length, struct error *err);
/* A whole deflate stream, joined with what is before and behind it. `plain` has room for one byte more than plain_length and receives its bytes. *ret_crc is the
   CRC-32 of them. ERR_INPUT, without a subject, when it is no stream of these lengths. */
int gzip_join(struct gzip *g, const unsigned char *packed, size_t packed_length, unsigned char *plain, size_t plain_length, uint32_t *ret_crc,
	      struct error *err);

/* A stream of any size as a member of its own: begun, given in pieces of both forms, ended with its CRC-32 and its length. */
int gzip_member_begin(struct gzip *g, struct error *err);
int gzip_member_packed(struct gzip *g, const void *bytes, size_t length, struct error *err);
void gzip_member_plain(struct gzip *g, const void *bytes, size_t length);
int gzip_member_end(struct gzip *g, uint32_t crc, uint64_t length, struct error *err);

/* Bytes as they are, in stored blocks: at most GZIP_STORED_MAX_BYTES a call. */
enum { GZIP_STORED_MAX_BYTES = 65535 };
int gzip_store(struct gzip *g, const void *bytes, size_t length, uint32_t crc, struct error *err);

/* Ends the file. *ret_digest over the file, *ret_plain over what is in it. */
int gzip_end(struct gzip *g, char ret_digest[DIGEST_HEX_LENGTH + 1], char ret_plain[DIGEST_HEX_LENGTH + 1], struct error *err);
