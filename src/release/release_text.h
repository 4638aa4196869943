/* The text form of a release: the files of lockfiles/<name>/. Writing is deterministic; reading is strict. */
#pragma once

#include <stdbool.h>

#include "release/release.h"
#include "release/transaction.h"

enum { RELEASE_VERSION = 1 };

/* Everything of a release but its lock and what `pip freeze` said. One item a line, so that a difference is one line. */
void release_json_write(const struct release *r, struct strbuf *out);
/* Fills name, previous, created, tool and the snapshots (without freeze), all in r->arena. `file` names the text in errors (ERR_INPUT). */
int release_json_parse(struct release *r, const char *file, const char *text, size_t length, struct error *err);

/* <container>.txt: the lines of `pip freeze` under a comment, a constraints file for pip. */
void release_freeze_parse(struct arena *a, const char *text, size_t length, struct snapshot *s);

/* All files of a release, SHA256SUMS last; in `a`. `r` needs its lock and snapshots. */
void release_files(struct arena *a, const struct release *r, struct transaction_file **ret, size_t *ret_count);
/* Reads and checks every file that a folder's SHA256SUMS lists: ERR_INPUT naming a file that was changed or is missing. `folder` is relative to root. Texts
   in `a`. */
int release_files_read(struct arena *a, const char *root, const char *folder, struct transaction_file **ret, size_t *ret_count, struct error *err);
/* The release that such files hold. `folder` is what they are called in errors (ERR_INPUT); the texts may go away afterwards. */
int release_files_parse(struct release *r, const char *folder, const char *name, const struct transaction_file *files, size_t count, struct error *err);
