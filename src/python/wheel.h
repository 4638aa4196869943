/* Wheel file names, platform tags and metadata (PEP 425, 427, 600, 656; core metadata). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "io/digest.h"

struct wheel_name {
	const char *name;    /* canonical */
	const char *version; /* normal form */
	const char *build;   /* build tag, or NULL */
	const char **tags;   /* "cp311-cp311-manylinux_2_17_x86_64", compressed sets expanded */
	size_t tag_count;
};
/* "numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"; false when it is no valid wheel name. What the reference takes and this does not:
   letters beyond ASCII in the name and the Python tag, and sets that stand for more than 1024 tags. Tags are in lower case, each once. */
bool wheel_name_parse(struct arena *a, const char *file_name, struct wheel_name *ret);

/* The tags an environment takes, best first, as packaging.tags.sys_tags() gives them on Linux. */
struct wheel_platform {
	const char *python;              /* "3.11"; "3.13t": free-threaded; numbers up to 99 here and below */
	const char *implementation;      /* "cpython", "pypy"; of others, only the tags that every Python takes are known */
	const char *machine;             /* "x86_64" */
	const char *libc, *libc_version; /* "glibc" "2.36"; "musl" "1.2" */
};
void wheel_tags(struct arena *a, const struct wheel_platform *platform, const char ***ret_tags, size_t *ret_count);
/* Place of the wheel's best tag in the list (lower is better), or -1 when none fits. */
long wheel_rank(const struct wheel_name *wheel, const char *const *tags, size_t tag_count);

struct wheel_metadata {
	const char *name;            /* as written; valid */
	const char *version;         /* normal form */
	const char *requires_python; /* as written, or NULL */
	const char **requires_dist;  /* as written, unfolded */
	size_t requires_dist_count;
	const char **provides_extra; /* canonical, sorted, each once */
	size_t provides_extra_count;
	const char *metadata_version; /* "2.2", as written; or NULL */
	const char **dynamic;         /* PEP 643: fields of an sdist's that its build may change, as written */
	size_t dynamic_count;
	char metadata_sha256[DIGEST_HEX_LENGTH + 1];
};
/* Reads METADATA out of the .whl at `path`; ERR_INPUT when it is no wheel or its metadata is broken. */
int wheel_metadata_read(struct arena *a, const char *path, struct wheel_metadata *ret, struct error *err);
/* The same from the text of METADATA, or of the ".metadata" file that stands beside a wheel in an index (PEP 658). */
int wheel_metadata_parse(struct arena *a, const char *text, size_t length, struct wheel_metadata *ret, struct error *err);

/* A digest over what a wheel's RECORD says of the files that pip installs as they are: SHA-256 of the lines "path<TAB>sha256=...<NEWLINE>", sorted by bytes.
   Left out is what an installer writes or rewrites: RECORD itself and its signatures, INSTALLER, REQUESTED, direct_url.json, bytecode, and of .data all but
   purelib and platlib, which count by where they go. The same over an installed package tells whether it came from this wheel. ERR_INPUT when it has no
   RECORD. */
int wheel_record_digest(const char *path, char ret_hex[DIGEST_HEX_LENGTH + 1], struct error *err);
