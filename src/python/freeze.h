/* What `pip freeze` writes, one package after the other, read into its parts and written back byte for byte. No standard: every form that pip 26.3 has in
   operations/freeze.py and in what it calls there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/strbuf.h"

enum freeze_kind {
	FREEZE_VERSION,  /* name==version, or name===version where the version is none of PEP 440 */
	FREEZE_DIRECT,   /* name @ address: an archive, a folder, or with vcs+ and @commit a checkout (PEP 440, "Direct references"; PEP 610) */
	FREEZE_EDITABLE, /* -e, and what comments before it tell */
	FREEZE_OPTION,   /* -r, -f, --index-url, ...: of files that were given to pip freeze */
	FREEZE_COMMENT,
	FREEZE_BLANK,
	FREEZE_OTHER, /* nothing that pip writes */
};

/* What the comments before "-e" say of why it is a path. */
enum freeze_reason {
	FREEZE_NO_REASON,  /* none is there: an address of a repository, or pip did not find the program to ask */
	FREEZE_NO_VCS,     /* # Editable install with no version control (name==version) */
	FREEZE_NO_REMOTE,  /* # Editable Git install with no remote (name==version) */
	FREEZE_BAD_REMOTE, /* # Editable Git install (name==version) with either a deleted local remote or invalid URI:, # 'address' */
	FREEZE_UNKNOWN,    /* ## !! Could not determine repository location */
};

struct freeze_entry {
	enum freeze_kind kind;
	unsigned line;                  /* where its last line stands, from 1 */
	const char *name;               /* as written; of an editable one from its comment or "#egg=" (where '-' is '_'); NULL when nothing says it */
	const char *version;            /* VERSION, EDITABLE with a comment that says it; else NULL */
	bool is_arbitrary;              /* "===" */
	const char *vcs;                /* "git", "hg", "bzr", "svn": of a checkout; else NULL */
	bool is_bare;                   /* EDITABLE of "git://...", which has no "git+" before it */
	const char *url;                /* DIRECT, and EDITABLE of a repository: without vcs+ and @revision */
	const char *revision;           /* the commit of a checkout */
	const char *algorithm, *digest; /* DIRECT of an archive with a hash; else NULL */
	const char *subdirectory;       /* or NULL */
	enum freeze_reason reason;      /* EDITABLE */
	const char *repository;         /* NO_REMOTE, BAD_REMOTE: "Git", "Mercurial", ... */
	const char *remote;             /* BAD_REMOTE: what was configured */
	const char *path;               /* EDITABLE: where the project is, when it is no address */
	const char *text;               /* OPTION, COMMENT, BLANK, OTHER: the line; may hold NUL bytes */
	size_t text_length;
};

struct freeze {
	struct freeze_entry *entries;
	size_t count;
	bool is_ended; /* the last line has its line end */
};

/* Takes any text; what has none of pip's forms to the byte is OTHER. Copies into `a`. */
struct freeze freeze_read(struct arena *a, const char *text, size_t length);
/* Appends what was read. */
void freeze_write(struct strbuf *out, const struct freeze *f);
/* Appends one entry, its comments before it; without the last line end. */
void freeze_entry_write(struct strbuf *out, const struct freeze_entry *e);
/* Appends the lines of all entries but blank ones to a list, in `a`. */
void freeze_add_lines(struct arena *a, const struct freeze *f, const char ***lines, size_t *count);
/* By the bytes of the entries' last lines, comments staying before theirs. */
void freeze_sort(struct freeze *f);
