/* The store: every release in SQLite, lockfiles/lockstep.db, for questions over many releases. Made from the text files alone, never the other way: it can be
   deleted at any time, and made at once or release by release it has the same rows. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "io/sql.h"

/* What a synchronisation did. Zeroed is valid. */
struct release_store_changes {
	size_t added, replaced, removed;
	size_t release_count; /* in the store afterwards */
	bool rebuilt;         /* made from nothing: that was asked for, or the file was damaged and put aside */
	struct strbuf notes;  /* one line for each thing the user should know: a damaged store, a release whose text cannot be read */
};

void release_store_changes_release(struct release_store_changes *c);
#define autochanges __attribute__((cleanup(release_store_changes_release)))

/* Makes the store equal to the text: releases that are missing are added, those whose SHA256SUMS differ are replaced, those gone from the text are removed,
   each in a transaction of its own. A damaged file is put aside as lockstep.db.damaged and made again. A release whose text was changed by hand is left out,
   with a note. Does nothing in a project without lockfiles/. ERR_INPUT for a store of a newer lockstep; ERR_IO, ERR_BUSY when it cannot be written. */
int release_store_sync(const char *root, struct release_store_changes *ret, struct error *err);
/* The same, from nothing: the old file is replaced once the new one is complete. */
int release_store_rebuild(const char *root, struct release_store_changes *ret, struct error *err);
/* Compares with what the text gives, row for row. 1: the same; 0: not, and `report` says the first difference; -1: cannot be compared. Writes nothing. */
int release_store_check(const char *root, struct strbuf *report, struct error *err);
/* Opens it for questions, read-only. ERR_NOT_FOUND when there is none; release_store_sync() first where the tree can be written. */
int release_store_open(const char *root, struct sql **ret, struct error *err);
/* Every row of every table as text, "table|column|column", in order. */
int release_store_dump(struct sql *db, struct strbuf *out, struct error *err);
