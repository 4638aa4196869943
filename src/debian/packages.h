/* What archives of Debian packages have: their Packages files, which apt fetched and checked against a signature, and control files of packages (deb822(5)).
   Nothing they say is believed further than it is checked here: names, versions, sizes, digests and paths have their form, or are refused. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"

/* Bytes of the stanza at `text`, up to the empty line or the end. */
size_t stanza_length(const char *text);
/* The value of a field on its line, in `a`; NULL when the stanza has no such field. `stanza` ends at its NUL or at an empty line. */
const char *stanza_field(struct arena *a, const char *stanza, const char *name);

/* The same with the lines that continue it, each behind a newline. */
const char *stanza_whole_field(struct arena *a, const char *stanza, const char *name);

/* A package at a version, as a Packages file or its own control file names it. */
struct deb_record {
	const char *name, *version, *architecture;
	const char *stanza;  /* all of it, ending with one newline */
	const char *path;    /* below the archive's root; NULL in a control file */
	const char *sha256;  /* NULL in a control file */
	uint64_t size_bytes; /* 0 in a control file */
};

/* Reads a stanza of a Packages file (`listed`), or a control file. Everything in `a`. ERR_INPUT, naming `from`, when something in it has not its form. */
int deb_record_read(struct arena *a, const char *stanza, bool listed, const char *from, struct deb_record *ret, struct error *err);

/* Where the stanzas of several Packages files stand, by name. Zeroed is valid and empty. */
struct packages;
struct packages *packages_new(void);
void packages_free(struct packages *p);
/* Adds a file, which must stay as it is. ERR_INPUT for one that no archive would have: a stanza beyond 1 MiB. */
int packages_add(struct packages *p, const char *path, struct error *err);
/* The record of this package, architecture and version, with this digest where that is not NULL; 1 when it was found, 0 when there is none. */
int packages_find(struct packages *p, struct arena *a, const char *name, const char *architecture, const char *version, const char *sha256,
		  struct deb_record *ret, struct error *err);
/* The names of all packages, sorted, each once, in `a`: for finding the nearest. */
int packages_names(struct packages *p, struct arena *a, const char *const **ret, size_t *ret_count, struct error *err);

/* Form: a package's name, a version, an architecture, a path below an archive's root. */
bool deb_is_name(const char *text);
bool deb_is_version(const char *text);
bool deb_is_architecture(const char *text);
bool deb_is_path(const char *text);
