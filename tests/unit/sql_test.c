#include "unit.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "io/sql.h"

static struct sql *open_new(const char *path)
{
	autoerror struct error err = {0};
	struct sql *db = NULL;

	if (sql_open(path, false, &db, &err) < 0)
		fail_msg("%s", err.text);
	return db;
}

static void fill(const char *path)
{
	autoerror struct error err = {0};
	autosql struct sql *db = open_new(path);

	assert_int_equal(sql_execute(db, "CREATE TABLE t (a TEXT PRIMARY KEY, b INTEGER) STRICT; PRAGMA user_version = 7", &err), 0);
	for (int i = 0; i < 200; i++) {
		char name[32];

		snprintf(name, sizeof(name), "name%d", i);
		assert_int_equal(sql_run(db, &err, "INSERT INTO t VALUES (?, ?)", "ti", name, (int64_t)i), 0);
	}
	assert_int_equal(sql_run(db, &err, "INSERT INTO t VALUES (?, ?)", "tn", "null"), 0);
}

TEST(rows_come_back_as_they_went_in)
{
	autoerror struct error err = {0};
	autostatement struct sql_statement *s = NULL;
	int version = 0;

	fill("rows.db");
	struct sql *db = NULL;

	assert_int_equal(sql_open("rows.db", true, &db, &err), 0);
	assert_int_equal(sql_user_version(db, &version, &err), 0);
	assert_int_equal(version, 7);
	assert_int_equal(sql_query(db, &s, &err, "SELECT a, b FROM t WHERE b = ? OR b IS NULL ORDER BY a", "i", (int64_t)42), 0);
	assert_int_equal(sql_column_count(s), 2);
	assert_int_equal(sql_step(s, &err), 1);
	assert_string_equal(sql_column_text(s, 0), "name42");
	assert_int_equal(sql_column_integer(s, 1), 42);
	assert_int_equal(sql_step(s, &err), 1);
	assert_string_equal(sql_column_text(s, 0), "null");
	assert_null(sql_column_text(s, 1));
	assert_int_equal(sql_step(s, &err), 0);
	sql_statement_close(s);
	s = NULL;
	assert_int_equal(sql_run(db, &err, "DELETE FROM t", ""), -1);
	assert_int_equal(err.code, ERR_IO);
	assert_non_null(strstr(err.text, "read-only"));
	sql_close(db);
}

TEST(the_same_statement_can_be_open_twice)
{
	autoerror struct error err = {0};
	autosql struct sql *db = open_new(":memory:");
	struct sql_statement *outer = NULL, *inner = NULL;
	int seen = 0;

	assert_int_equal(sql_execute(db, "CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3)", &err), 0);
	assert_int_equal(sql_query(db, &outer, &err, "SELECT a FROM t", ""), 0);
	while (sql_step(outer, &err) == 1) {
		assert_int_equal(sql_query(db, &inner, &err, "SELECT a FROM t", ""), 0);
		while (sql_step(inner, &err) == 1)
			seen++;
		sql_statement_close(inner);
	}
	sql_statement_close(outer);
	assert_int_equal(seen, 9);
}

TEST(foreign_keys_and_constraints_hold)
{
	autoerror struct error err = {0};
	autosql struct sql *db = open_new("keys.db");

	assert_int_equal(sql_execute(db, "CREATE TABLE a (n TEXT PRIMARY KEY); CREATE TABLE b (n TEXT REFERENCES a)", &err), 0);
	assert_int_equal(sql_run(db, &err, "INSERT INTO b VALUES (?)", "t", "nobody"), -1);
	assert_int_equal(err.code, ERR_FAILED);
	assert_non_null(strstr(err.text, "FOREIGN KEY"));
	assert_int_equal(sql_execute(db, "nonsense", &err), -1);
	assert_int_equal(err.code, ERR_FAILED);
	assert_int_equal(sql_run(db, &err, "SELECT \"quoted\" FROM a", ""), -1);
}

TEST(a_missing_file_is_not_created_by_reading)
{
	autoerror struct error err = {0};
	struct sql *db = NULL;

	assert_int_equal(sql_open("absent.db", true, &db, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_false(file_exists("absent.db"));
	assert_int_equal(sql_open("no/such/folder.db", false, &db, &err), -1);
	assert_true(err.code == ERR_IO || err.code == ERR_NOT_FOUND);
}

/* Rubbish, a cut file and a file with a page of zeros are all ERR_INPUT, at the latest when the page is read. */
TEST(damage_is_told_apart)
{
	autoerror struct error err = {0};
	autostrbuf struct strbuf bytes = {0};
	struct sql *db = NULL;

	assert_int_equal(
		file_write("rubbish.db", "this is no database, whatever its name says, and long enough to be read as a header of one hundred bytes", 100, &err),
		0);
	assert_int_equal(sql_open("rubbish.db", false, &db, &err), -1);
	assert_int_equal(err.code, ERR_INPUT);
	assert_non_null(strstr(err.text, "'rubbish.db' is damaged"));

	fill("cut.db");
	assert_int_equal(file_read("cut.db", 1 << 20, &bytes, &err), 0);
	memset(bytes.text + 4096, 0xee, bytes.length - 4096);
	assert_int_equal(file_write("cut.db", bytes.text, bytes.length, &err), 0);
	error_release(&err);
	assert_int_equal(sql_open("cut.db", false, &db, &err), 0);
	assert_int_equal(sql_run(db, &err, "SELECT * FROM t", ""), -1);
	assert_int_equal(err.code, ERR_INPUT);
	sql_close(db);
}

TEST(a_writer_in_another_program_is_busy)
{
	autoerror struct error err = {0};
	autosql struct sql *one = NULL, *two = NULL;

	fill("busy.db");
	one = open_new("busy.db");
	two = open_new("busy.db");
	assert_int_equal(sql_execute(two, "PRAGMA busy_timeout = 50", &err), 0);
	assert_int_equal(sql_execute(one, "BEGIN IMMEDIATE", &err), 0);
	assert_int_equal(sql_execute(two, "BEGIN IMMEDIATE", &err), -1);
	assert_int_equal(err.code, ERR_BUSY);
	assert_non_null(strstr(err.text, "in use by another program"));
	assert_int_equal(sql_execute(one, "ROLLBACK", &err), 0);
}

/* Runs `body` with a tmpfs of a few pages at "small"; 77 where this machine does not allow a mount. */
static int in_small_disk(const char *options, int (*body)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		mkdir("small", 0755);
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("tmpfs", "small", "tmpfs", 0, options) < 0)
			_exit(77);
		_exit(body());
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

static int fill_disk(void)
{
	autoerror struct error err = {0};
	autosql struct sql *db = NULL;
	int failed = sql_open("small/full.db", false, &db, &err);

	if (!failed)
		failed = sql_execute(db, "CREATE TABLE t (a)", &err);
	for (int i = 0; !failed && i < 10000; i++)
		failed = sql_run(db, &err, "INSERT INTO t VALUES (hex(randomblob(500)))", "");
	return failed && err.code == ERR_IO && strstr(err.text, "disk is full") ? 0 : 1;
}

TEST(a_full_disk_is_said)
{
	int result = in_small_disk("size=400k", fill_disk);

	if (result == 77)
		skip();
	assert_int_equal(result, 0);
}

static int read_read_only(void)
{
	autoerror struct error err = {0};
	autosql struct sql *db = NULL;

	fill("small/a %b?.db");
	if (mount(NULL, "small", NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return 77;
	if (sql_open("small/a %b?.db", true, &db, &err) < 0 || sql_run(db, &err, "SELECT * FROM t", "") < 0)
		return 1;
	sql_close(steal(&db));
	return sql_open("small/a %b?.db", false, &db, &err) < 0 && err.code == ERR_IO && strstr(err.text, "read-only") ? 0 : 2;
}

TEST(a_read_only_folder_can_be_read)
{
	int result = in_small_disk("size=4m", read_read_only);

	if (result == 77)
		skip();
	assert_int_equal(result, 0);
}
