/* Tar headers (POSIX ustar, with pax headers where a name or a size does not fit) in one canonical form: owner 0, no names of owners, one time for all. */
#pragma once

#include <stdint.h>

#include "base/strbuf.h"

enum { TAR_BLOCK_BYTES = 512 };
enum tar_kind { TAR_FILE, TAR_FOLDER };

struct tar_entry {
	enum tar_kind kind;
	const char *path; /* UTF-8, relative, no '/' at its end */
	unsigned mode;    /* permissions only */
	uint64_t size_bytes;
	int64_t modified_unix;
};

/* Appends the entry's header, and the pax header before it where it needs one. */
void tar_header(const struct tar_entry *entry, struct strbuf *out);
/* The zeros that bring a file of so many bytes to a whole block. */
unsigned tar_padding(uint64_t size_bytes);
