/* pip's requirement and constraint files ("Requirements File Format" of pip's documentation), read as pip 26.3 reads them: its lines, options, quotes, variables,
   encodings and nested files. Opens nothing by itself: a callback does, so that the caller decides what may be opened. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "python/requirement.h"

/* Files inside files; files, lines and bytes in all: so that a few bytes cannot stand for more than memory holds. */
enum { REQUIREMENT_FILE_DEPTH_LIMIT = 100, REQUIREMENT_FILE_LIMIT = 10000, REQUIREMENT_LINE_LIMIT = 100000, REQUIREMENT_BYTES_LIMIT = 64 * 1024 * 1024 };

struct requirement_texts {
	const char **items;
	size_t count;
};

struct requirement_hash {
	const char *algorithm; /* "sha256", "sha384", "sha512" */
	struct requirement_texts digests;
};

struct requirement_setting {
	const char *key;
	struct requirement_texts values;
};

/* Names for and against, as in "--only-binary=:all: --no-binary=x": canonical, or ":all:"; sorted; no name is on both sides. */
struct requirement_control {
	struct requirement_texts on, off;
};

/* What the options of one line say. */
struct requirement_options {
	const char *index_url; /* -i; or NULL */
	struct requirement_texts extra_index_urls, find_links, trusted_hosts, features;
	struct requirement_texts requirements, constraints, editables; /* -r, -c, -e */
	bool no_index, prefer_binary, require_hashes, no_require_hashes, pre;
	struct requirement_control binary;   /* on: --only-binary, off: --no-binary */
	struct requirement_control releases; /* on: --all-releases, off: --only-final */
	struct requirement_hash *hashes;     /* in the order of their first use */
	size_t hash_count;
	struct requirement_setting *settings; /* --config-settings, the same */
	size_t setting_count;
};

/* A line but one that only names another file, whose lines stand in its place. */
struct requirement_line {
	struct pos pos;   /* of its first line, where it goes on over several */
	const char *text; /* the requirement, path or address; what -e names when there is none before the options; NULL: options only */
	bool is_editable; /* -e is there */
	bool is_constraint;
	/* When `text` is one by PEP 508. NULL for paths and addresses, and for what is nothing at all. */
	const struct requirement *requirement;
	/* Of those on a line with a requirement, only --hash and --config-settings count for it. */
	struct requirement_options options;
};

struct requirement_file {
	struct requirement_line *lines;
	size_t line_count;
	/* What all lines of options come to together. Of several -f on one line the first counts, as for pip. A path stays as it is written: `find_links_from` is the
	   file it stands in, whose folder it is relative to when it exists there. */
	bool default_index; /* the default index is asked still, before the others */
	struct requirement_texts index_urls, find_links, find_links_from, trusted_hosts, features;
	bool no_index, prefer_binary, require_hashes, no_require_hashes;
	struct requirement_control binary, releases; /* "--pre" is ":all:" in releases.on */
};

struct requirement_source {
	/* Appends what is at `place`, an absolute path or an http, https or file address. *ret_decoded says that it is UTF-8 already (else the file's own marks tell);
	   it is false before. */
	int (*open)(void *context, const char *place, struct strbuf *out, bool *ret_decoded, struct error *err);
	/* The value of a variable for ${NAME}; NULL and "" leave it as it is. The callback may be NULL. */
	const char *(*variable)(void *context, const char *name);
	void *context;
	const char *folder; /* absolute: what a relative path of the outermost file is relative to */
};

/* Reads a file and all it names. NULL, with problems in `d` at the lines they are in, when a file cannot be opened or decoded, names itself again, or a line has
   options that pip does not know or take. Where a file says nothing of its encoding it must be UTF-8 (pip would go by the locale then), and no NUL may be in it.
   That a file is named as a constraint counts for its own lines only, as for pip. */
struct requirement_file *requirement_file_read(struct arena *a, const char *path, bool is_constraint, const struct requirement_source *source, struct diag *d);

/* For requirement_source.open, with a pointer to this as context: files inside `root` and nothing else, links followed only when they stay in it. */
struct requirement_root {
	const char *root; /* absolute */
	size_t limit_bytes;
};
int requirement_root_open(void *context, const char *place, struct strbuf *out, bool *ret_decoded, struct error *err);
