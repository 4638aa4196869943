/* Archives of sources (.tar.gz, .tar, .zip), looked through without unpacking them, and plain archives written; by libarchive. Nothing in an archive is run,
   and nothing of it reaches a file system by this module. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

enum { TARBALL_MEMBERS_MAX = 200000, TARBALL_TEXT_MAX_BYTES = 16 << 20 };
#define TARBALL_SIZE_MAX_BYTES ((uint64_t)4 << 30) /* of all members together, unpacked */

struct tarball_look {
	const char *name; /* of the archive, in messages; NULL: its path's */
	/* Whether the text of a member is asked for; its name is relative and has no "." or ".." parts. */
	bool (*wants)(void *context, const char *name);
	/* Its bytes, whole; they live until this returns. */
	void (*on_text)(void *context, const char *name, const char *text, size_t length);
	void *context;
};

/* Goes through all members. ERR_INPUT, naming the archive and the member, when one could get out of the folder it is unpacked in (absolute, "..", a link that
   leads out), is neither file, folder nor link, when there are more or larger ones than the limits above, or when the archive is broken. */
int tarball_look_through(const char *path, const struct tarball_look *look, struct error *err);

/* A member to be written. */
struct tarball_member {
	const char *name;
	const char *bytes; /* of a file; of a link, where it leads */
	size_t length;
	bool is_link, is_executable;
};

/* An archive being written. Zeroed is valid and closed. Of a tar archive the same members in the same order give the same bytes. */
struct tarball {
	void *writer;
	const char *path;
	bool is_zip;
};
/* A zip archive, whose bytes depend on the zlib at hand; else a tar archive. The file must not exist. */
int tarball_open(struct tarball *t, const char *path, bool is_zip, struct error *err);
int tarball_add(struct tarball *t, const struct tarball_member *member, struct error *err);
int tarball_close(struct tarball *t, struct error *err);
void tarball_drop(struct tarball *t); /* closes it unfinished; fine when it is closed */
