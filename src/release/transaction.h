/* A change of several files of the project, all together or not at all, whatever happens in between. New content is staged under .lockstep/release/<id>/ and
   made durable; then a journal that lists every move is renamed into place, which is the commit point; then the moves are made. A run that is killed before
   the commit point changed nothing, one killed after it is finished by transaction_recover(): every step can be repeated. Knows files, not what they mean.
   Whoever uses one holds the project's lock (.lockstep/lock). Paths are relative to the root and stay inside it. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

struct transaction;

struct transaction_file {
	const char *name; /* plain name in its folder */
	const char *text;
	size_t length;
};

/* Recovers what an earlier run left, then begins. */
int transaction_begin(const char *root, struct transaction **ret, struct error *err);
/* Frees; everything that was staged and not committed is removed. NULL is fine. */
void transaction_drop(struct transaction *t);
void transaction_cleanup(struct transaction **t);
#define autotransaction __attribute__((cleanup(transaction_cleanup)))

/* Plans new content for a file, which keeps its mode. `old_sha256` is what the file must hold until the commit (the content `text` was derived from); NULL:
   what it holds now. Content that is there already plans nothing. A symbolic link is followed, if it stays in the project. */
int transaction_add_file(struct transaction *t, const char *path, const char *text, size_t length, const char *old_sha256, struct error *err);
/* Plans a new folder with these files; nothing may be there before (ERR_INPUT). It appears whole, by one rename. */
int transaction_add_folder(struct transaction *t, const char *path, const struct transaction_file *files, size_t count, struct error *err);
/* Plans the removal of a file; one that is not there plans nothing. */
int transaction_add_removal(struct transaction *t, const char *path, struct error *err);
/* How many changes are planned. */
size_t transaction_size(const struct transaction *t);

/* Makes the planned changes. ERR_INPUT when a file is no longer what it was when its change was planned, ERR_IO when a folder cannot be written: nothing was
   changed then. An error after the commit point says that the next command finishes the work. Content that someone wrote between the last look and the move
   is kept in .lockstep/saved/ and named by a line in `notes` (which may be NULL). `after`, when not NULL, is called once all changes are made and before they
   count as done: a run that is killed in it calls it again when it is recovered. */
int transaction_commit(struct transaction *t, void (*after)(const char *root, struct strbuf *notes), struct strbuf *notes, struct error *err);

/* Finishes committed transactions and drops others. Returns how many were finished. Fast, and writes nothing, when there is nothing to do. */
int transaction_recover(const char *root, void (*after)(const char *root, struct strbuf *notes), struct strbuf *notes, struct error *err);
