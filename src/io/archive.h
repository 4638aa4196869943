/* Reads single members of archives with libarchive: Debian packages (deb(5): an ar archive of compressed tar archives). Bounded: what a file says of itself is
   not believed. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

/* Appends the control file of a Debian package: its fields, as dpkg reads them. ERR_INPUT when the file is no such package, or has a control file that is larger
   than any honest one; ERR_NOT_FOUND or ERR_IO when it cannot be read. */
int archive_read_control(const char *path, struct strbuf *out, struct error *err);
/* Looks at the names and links of a tar archive, compressed or not. ERR_INPUT for one that leaves the folder it is unpacked into, is a device or
   the like, or when it is no tar archive. */
int archive_check_names(const char *path, struct error *err);
