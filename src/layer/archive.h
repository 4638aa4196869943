/* A wheel as an archive: what is in it, and that it is sound (PEP 427, "Recording installed projects"). Nothing of it is trusted: a name that leaves its folder, is
   there twice or would act on a terminal, a link, a RECORD that does not name what is there, members that overlap or unpack to far too much are refused. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "io/zip.h"
#include "layer/programs.h"
#include "python/record_rows.h"

struct archive_member {
	struct zip_member zip;
	const char *name; /* normal form, UTF-8 */
	uint64_t limit;   /* where the next one begins in the file */
	const char *hash; /* as RECORD has it; "": it does not say */
	bool is_recorded;
};

struct archive {
	struct zip zip;
	struct arena *arena;                       /* the caller's, as what follows */
	const char *file_name, *project, *version; /* as given to archive_read() */
	uint64_t size_bytes;                       /* of the file */
	struct archive_member *members;            /* files, by name */
	size_t count;
	const char *dist_info; /* "name-1.0.dist-info" */
	bool is_pure;          /* for purelib, not platlib */
	struct program *programs;
	size_t program_count;
	struct record_rows record; /* of the wheel */
};
#define ARCHIVE_NONE ((struct archive){.zip = ZIP_NONE})
void archive_release(struct archive *w);

/* `project` is its canonical name; programs are those for Python `version` ("3.11"). Texts live in `a`. ERR_INPUT names the wheel, the member and the reason. */
int archive_read(struct arena *a, const char *path, const char *file_name, const char *project, const char *version, struct archive *ret, struct error *err);
/* By its normal form; NULL: there is none. */
struct archive_member *archive_find(const struct archive *w, const char *name);
/* Of plain parts, as pip's normpath leaves it: "a//b" and "./a" are fine there, and so are they here. NULL when it is absolute, leads out or is nothing. In `a`,
   or `name` itself where it is normal. */
const char *archive_normal_path(struct arena *a, const char *name);

/* ERR_INPUT: "cannot install '<wheel>': '<member>' in it <why>". Returns -1. */
int archive_refuse(const struct archive *w, const char *member, const char *why, struct error *err);
/* The same before an error that is set, which says why; `member` may be NULL. Returns -1. */
int archive_wrap(const struct archive *w, const char *member, struct error *err);
