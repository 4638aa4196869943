/* What most commands begin with: find the project, finish what a killed run left, read the database, keep other runs out. */
#pragma once

#include "base/strbuf.h"
#include "cmd/command.h"
#include "lock/lock.h"
#include "recipe/database.h"

/* Finds the project from -C or the working folder and loads its database. Problems are printed to stderr; -1 when there are errors among them. The database
   must be released either way. */
int open_database(const struct command_call *call, struct database *db, struct error *err);
/* The lock that counts now (lock/current.h), problems printed; ERR_INPUT when it is the last release's and was changed by hand. The lock must be released
   either way. */
int open_lock(const struct database *db, struct lock *ret, const char **ret_from, struct error *err);
/* ERR_INPUT when the lock `from` is the last release's, and was changed by hand. */
int open_check_release(const struct database *db, const char *from, struct error *err);
/* The containers that the call's arguments name, all without any: in the database's order, each once, in the call's arena. */
int open_containers(const struct command_call *call, const struct database *db, const struct container ***ret, size_t *ret_count, struct error *err);
/* Only the root, without reading the database: for commands that look at releases. Finishes or drops what a killed run left, where that can be done here. */
int open_root(const struct command_call *call, char **ret_root, struct error *err);
/* Takes the project's lock (.lockstep/lock) and finishes or drops what a killed run left; the lock is held until *ret_fd is closed. ERR_BUSY when another
   lockstep works here. */
int open_for_change(const char *root, int *ret_fd, struct error *err);
/* Prints lines for the user to stderr, made safe for a terminal. */
void open_print_notes(const struct strbuf *notes);
/* Prints the problems of `d` to stderr; they are not printed again by a later call with the same d. */
void open_print_problems(struct diag *d);
