/* The journal of a transaction: its moves, their text form, and how they are made so that doing them again is right. Only transaction.c uses this; every change
   to the disk that a transaction makes is made here, and each can be the last one a test lets happen (see journal_step in the .c). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "io/digest.h"

enum journal_kind { MOVE_FILE, MOVE_FOLDER, MOVE_REMOVE };

struct journal_move {
	enum journal_kind kind;
	const char *staged;     /* plain name in the staging folder; NULL for MOVE_REMOVE */
	const char *target;     /* relative to the root */
	const char *new_sha256; /* MOVE_FILE */
	const char *old_sha256; /* MOVE_FILE: NULL when there was no such file; MOVE_REMOVE */
};

struct journal {
	const char *id; /* of the staging folder */
	struct journal_move *moves;
	size_t move_count;
};

/* 1 and the digest of a regular file's content; 0 when nothing is there; -1 for anything else. */
int journal_content(const char *path, char ret_sha256[DIGEST_HEX_LENGTH + 1], struct error *err);

int journal_make_folder(const char *path, struct error *err);
int journal_stage_file(const char *path, const char *text, size_t length, mode_t mode, struct error *err);
int journal_sync_folder(const char *path, struct error *err);

/* Makes the staging folder durable and renames the journal into it: the commit point. *ret_committed tells, also on failure, whether that point was passed. */
int journal_write(const struct journal *j, const char *root, const char *staging, bool *ret_committed, struct error *err);
/* 1 with the journal of a staging folder, in `a`; 0 when it has none. */
int journal_read(struct journal *j, struct arena *a, const char *staging, struct error *err);
/* Makes all moves that are not made yet. */
int journal_apply(const struct journal *j, const char *root, const char *staging, struct strbuf *notes, struct error *err);
/* Removes the journal, then the staging folder. */
int journal_end(const char *staging, struct error *err);
