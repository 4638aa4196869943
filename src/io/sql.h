/* SQLite behind a few calls that fit lockstep: prepared statements with positional parameters, typed columns, errors as struct error. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct sql;
struct sql_statement;

/* Opens or creates a database: WAL, foreign keys on, busy timeout 5 s, defensive and untrusted-schema settings. read_only changes nothing (SQLite may leave
   an empty "-wal" and "-shm" beside the file, which the next writer removes) and works in a read-only folder; ERR_NOT_FOUND when there is no file. ":memory:"
   is a database of its own. Errors of all functions here: ERR_INPUT, and only then, when the file is damaged or no database; ERR_BUSY when another program
   holds it longer than the timeout; ERR_IO when the disk is full, the file read-only or unreadable; ERR_FAILED for a statement that is refused (a constraint,
   a missing table). */
int sql_open(const char *path, bool read_only, struct sql **ret_db, struct error *err);
void sql_close(struct sql *db); /* NULL is fine; every statement must be closed before */
#define autosql __attribute__((cleanup(sql_cleanup)))
void sql_cleanup(struct sql **db);
int sql_execute(struct sql *db, const char *statements, struct error *err); /* no parameters */
int sql_user_version(struct sql *db, int *ret_version, struct error *err);

/* types: one char per parameter: 't' const char * (NULL is NULL), 'i' int64_t, 'n' NULL (takes nothing). Runs to the end; for changes. */
int sql_run(struct sql *db, struct error *err, const char *statement, const char *types, ...);
/* The same, giving rows: loop while sql_step() returns 1; 0 at the end, -1 on error. Close always. */
int sql_query(struct sql *db, struct sql_statement **ret, struct error *err, const char *statement, const char *types, ...);
int sql_step(struct sql_statement *s, struct error *err);
int sql_column_count(struct sql_statement *s);
const char *sql_column_text(struct sql_statement *s, int column); /* NULL for NULL; valid until the next step */
int64_t sql_column_integer(struct sql_statement *s, int column);
void sql_statement_close(struct sql_statement *s);
#define autostatement __attribute__((cleanup(sql_statement_cleanup)))
void sql_statement_cleanup(struct sql_statement **s);
