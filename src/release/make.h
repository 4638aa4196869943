/* Making a release: the text in lockfiles/, the rendered files, the tags and the store, in one transaction. */
#pragma once

#include "base/diag.h"
#include "recipe/database.h"
#include "release/release.h"
#include "render/dockerfile.h"

/* Finishes what a run that was killed had decided, drops what it had not, and completes the store. Takes the project's lock (.lockstep/lock) only when there
   is something to do. For the start of every command that reads or writes releases: with `to_read`, another run at work, a read-only tree or a full disk are
   no errors, since whole releases can be read all the same. `notes` (or NULL) gets one line for each thing the user should know. */
int release_recover(const char *root, bool to_read, struct strbuf *notes, struct error *err);
/* The same for a caller that holds the project's lock already. Returns how many releases were finished. */
int release_recover_locked(const char *root, struct strbuf *notes, struct error *err);

/* Makes release `name` (release_next_name()) of these snapshots, one for each container of the lock. The caller holds the project's lock. All of
   lockfiles/<name>/, lockfiles/latest/, the rendered files, the tags and the removal of the working lock happen, or nothing does: ERR_INPUT, with places in
   `d`, when a tag cannot be moved; ERR_INPUT when a file was changed while this ran. The store follows; that it cannot is a line in `notes`, since it can be
   made again. */
int release_make(const struct database *db, const struct lock *lock, const struct snapshot *snapshots, size_t count, const struct rendered_file *rendered,
		 size_t rendered_count, const char *name, struct diag *d, struct strbuf *notes, struct error *err);
