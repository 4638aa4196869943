/* Reads single members of archives with libarchive: Debian packages (deb(5): an ar archive of compressed tar archives). Bounded: what a file says of itself is
   not believed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "io/digest.h"

/* Appends the control file of a Debian package: its fields, as dpkg reads them. ERR_INPUT when the file is no such package, or has a control file that is larger
   than any honest one; ERR_NOT_FOUND or ERR_IO when it cannot be read. */
int archive_read_control(const char *path, struct strbuf *out, struct error *err);
/* Looks at the names and links of a tar archive, compressed or not. ERR_INPUT for one that leaves the folder it is unpacked into, is a device or
   the like, or when it is no tar archive. */
int archive_check_names(const char *path, struct error *err);

enum archive_kind { ARCHIVE_FILE, ARCHIVE_FOLDER, ARCHIVE_LINK, ARCHIVE_HARD_LINK };
struct archive_member {
	const char *name; /* as it stands there */
	enum archive_kind kind;
	const char *target; /* of a link, as it stands there */
	const char *bytes;  /* of a file, with a NUL behind them; NULL when there are more than the limit */
	size_t length;
};
/* Every file, folder and link of a tar archive, compressed or not, with what files hold, in `a`; what is neither is left out. ERR_INPUT when it is no tar archive, or
   has more members, or more bytes in files within `file_limit_bytes` all together, than `member_max` and `total_limit_bytes`. */
struct archive_limits {
	size_t member_max, file_limit_bytes, total_limit_bytes;
};
int archive_read_tar(struct arena *a, const char *path, const struct archive_limits *limits, struct archive_member **ret, size_t *ret_count, struct error *err);
/* SHA-256 of what a compressed file holds, or of the file where it is not compressed. ERR_INPUT when it cannot be unpacked. */
int archive_plain_digest(const char *path, char ret_hex[DIGEST_HEX_LENGTH + 1], struct error *err);
