#include "io/sql.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include <sqlite3.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"

/* A bulk load runs the same few inserts thousands of times; preparing each anew would take longer than running it. */
enum { CACHE_SIZE = 32, BUSY_TIMEOUT_MS = 5000 };

struct cached {
	char *text;
	sqlite3_stmt *statement;
	bool in_use;
};

struct sql {
	sqlite3 *handle;
	char *path;
	struct cached cache[CACHE_SIZE];
	size_t next_slot;
};

struct sql_statement {
	struct sql *db;
	sqlite3_stmt *statement;
	struct cached *slot; /* NULL: not of the cache */
};

static int full(struct sql *db, struct error *err)
{
	return error_set(err, ERR_IO, "cannot write '%s': the disk is full; free some space and run the same command again", db->path);
}

/* SQLite's result codes become ours here and nowhere else. */
static int failed(struct sql *db, int code, struct error *err)
{
	int system_error = db->handle ? sqlite3_system_errno(db->handle) : 0;

	/* Looking for files that may be absent leaves this behind, so it explains a failure to open only. */
	if (system_error == ENOENT && (code & 0xff) != SQLITE_CANTOPEN)
		system_error = 0;
	if (code == SQLITE_IOERR_SHORT_READ || code == SQLITE_IOERR_DATA || code == SQLITE_IOERR_CORRUPTFS)
		code = SQLITE_CORRUPT;
	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return error_set(err, ERR_BUSY, "'%s' is in use by another program; wait for it to end and run the same command again", db->path);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
		return error_set(err, ERR_INPUT, "'%s' is damaged or no SQLite database: %s", db->path, sqlite3_errstr(code));
	case SQLITE_FULL:
		return full(db, err);
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return error_set(err, ERR_IO, "cannot write '%s': the file or its folder is read-only", db->path);
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		if (system_error == ENOSPC || system_error == EDQUOT)
			return full(db, err);
		if (system_error) {
			errno = system_error;
			return error_errno(err, "cannot use '%s'", db->path);
		}
		return error_set(err, ERR_IO, "cannot use '%s': %s", db->path, sqlite3_errstr(code));
	case SQLITE_INTERRUPT:
		return error_set(err, ERR_CANCELLED, "stopped while using '%s'", db->path);
	default:
		return error_set(err, ERR_FAILED, "'%s': %s", db->path, db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code));
	}
}

static int open_handle(struct sql *db, const char *name, int flags, struct error *err)
{
	int code;

	sqlite3_close(db->handle);
	db->handle = NULL;
	code = sqlite3_open_v2(name, &db->handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
	return code == SQLITE_OK ? 0 : failed(db, code, err);
}

/* Nothing in the file may run code of its own: no extension, no function of the schema's choice, no writing to the schema by hand. */
static int harden(struct sql *db, struct error *err)
{
	static const struct {
		int option, value;
	} settings[] = {
		{SQLITE_DBCONFIG_DEFENSIVE, 1},   {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0}, {SQLITE_DBCONFIG_ENABLE_FKEY, 1},
		{SQLITE_DBCONFIG_DQS_DDL, 0},     {SQLITE_DBCONFIG_DQS_DML, 0},        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
		{SQLITE_DBCONFIG_ENABLE_VIEW, 1}, {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		int code = sqlite3_db_config(db->handle, settings[i].option, settings[i].value, NULL);

		if (code != SQLITE_OK)
			return failed(db, code, err);
	}
	sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
	return sql_execute(db, "PRAGMA cell_size_check = ON", err);
}

/* Reading the header is what finds a file that is no database, and a WAL that cannot be used here. */
static int touch(struct sql *db, struct error *err)
{
	return sql_execute(db, "SELECT count(*) FROM sqlite_schema", err);
}

static void add_uri(struct strbuf *out, const char *path)
{
	strbuf_add(out, "file:");
	for (const char *p = path; *p; p++) {
		if (strchr("%?# ", *p) || (unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
			strbuf_printf(out, "%%%02X", (unsigned char)*p);
		else
			strbuf_add_char(out, *p);
	}
	strbuf_add(out, "?immutable=1");
}

/* A WAL database wants to make its "-shm" file even to be read. Where the folder is read-only it is opened as a file that cannot change, which is right as
   long as no transactions wait in a "-wal" file. */
static int open_immutable(struct sql *db, struct error *err)
{
	autofree char *log = mem_printf("%s-wal", db->path);
	autostrbuf struct strbuf uri = {0};

	if (file_size(log) > 0)
		return -1; /* err says already why the usual way did not work */
	error_release(err);
	add_uri(&uri, db->path);
	if (open_handle(db, strbuf_text(&uri), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err) < 0 || harden(db, err) < 0)
		return -1;
	return touch(db, err);
}

static int open_read_only(struct sql *db, struct error *err)
{
	if (open_handle(db, db->path, SQLITE_OPEN_READONLY, err) < 0 || harden(db, err) < 0)
		return -1;
	if (touch(db, err) == 0)
		return 0;
	return err->code == ERR_IO || err->code == ERR_NOT_FOUND ? open_immutable(db, err) : -1;
}

static int open_to_write(struct sql *db, struct error *err)
{
	if (open_handle(db, db->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err) < 0)
		return -1;
	/* SQLite opens what it may not write for reading, without a word. */
	if (sqlite3_db_readonly(db->handle, "main") == 1)
		return failed(db, SQLITE_READONLY, err);
	if (harden(db, err) < 0 || touch(db, err) < 0)
		return -1;
	/* NORMAL may lose the last transactions in a power cut, never consistency. */
	return sql_execute(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", err);
}

int sql_open(const char *path, bool read_only, struct sql **ret_db, struct error *err)
{
	struct sql *db;

	if (read_only && strcmp(path, ":memory:") != 0 && !file_exists(path))
		return error_set(err, ERR_NOT_FOUND, "cannot open '%s': there is no such file", path);
	db = mem_zero(1, sizeof(*db));
	db->path = mem_strdup(path);
	if ((read_only ? open_read_only(db, err) : open_to_write(db, err)) < 0) {
		sql_close(db);
		return -1;
	}
	*ret_db = db;
	return 0;
}

void sql_close(struct sql *db)
{
	if (!db)
		return;
	for (size_t i = 0; i < CACHE_SIZE; i++) {
		assert(!db->cache[i].in_use);
		sqlite3_finalize(db->cache[i].statement);
		free(db->cache[i].text);
	}
	sqlite3_close(db->handle);
	free(db->path);
	free(db);
}

void sql_cleanup(struct sql **db)
{
	sql_close(*db);
}

int sql_execute(struct sql *db, const char *statements, struct error *err)
{
	int code = sqlite3_exec(db->handle, statements, NULL, NULL, NULL);

	return code == SQLITE_OK ? 0 : failed(db, code, err);
}

int sql_user_version(struct sql *db, int *ret_version, struct error *err)
{
	autostatement struct sql_statement *s = NULL;

	if (sql_query(db, &s, err, "PRAGMA user_version", "") < 0 || sql_step(s, err) < 0)
		return -1;
	*ret_version = (int)sql_column_integer(s, 0);
	return 0;
}

static struct cached *find_cached(struct sql *db, const char *text)
{
	for (size_t i = 0; i < CACHE_SIZE; i++) {
		if (db->cache[i].text && !db->cache[i].in_use && !strcmp(db->cache[i].text, text))
			return &db->cache[i];
	}
	return NULL;
}

static struct cached *free_slot(struct sql *db)
{
	for (size_t i = 0; i < CACHE_SIZE; i++) {
		struct cached *slot = &db->cache[db->next_slot++ % CACHE_SIZE];

		if (slot->in_use)
			continue;
		sqlite3_finalize(slot->statement);
		free(slot->text);
		*slot = (struct cached){0};
		return slot;
	}
	return NULL;
}

static struct sql_statement *prepare(struct sql *db, const char *text, struct error *err)
{
	struct cached *slot = find_cached(db, text);
	sqlite3_stmt *statement = slot ? slot->statement : NULL;

	if (!statement) {
		int code = sqlite3_prepare_v3(db->handle, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);

		if (code != SQLITE_OK) {
			failed(db, code, err);
			return NULL;
		}
		slot = free_slot(db);
		if (slot)
			*slot = (struct cached){.text = mem_strdup(text), .statement = statement};
	}
	if (slot)
		slot->in_use = true;
	struct sql_statement *s = mem_zero(1, sizeof(*s));

	*s = (struct sql_statement){.db = db, .statement = statement, .slot = slot};
	return s;
}

/* Texts stay the caller's until the statement has run: a cached statement keeps none of them. */
static int bind(struct sql_statement *s, const char *types, va_list args, struct error *err)
{
	assert((size_t)sqlite3_bind_parameter_count(s->statement) == strlen(types));
	for (int i = 0; types[i]; i++) {
		int code;

		switch (types[i]) {
		case 't': {
			const char *text = va_arg(args, const char *);

			code = text ? sqlite3_bind_text(s->statement, i + 1, text, -1, SQLITE_TRANSIENT) : sqlite3_bind_null(s->statement, i + 1);
			break;
		}
		case 'i':
			code = sqlite3_bind_int64(s->statement, i + 1, va_arg(args, int64_t));
			break;
		default:
			assert(types[i] == 'n');
			code = sqlite3_bind_null(s->statement, i + 1);
		}
		if (code != SQLITE_OK)
			return failed(s->db, code, err);
	}
	return 0;
}

static int start(struct sql *db, struct sql_statement **ret, struct error *err, const char *statement, const char *types, va_list args)
{
	autostatement struct sql_statement *s = prepare(db, statement, err);

	if (!s || bind(s, types, args, err) < 0)
		return -1;
	*ret = steal(&s);
	return 0;
}

int sql_run(struct sql *db, struct error *err, const char *statement, const char *types, ...)
{
	autostatement struct sql_statement *s = NULL;
	va_list args;
	int result;

	va_start(args, types);
	result = start(db, &s, err, statement, types, args);
	va_end(args);
	if (result < 0)
		return -1;
	do
		result = sql_step(s, err);
	while (result > 0);
	return result;
}

int sql_query(struct sql *db, struct sql_statement **ret, struct error *err, const char *statement, const char *types, ...)
{
	va_list args;
	int result;

	va_start(args, types);
	result = start(db, ret, err, statement, types, args);
	va_end(args);
	return result;
}

int sql_step(struct sql_statement *s, struct error *err)
{
	int code = sqlite3_step(s->statement);

	if (code == SQLITE_ROW)
		return 1;
	return code == SQLITE_DONE ? 0 : failed(s->db, code, err);
}

int sql_column_count(struct sql_statement *s)
{
	return sqlite3_column_count(s->statement);
}

const char *sql_column_text(struct sql_statement *s, int column)
{
	return (const char *)sqlite3_column_text(s->statement, column);
}

int64_t sql_column_integer(struct sql_statement *s, int column)
{
	return sqlite3_column_int64(s->statement, column);
}

void sql_statement_close(struct sql_statement *s)
{
	if (!s)
		return;
	if (s->slot) {
		sqlite3_reset(s->statement);
		sqlite3_clear_bindings(s->statement);
		s->slot->in_use = false;
	} else {
		sqlite3_finalize(s->statement);
	}
	free(s);
}

void sql_statement_cleanup(struct sql_statement **s)
{
	sql_statement_close(*s);
}
